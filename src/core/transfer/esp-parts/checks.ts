/**
 * What is checked before the first byte: the image against the chip, the project and the room that the device reports, and
 * the required level against what it can prove. A review tells it; a run obeys it.
 */
import type { EvidenceLevel, Inspection, TelemetrySample } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { formatBytes } from '../../../shared/units.ts'
import { judgeEspImage } from '../esp-image-judgement.ts'
import type { Reach } from '../evidence.ts'
import { judgeProject, obeyJudgements, type Judgement, type RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'
import type { TransferContext, TransferOrder } from '../transfer-protocol.ts'
import type { EspPartsDevice } from './device.ts'
import type { EspPartsOptions } from './options.ts'

/** While parts are joined they and the file exist side by side, and the file system needs some air. */
const STORAGE_FACTOR = 2
const STORAGE_MARGIN_BYTES = 64 * 1024

export interface ImageToJudge {
  readonly inspection: Inspection
  readonly sizeBytes: number
  readonly targetPath: string
  /** Goes on with an earlier run. */
  readonly isResume: boolean
  /** That run began its session: its questions were answered, and its parts are counted as used room already. */
  readonly isUploadBegun: boolean
}

/**
 * Refuses an image that this device must not get. A file that is not recognised as an Espressif image passes: the
 * device stores any file.
 * @throws {FlashproofError} image.wrong-kind, image.corrupt, image.wrong-chip, device.no-space, job.decision-needed
 */
export async function assertImageFits(
  order: TransferOrder,
  options: EspPartsOptions,
  device: EspPartsDevice,
  context: TransferContext,
): Promise<void> {
  const { inspection, bytes } = order.image
  const { isResume } = order
  const isUploadBegun = isResume && context.ledger() !== null
  const image = { inspection, sizeBytes: bytes.length, targetPath: options.targetPath, isResume, isUploadBegun }
  await obeyJudgements(judgeImage(image, device.before), context)
}

/** @param sample what the device said of itself; null where it tells nothing */
export function judgeImage(image: ImageToJudge, sample: TelemetrySample | null): Judgement[] {
  const judgements = [...judgeEspImage(image.inspection, sample?.device?.chip, 'stored')]
  if (!image.isUploadBegun) judgements.push(...judgeProject(image.inspection, sample))
  return [...judgements, ...judgeRoom(image, sample)]
}

function judgeRoom(image: ImageToJudge, sample: TelemetrySample | null): Judgement[] {
  const { sizeBytes, targetPath } = image
  const { flashTotalBytes, flashUsedBytes } = sample ?? {}
  if (flashTotalBytes === undefined || flashUsedBytes === undefined) {
    if (image.isResume) return []
    const text = {
      en: 'The device does not say how much room it has.',
      vi: 'Thiết bị không cho biết còn bao nhiêu chỗ trống.',
    }
    return [{ kind: 'warning', code: 'room-not-said', text }]
  }
  if (image.isUploadBegun) return []
  const freeBytes = flashTotalBytes - flashUsedBytes
  const details = { freeBytes, imageBytes: sizeBytes, targetPath }
  if (freeBytes < sizeBytes) {
    const message = `the device has ${String(freeBytes)} bytes free, the image has ${String(sizeBytes)}`
    const text = {
      en: `Not enough room: the device has ${formatBytes(freeBytes)} free, the image has ${formatBytes(sizeBytes)}.`,
      vi: `Không đủ chỗ: thiết bị còn trống ${formatBytes(freeBytes)}, phần sụn chiếm ${formatBytes(sizeBytes)}.`,
    }
    return [{ kind: 'refusal', error: new FlashproofError('device.no-space', message, details), text }]
  }
  const comfortableBytes = STORAGE_FACTOR * sizeBytes + STORAGE_MARGIN_BYTES
  if (freeBytes >= comfortableBytes) return []
  return [
    {
      kind: 'question',
      code: 'tight-space',
      typed: null,
      details: { ...details, comfortableBytes },
      text: {
        en: `The device may run out of room while it joins the parts (${String(freeBytes)} bytes free, ${String(comfortableBytes)} wanted). Send it all the same?`,
        vi: `Thiết bị có thể hết chỗ khi ghép các phần (còn trống ${String(freeBytes)} byte, cần ${String(comfortableBytes)} byte). Vẫn gửi chứ?`,
      },
    },
  ]
}

/** @param wanted what a person or a recipe asked for; null: the default for this device */
export function judgeRequired(reach: Reach, wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'This device cannot prove what lies in its flash; firmware that answers GET /upload/hash would.',
    vi: 'Thiết bị này không chứng minh được nội dung trong flash; phần sụn có trả lời GET /upload/hash thì được.',
  })
}
