/**
 * `tasmota`: the upload page of Tasmota. Every answer has status 200 and its text is translated, so that nothing is read
 * from it: version, build and uptime before and after tell what became of the image.
 */
import type { Inspection, TelemetrySample } from '../../../shared/contract/models.ts'
import { endpointOf } from '../endpoint-of.ts'
import { hasErrorCode } from '../../../shared/errors.ts'
import type { LocalText } from '../../../shared/messages/index.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { judgeEspImage } from '../esp-image-judgement.ts'
import { defaultRequiredLevel, type Reach } from '../evidence.ts'
import { baseOption } from '../flat-image.ts'
import type { Judgement } from '../judgement.ts'
import { judgeRequired } from '../required-judgement.ts'
import { SingleUploadRun } from '../single-upload-run.ts'
import type { ProbeResult, TransferProtocol } from '../transfer-protocol.ts'
import { credentialOptions, readCredentials, type Credentials } from '../update-page.ts'
import { readTasmotaAnnouncement } from './announcement.ts'
import { TasmotaDevice } from './device.ts'
import { SAFEBOOT } from './status.ts'

const id = 'tasmota'
const DEFAULT_USERNAME = 'admin'

const optionSpecs: readonly OptionSpec[] = [...credentialOptions(DEFAULT_USERNAME), baseOption]

const cannotProve: LocalText = {
  en: 'Tasmota cannot prove what lies in its flash: it shows by its restart and its version that it took an image.',
  vi: 'Tasmota không chứng minh được nội dung trong flash: việc khởi động lại và phiên bản cho biết nó đã nhận phần sụn.',
}
const cannotName = 'The device restarted, and did not say which version it runs.'

export const tasmota: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'Tasmota', vi: 'Tasmota' },
    endpoints: ['http'],
    options: [...optionSpecs],
    profiles: [],
    decisions: [],
    reach: { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running: 'probe', confirmed: 'no' },
  },

  accepts: endpoint => endpoint.kind === 'http',

  readAnnouncement: readTasmotaAnnouncement,

  validate({ options }) {
    credentialsOf(options)
  },

  async probe(endpoint, asking) {
    const device = new TasmotaDevice({ endpoint: endpointOf('http', endpoint, id), credentials: null, asking })
    try {
      const telemetry = await device.status()
      return found(telemetry, [])
    } catch (error) {
      // Nobody else asks for a password in these words.
      if (hasErrorCode(error, 'device.unauthorised') && device.isKnownByItsDemand) {
        return found(null, ['it wants its web password'])
      }
      if (!hasErrorCode(error, 'device.not-speaking', 'device.unauthorised', 'network.answer-too-large')) throw error
      return {
        isMatch: false,
        identity: null,
        reach: nothing,
        telemetry: null,
        notes: ['no answer to Tasmota’s Status'],
      }
    } finally {
      await device.close()
    }
  },

  async review({ endpoint, image, options, requiredLevel }, asking) {
    const credentials = credentialsOf(options)
    const device = new TasmotaDevice({ endpoint: endpointOf('http', endpoint, id), credentials, asking })
    try {
      const telemetry = await device.status()
      const reach = reachOf(telemetry)
      return {
        identity: telemetry.device ?? null,
        telemetry,
        reach,
        defaultRequired: defaultRequiredLevel(reach),
        judgements: [
          ...judgeRequired(reach, requiredLevel, cannotProve).judgements,
          ...judgeImage(image.inspection, telemetry),
        ],
      }
    } finally {
      await device.close()
    }
  },

  async run(order, context) {
    const { clock, retryPolicy, requestSignal } = context
    const device = new TasmotaDevice({
      endpoint: endpointOf('http', order.endpoint, id),
      credentials: credentialsOf(order.options),
      asking: { clock, timeoutMs: retryPolicy.requestTimeoutMs, signal: requestSignal },
      context,
    })
    try {
      const steps = {
        learn: () => device.status(),
        ask: (timeoutMs: number) => device.look(timeoutMs),
        prepare: () => device.prepare(context),
        sender: device.sender,
        request: () => device.request(order.image.bytes),
        readAnswer: () => null,
      }
      const nature = {
        written: 'app',
        cannotName,
        versions: 'own',
        isRecovery: ({ otaRunning }: TelemetrySample) => otaRunning === SAFEBOOT,
        // Tasmota ends an update together with its connection.
        staysOpen: false,
        judgeImage: (sample: TelemetrySample | null) => judgeImage(order.image.inspection, sample),
        judgeRequired: (sample: TelemetrySample | null, wanted: typeof order.requiredLevel) =>
          judgeRequired(reachOf(sample), wanted, cannotProve),
      } as const
      return await new SingleUploadRun(order, context, steps, nature).run()
    } finally {
      await device.close()
    }
  },
}

function credentialsOf(options: OptionValues): Credentials | null {
  return readCredentials(options, DEFAULT_USERNAME)
}

function judgeImage(inspection: Inspection, sample: TelemetrySample | null): Judgement[] {
  return judgeEspImage(inspection, sample?.device?.chip, 'refused')
}

/** Whether the version is another one afterwards shows only then. */
function reachOf(telemetry: TelemetrySample | null): Reach {
  const running = telemetry === null ? 'no' : 'unknown'
  return { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running, confirmed: 'no' }
}

function found(telemetry: TelemetrySample | null, notes: readonly string[]): ProbeResult {
  return {
    isMatch: true,
    identity: telemetry?.device ?? null,
    reach: { ...reachOf(telemetry), running: 'unknown' },
    telemetry,
    notes,
  }
}

const nothing: Reach = {
  sent: 'no',
  acknowledged: 'no',
  received: 'no',
  stored: 'no',
  running: 'no',
  confirmed: 'no',
}
