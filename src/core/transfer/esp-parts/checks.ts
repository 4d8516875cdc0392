/**
 * What is checked before the first byte: the image against the chip, the project and the room that the device reports, and
 * the required level against what it can prove. A review tells it; a run obeys it.
 */
import {
  evidenceLevels,
  type EvidenceLevel,
  type Inspection,
  type TelemetrySample,
} from '../../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import { messagesFor, type LocalText } from '../../../shared/messages/index.ts'
import { formatBytes } from '../../../shared/units.ts'
import { assertFlashableAs } from '../../formats/esp-image/assert-flashable.ts'
import { defaultRequiredLevel, type Reach } from '../evidence.ts'
import { judgeProject, type Judgement, type RequiredLevel } from '../judgement.ts'
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
  const judgements = judgeImage(image, device.before)
  // Nobody is asked about an image that is refused anyway.
  for (const judgement of judgements) if (judgement.kind === 'refusal') throw judgement.error
  for (const judgement of judgements) {
    if (judgement.kind === 'warning') context.warn(judgement.text.en)
    if (judgement.kind === 'question') await context.decide(judgement.code, judgement.text.en, judgement.details)
  }
}

/** @param sample what the device said of itself; null where it tells nothing */
export function judgeImage(image: ImageToJudge, sample: TelemetrySample | null): Judgement[] {
  const judgements = [...judgeChip(image.inspection, sample?.device?.chip)]
  if (!image.isUploadBegun) judgements.push(...judgeProject(image.inspection, sample))
  return [...judgements, ...judgeRoom(image, sample)]
}

function judgeChip(inspection: Inspection, chip: string | undefined): Judgement[] {
  if (inspection.esp === null) return inspection.stm32?.isPlausible === true ? [stm32Warning] : []
  try {
    assertFlashableAs(inspection, { slot: 'app', ...(chip === undefined ? {} : { chip }) })
  } catch (thrown) {
    const error = asFlashproofError(thrown)
    const text = error.code === 'image.wrong-chip' ? { text: wrongChipText(inspection, chip ?? '') } : {}
    return [{ kind: 'refusal', error, ...text }]
  }
  if (chip !== undefined) return []
  const text = {
    en: 'The device does not say which chip it is; the image could not be compared with it.',
    vi: 'Thiết bị không cho biết là chip nào; không so sánh được với phần sụn.',
  }
  return [{ kind: 'warning', code: 'chip-not-said', text }]
}

/** The device stores any file, and a gateway may well be meant to pass this one on: so it is said, not refused. */
const stm32Warning: Judgement = {
  kind: 'warning',
  code: 'stm32-image',
  text: {
    en: 'This looks like firmware for an STM32: the device stores it, but cannot start it itself.',
    vi: 'Đây có vẻ là phần sụn cho STM32: thiết bị lưu được nhưng không tự chạy được.',
  },
}

function wrongChipText(inspection: Inspection, chip: string): LocalText {
  const imageChip = inspection.esp?.chip ?? '?'
  return {
    en: `Wrong chip: this firmware was made for the ${imageChip}, the board is an ${chip}. Choose the build for the ${chip}.`,
    vi: `Sai chip: phần sụn này dành cho ${imageChip}, bo mạch là ${chip}. Hãy chọn bản dành cho ${chip}.`,
  }
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
  if (wanted === null) {
    const level = defaultRequiredLevel(reach)
    if (level === 'stored') return { level, judgements: [] }
    const text = {
      en: 'This device cannot prove what lies in its flash; firmware that answers GET /upload/hash would.',
      vi: 'Thiết bị này không chứng minh được nội dung trong flash; phần sụn có trả lời GET /upload/hash thì được.',
    }
    return { level, judgements: [{ kind: 'warning', code: 'cannot-prove', text }] }
  }
  if (reach[wanted] === 'yes') return { level: wanted, judgements: [] }
  if (reach[wanted] === 'unknown') {
    const text = {
      en: `Whether this device can reach “${wanted}” shows only at the end.`,
      vi: `Thiết bị này có đạt được “${messagesFor('vi').words[`level.${wanted}`]}” hay không, cuối cùng mới biết.`,
    }
    return { level: wanted, judgements: [{ kind: 'warning', code: 'required-unknown', text }] }
  }
  const reachable = evidenceLevels.filter(level => reach[level] === 'yes')
  const error = new FlashproofError('require.unreachable-level', `this device and image cannot reach “${wanted}”`, {
    required: wanted,
    reachable,
  })
  const best = reachable.at(-1) ?? 'sent'
  const inWords = (language: 'en' | 'vi', level: EvidenceLevel): string => messagesFor(language).words[`level.${level}`]
  const text = {
    en: `This device and image cannot give “${inWords('en', wanted)}”; the most is “${inWords('en', best)}”. Require less, or use firmware that proves more.`,
    vi: `Thiết bị và phần sụn này không cho được “${inWords('vi', wanted)}”; cao nhất là “${inWords('vi', best)}”. Hãy yêu cầu mức thấp hơn hoặc dùng phần sụn chứng minh được nhiều hơn.`,
  }
  return { level: wanted, judgements: [{ kind: 'refusal', error, text }] }
}
