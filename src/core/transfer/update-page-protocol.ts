/**
 * Makes a transfer protocol of a dialect of update pages: a page that only reads, perhaps a request that begins the
 * update, and one form with the image. What is common to them is here, what differs is in the dialect.
 */
import type { Inspection, ProtocolDescriptor, TelemetrySample } from '../../shared/contract/models.ts'
import { FlashproofError, hasErrorCode } from '../../shared/errors.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import type { OptionValues } from '../../shared/option-spec.ts'
import type { Endpoint } from '../discovery/target.ts'
import type { HttpAnswer } from '../links/http-client.ts'
import { endpointOf } from './endpoint-of.ts'
import { judgeEspImage } from './esp-image-judgement.ts'
import { defaultRequiredLevel, type Reach } from './evidence.ts'
import { judgeProject, OTHER_PROJECT, type Judgement } from './judgement.ts'
import { judgeRequired } from './required-judgement.ts'
import { runningReach } from './running-reach.ts'
import type { UploadRequest } from './single-upload.ts'
import { RESTART_FIRST, SingleUploadRun } from './single-upload-run.ts'
import type {
  ReviewOrder,
  ProtocolReview,
  TransferContext,
  TransferOrder,
  TransferProtocol,
} from './transfer-protocol.ts'
import { patiently } from './telemetry-questions.ts'
import { UpdatePage, type Credentials } from './update-page.ts'

export interface UpdatePageOptions {
  readonly pagePath: string
  readonly telemetryPath: string
  readonly credentials: Credentials | null
  readonly written: 'app' | 'filesystem'
}

export interface UpdatePageDialect<Options extends UpdatePageOptions> {
  readonly descriptor: Pick<ProtocolDescriptor, 'id' | 'label' | 'options' | 'profiles'>
  /** @throws {FlashproofError} option.invalid */
  readOptions(values: OptionValues): Options
  /** Why the page is none of this dialect; null where it is one. */
  explainMismatch(page: string, options: Options): string | null
  /** What is to be known of an image beside whether it is one that the device's slot takes. */
  judge(inspection: Inspection, options: Options): readonly Judgement[]
  /** Whether an upload that broke off stays open in the device until it restarts. */
  readonly staysOpen: boolean
  /**
   * Begins the update, where the device wants that; may be repeated, because nothing of the image has left yet.
   * @throws {FlashproofError} network.*, device.* when it did not begin
   */
  prepare(page: UpdatePage, options: Options, image: TransferOrder['image']): Promise<void>
  request(page: UpdatePage, options: Options, image: TransferOrder['image']): UploadRequest
  /** @throws {FlashproofError} device.* */
  readAnswer(answer: HttpAnswer): string
}

const cannotProve: LocalText = {
  en: 'This device cannot prove what lies in its flash: it checks only that an application is whole. Firmware that answers GET /telemetry with its elf_sha256 shows what runs.',
  vi: 'Thiết bị này không chứng minh được nội dung trong flash: nó chỉ kiểm tra ứng dụng có trọn vẹn không. Phần sụn trả lời GET /telemetry kèm elf_sha256 sẽ cho biết bản đang chạy.',
}
const cannotName =
  'The device restarted, and does not say what it runs; firmware that answers GET /telemetry with its elf_sha256 would.'

const fileSystemUnchecked: Judgement = {
  kind: 'warning',
  code: 'filesystem-unchecked',
  text: {
    en: 'The device does not check a file system image: whether it arrived whole shows only when the program reads it.',
    vi: 'Thiết bị không kiểm tra ảnh hệ thống tệp: chỉ khi chương trình đọc mới biết dữ liệu có trọn vẹn không.',
  },
}
const appAsFileSystem: Judgement = {
  kind: 'warning',
  code: 'app-as-filesystem',
  text: {
    en: 'This file is an application, and it is about to be written as a file system.',
    vi: 'Tệp này là ứng dụng nhưng sắp được ghi làm hệ thống tệp.',
  },
}

export function updatePageProtocol<Options extends UpdatePageOptions>(
  dialect: UpdatePageDialect<Options>,
): TransferProtocol {
  const { id } = dialect.descriptor
  const judgeImage = (
    inspection: Inspection,
    options: Options,
    sample: TelemetrySample | null,
    isBegun: boolean,
  ): Judgement[] => {
    const extra = dialect.judge(inspection, options)
    if (options.written === 'filesystem') {
      return [...extra, fileSystemUnchecked, ...(inspection.esp?.kind === 'app' ? [appAsFileSystem] : [])]
    }
    const project = isBegun ? [] : judgeProject(inspection, sample)
    return [...judgeEspImage(inspection, sample?.device?.chip, 'refused'), ...extra, ...project]
  }

  const learn = async (page: UpdatePage, options: Options): Promise<TelemetrySample | null> => {
    const mismatch = dialect.explainMismatch(await page.read(), options)
    if (mismatch !== null) throw new FlashproofError('device.not-speaking', mismatch, { protocol: id })
    return await page.sample()
  }

  return {
    descriptor: {
      ...dialect.descriptor,
      endpoints: ['http'],
      decisions: dialect.staysOpen ? [OTHER_PROJECT, RESTART_FIRST] : [OTHER_PROJECT],
      reach: { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running: 'probe', confirmed: 'probe' },
    },

    accepts: (endpoint: Endpoint) => endpoint.kind === 'http',

    validate({ options }) {
      dialect.readOptions(options)
    },

    async probe(endpoint, asking) {
      const options = dialect.readOptions({})
      const page = new UpdatePage({ ...options, endpoint: endpointOf('http', endpoint, id), asking })
      try {
        const telemetry = await learn(page, options)
        const reach = reachOf(telemetry, null, 'app')
        return { isMatch: true, identity: telemetry?.device ?? null, reach, telemetry, notes: [] }
      } catch (error) {
        const isOther = hasErrorCode(
          error,
          'device.not-speaking',
          'device.unauthorised',
          'device.bad-answer',
          'network.answer-too-large',
        )
        if (!isOther) throw error
        const wantsPassword = hasErrorCode(error, 'device.unauthorised')
        const note = wantsPassword
          ? 'it wants a password before it shows its update page: name the protocol'
          : `no update page of ${id}`
        return { isMatch: false, identity: null, reach: nothing, telemetry: null, notes: [note] }
      } finally {
        await page.close()
      }
    },

    async review(order: ReviewOrder, asking): Promise<ProtocolReview> {
      const options = dialect.readOptions(order.options)
      const page = new UpdatePage({ ...options, endpoint: endpointOf('http', order.endpoint, id), asking })
      try {
        const telemetry = await learn(page, options)
        const { inspection } = order.image
        const reach = reachOf(telemetry, inspection, options.written)
        return {
          identity: telemetry?.device ?? null,
          telemetry,
          reach,
          defaultRequired: defaultRequiredLevel(reach),
          judgements: [
            ...judgeRequired(reach, order.requiredLevel, cannotProve).judgements,
            ...judgeImage(inspection, options, telemetry, false),
          ],
        }
      } finally {
        await page.close()
      }
    },

    async run(order: TransferOrder, context: TransferContext) {
      const options = dialect.readOptions(order.options)
      const { clock, retryPolicy, requestSignal } = context
      const page = new UpdatePage({
        ...options,
        endpoint: endpointOf('http', order.endpoint, id),
        asking: { clock, timeoutMs: retryPolicy.requestTimeoutMs, signal: requestSignal },
        context,
      })
      const { inspection } = order.image
      const isBegun = order.isResume && context.ledger() !== null
      try {
        const device = {
          learn: async () => {
            const sample = await learn(page, options)
            if (sample === null) await context.identify(null)
            return sample
          },
          ask: (timeoutMs: number) => page.look(timeoutMs),
          prepare: async () => {
            await patiently(context, 'begin', () => dialect.prepare(page, options, order.image))
            return {}
          },
          sender: page.sender,
          request: () => dialect.request(page, options, order.image),
          readAnswer: (answer: HttpAnswer) => dialect.readAnswer(answer),
        }
        const nature = {
          written: options.written,
          cannotName,
          staysOpen: dialect.staysOpen,
          judgeImage: (sample: TelemetrySample | null) => judgeImage(inspection, options, sample, isBegun),
          judgeRequired: (sample: TelemetrySample | null, wanted: TransferOrder['requiredLevel']) =>
            judgeRequired(reachOf(sample, inspection, options.written), wanted, cannotProve),
        }
        return await new SingleUploadRun(order, context, device, nature).run()
      } finally {
        await page.close()
      }
    },
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

/** A file system leaves the program as it is: what runs afterwards says nothing of it. */
function reachOf(
  telemetry: TelemetrySample | null,
  image: Inspection | null,
  written: UpdatePageOptions['written'],
): Reach {
  const running = written === 'filesystem' ? 'no' : runningReach(telemetry, image)
  return { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running, confirmed: running }
}
