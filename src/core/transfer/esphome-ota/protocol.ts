/**
 * `esphome-ota`: ESPHome's update service on TCP (`ota: platform: esphome`), and its web page (`ota: platform: web_server`)
 * for an http:// target.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionValues } from '../../../shared/option-spec.ts'
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import type { Endpoint, HttpEndpoint } from '../../discovery/target.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import { OTHER_PROJECT } from '../judgement.ts'
import { lookAtPlace, readTelemetryUrl } from '../side-telemetry.ts'
import type { ReadingContext, TransferProtocol } from '../transfer-protocol.ts'
import { readEsphomeAnnouncement } from './announcement.ts'
import { judgeImage, judgeRequired, reachOf } from './checks.ts'
import { NativeRun } from './native-run.ts'
import { optionSpecs, readOptions } from './options.ts'
import { openPage, probeWeb, runWeb } from './web.ts'

const id = 'esphome-ota'

export const esphomeOta: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'ESPHome update', vi: 'Cập nhật ESPHome' },
    endpoints: ['tcp', 'http'],
    options: [...optionSpecs],
    profiles: [],
    decisions: [OTHER_PROJECT],
    reach: {
      sent: 'yes',
      acknowledged: 'yes',
      received: 'probe',
      stored: 'no',
      running: 'probe',
      confirmed: 'probe',
    },
  },

  accepts: (endpoint: Endpoint) => endpoint.kind === 'tcp' || endpoint.kind === 'http',

  readAnnouncement: readEsphomeAnnouncement,

  validate({ options }) {
    readOptions(options)
  },

  async probe(endpoint, context) {
    if (endpoint.kind === 'http') return await probeWeb(endpoint, context)
    const note = `only a greeting would tell whether ESPHome listens at ${endpoint.text}, and the board logs that as a failed update; name the protocol`
    return { isMatch: false, identity: null, reach: reachOf('native', null, null), telemetry: null, notes: [note] }
  },

  async review({ endpoint, image, options: values, requiredLevel }, context) {
    const { platform } = readOptions(values)
    const telemetry =
      endpoint.kind === 'http'
        ? await lookAtPage(endpoint, values, context)
        : await lookAtPlace(readTelemetryUrl(values, endpoint), context)
    const reach = reachOf(endpoint.kind === 'http' ? 'web' : 'native', telemetry, image.inspection)
    return {
      identity: telemetry?.device ?? null,
      telemetry,
      reach,
      defaultRequired: defaultRequiredLevel(reach),
      judgements: [
        ...judgeRequired(reach, requiredLevel).judgements,
        ...judgeImage(image.inspection, platform, telemetry, false),
      ],
    }
  },

  async run(order, context) {
    const options = readOptions(order.options)
    const { endpoint } = order
    if (endpoint.kind === 'http') return await runWeb(order, context, endpoint)
    if (endpoint.kind === 'tcp') return await new NativeRun(order, options, context, endpoint).run()
    throw new FlashproofError('protocol.endpoint-not-accepted', `${id} wants a tcp:// or http:// target`, {
      target: endpoint.text,
      protocol: id,
    })
  },
}

async function lookAtPage(
  endpoint: HttpEndpoint,
  options: OptionValues,
  context: ReadingContext,
): Promise<TelemetrySample | null> {
  const page = openPage(endpoint, options, context)
  try {
    return await page.sample()
  } finally {
    await page.close()
  }
}
