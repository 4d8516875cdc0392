/** `fota-pull`: Flashproof is the server; the device asks for manifest and chunks, restarts, and reports (seed 4). */
import { FlashproofError } from '../../../shared/errors.ts'
import type { Endpoint } from '../../discovery/target.ts'
import { endpointOf } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import { OTHER_PROJECT, type Judgement } from '../judgement.ts'
import type { TransferProtocol } from '../transfer-protocol.ts'
import { judgeBefore, judgeRequired, reach } from './checks.ts'
import { localAddress } from './local-address.ts'
import { optionSpecs, profiles, readOptions } from './options.ts'
import { createRelease } from './release.ts'
import { PullRun } from './run.ts'

const id = 'fota-pull'

export const fotaPull: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'Device pulls from this PC', vi: 'Thiết bị tự tải từ máy này' },
    endpoints: ['pull'],
    options: [...optionSpecs],
    profiles: [...profiles],
    decisions: [OTHER_PROJECT],
    reach: { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running: 'probe', confirmed: 'probe' },
  },

  accepts: (endpoint: Endpoint) => endpoint.kind === 'pull',

  validate({ options }) {
    readOptions(options)
  },

  probe(endpoint) {
    const { interfaceName } = endpointOf('pull', endpoint, id)
    return Promise.resolve({
      isMatch: true,
      identity: null,
      reach,
      telemetry: null,
      notes: [`the device comes to this PC over ${interfaceName} by itself; it cannot be asked beforehand`],
    })
  },

  review({ endpoint, image, options: values, requiredLevel }) {
    const options = readOptions(values)
    const judgements: Judgement[] = [...judgeRequired(requiredLevel).judgements]
    try {
      localAddress(endpointOf('pull', endpoint, id).interfaceName)
    } catch (error) {
      if (!(error instanceof FlashproofError)) throw error
      judgements.push({ kind: 'refusal', error })
    }
    // The bytes are not here; nothing of what is judged needs them.
    const bytes = new Uint8Array()
    const release = createRelease({ bytes, sha256: '', inspection: image.inspection }, options, '')
    judgements.push(...judgeBefore(image.inspection, options, release))
    const defaultRequired = defaultRequiredLevel(reach)
    return Promise.resolve({ identity: null, telemetry: null, reach, defaultRequired, judgements })
  },

  async run(order, context) {
    return await new PullRun(order, endpointOf('pull', order.endpoint, id), readOptions(order.options), context).run()
  },
}
