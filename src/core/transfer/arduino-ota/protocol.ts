/** `arduino-ota`: the over-the-air update of Arduino sketches, as `espota.py` speaks it: an invitation over UDP, and a connection back. */
import { endpointOf } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import { OTHER_PROJECT } from '../judgement.ts'
import { lookAtPlace, readTelemetryUrl } from '../side-telemetry.ts'
import type { TransferProtocol } from '../transfer-protocol.ts'
import { readArduinoAnnouncement } from './announcement.ts'
import { judgeImage, judgeRequired, reachOf } from './checks.ts'
import { optionSpecs, readOptions } from './options.ts'
import { ArduinoRun } from './run.ts'

const id = 'arduino-ota'

export const arduinoOta: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'ArduinoOTA (espota)', vi: 'ArduinoOTA (espota)' },
    endpoints: ['udp'],
    options: [...optionSpecs],
    profiles: [],
    decisions: [OTHER_PROJECT],
    reach: {
      sent: 'yes',
      acknowledged: 'yes',
      received: 'yes',
      stored: 'no',
      running: 'probe',
      confirmed: 'probe',
    },
  },

  accepts: endpoint => endpoint.kind === 'udp',

  readAnnouncement: readArduinoAnnouncement,

  validate({ options }) {
    readOptions(options)
  },

  probe(endpoint) {
    const note = `only an invitation would tell whether ArduinoOTA listens at ${endpoint.text}, and that begins an update; name the protocol`
    return Promise.resolve({
      isMatch: false,
      identity: null,
      reach: reachOf('app', null, null),
      telemetry: null,
      notes: [note],
    })
  },

  async review({ endpoint, image, options: values, requiredLevel }, context) {
    const options = readOptions(values)
    const telemetry = await lookAtPlace(readTelemetryUrl(values, endpoint), context)
    const reach = reachOf(options.writes, telemetry, image.inspection)
    return {
      identity: telemetry?.device ?? null,
      telemetry,
      reach,
      defaultRequired: defaultRequiredLevel(reach),
      judgements: [
        ...judgeRequired(reach, requiredLevel).judgements,
        ...judgeImage(image.inspection, options, telemetry, false),
      ],
    }
  },

  async run(order, context) {
    const endpoint = endpointOf('udp', order.endpoint, id)
    return await new ArduinoRun(order, readOptions(order.options), context, endpoint).run()
  },
}
