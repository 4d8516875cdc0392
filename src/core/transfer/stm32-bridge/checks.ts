/** What is checked before the first byte: is this firmware for an STM32, does it lie where it must, does the gateway hold it. */
import type { EvidenceLevel, Inspection } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import type { LocalText } from '../../../shared/messages/index.ts'
import { formatAddress, formatBytes } from '../../../shared/units.ts'
import type { Reach } from '../evidence.ts'
import type { Judgement, RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'
import { STM32_FLASH_START, type BridgeOptions } from './options.ts'
import { COLON, startsLikeHex } from './upload-image.ts'

/** Larger gaps are option bytes or a second flash, and would fill the gateway's memory with nothing. */
const LARGEST_GAP_BYTES = 64 * 1024

/** The STM32 answers with an 8-bit sum alone, so nothing beyond its OK can be had. */
export const reach: Reach = {
  sent: 'yes',
  acknowledged: 'yes',
  received: 'no',
  stored: 'no',
  running: 'no',
  confirmed: 'no',
}

/** @param sizeBytes of the flat image */
export function judgeImage(inspection: Inspection, sizeBytes: number, options: BridgeOptions): Judgement[] {
  return [
    ...judgeKind(inspection),
    ...judgeAddresses(inspection, options),
    ...judgeSize(inspection, sizeBytes, options),
    ...judgeStatedChip(options),
  ]
}

export function judgeRequired(wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'The proof is the STM32’s 8-bit sum: one wrong image in 256 has the same. Reading the flash back over the STM32’s own serial port would prove more.',
    vi: 'Bằng chứng chỉ là tổng 8 bit của STM32: cứ 256 ảnh sai thì có một ảnh trùng tổng. Đọc lại flash qua cổng nối tiếp của chính STM32 sẽ chứng minh được nhiều hơn.',
  })
}

function judgeKind({ esp, stm32 }: Inspection): Judgement[] {
  if (esp !== null) {
    const message = 'this is an image for an Espressif chip: the STM32 behind the gateway cannot run it'
    const text = {
      en: 'This firmware is for an Espressif chip, perhaps for the gateway itself; the STM32 behind it cannot run it.',
      vi: 'Phần sụn này dành cho chip Espressif, có thể cho chính gateway; STM32 phía sau không chạy được.',
    }
    return [{ kind: 'refusal', error: new FlashproofError('image.wrong-kind', message, { kind: esp.kind }), text }]
  }
  // The vector table begins with the stack pointer, lowest byte first.
  if (stm32 !== null && (stm32.stackPointer & 0xff) === COLON) {
    return [{ kind: 'refusal', error: startsLikeHex() }]
  }
  if (stm32?.isPlausible === true) return []
  return [
    warning('no-vector-table', {
      en: 'The file does not begin with the vector table of an STM32: is it the right one?',
      vi: 'Tệp không bắt đầu bằng bảng vector của STM32: có đúng tệp không?',
    }),
  ]
}

function judgeAddresses(inspection: Inspection, { flashBase }: BridgeOptions): Judgement[] {
  const lowest = inspection.baseAddress
  if (lowest === null) {
    if (flashBase !== null) return []
    return [
      warning('base-not-known', {
        en: 'A BIN carries no address: it must have been built for the address at which the STM32 writes.',
        vi: 'Tệp BIN không mang địa chỉ: nó phải được dựng cho đúng địa chỉ mà STM32 sẽ ghi vào.',
      }),
    ]
  }
  if (lowest < STM32_FLASH_START) {
    const message = `the image begins at ${formatAddress(lowest)}; the flash of an STM32 begins at ${formatAddress(STM32_FLASH_START)}`
    return [{ kind: 'refusal', error: new FlashproofError('image.address-range', message, { lowestAddress: lowest }) }]
  }
  if (flashBase !== null && flashBase !== lowest) {
    const message = `flashBase is ${formatAddress(flashBase)}, the image begins at ${formatAddress(lowest)}: they must be equal`
    const details = { key: 'flashBase', given: formatAddress(flashBase), expected: formatAddress(lowest) }
    return [{ kind: 'refusal', error: new FlashproofError('option.invalid', message, details) }]
  }
  if (flashBase === null && lowest !== STM32_FLASH_START) {
    const message = `the image begins at ${formatAddress(lowest)}, not at ${formatAddress(STM32_FLASH_START)}: a BIN loses that`
    const details = { lowestAddress: lowest, examples: [`flashBase=${formatAddress(lowest)}`] }
    return [{ kind: 'refusal', error: new FlashproofError('image.base-required', message, details) }]
  }
  return []
}

function judgeSize(inspection: Inspection, sizeBytes: number, { maximumBytes }: BridgeOptions): Judgement[] {
  const gapBytes = largestGapBytes(inspection)
  if (gapBytes > LARGEST_GAP_BYTES) {
    const message = `a gap of ${String(gapBytes)} bytes would be filled; at most ${String(LARGEST_GAP_BYTES)} are`
    return [{ kind: 'refusal', error: new FlashproofError('image.gap-too-large', message, { gapBytes }) }]
  }
  if (sizeBytes <= maximumBytes) return []
  const details = { imageBytes: sizeBytes, maximumBytes }
  const text = {
    en: `The image has ${formatBytes(sizeBytes)}; the gateway keeps it whole in memory and rarely has more than ${formatBytes(maximumBytes)} free. Raise “maximumBytes” where it has.`,
    vi: `Ảnh chiếm ${formatBytes(sizeBytes)}; gateway giữ trọn ảnh trong bộ nhớ và hiếm khi còn trống hơn ${formatBytes(maximumBytes)}. Nếu còn đủ, hãy tăng “maximumBytes”.`,
  }
  return [{ kind: 'refusal', error: new FlashproofError('image.too-large', text.en, details), text }]
}

/** What an order keeps of a scattered file is its first segments; then the sum of all gaps stands for the largest. */
function largestGapBytes({ segments, gapBytes }: Inspection): number {
  let largest = 0
  let covered = 0
  for (const [index, segment] of segments.entries()) {
    const before = segments[index - 1]
    const gap = before === undefined ? 0 : segment.address - before.address - before.sizeBytes
    largest = Math.max(largest, gap)
    covered += gap
  }
  return Math.max(largest, gapBytes - covered)
}

function judgeStatedChip({ stm32 }: BridgeOptions): Judgement[] {
  if (stm32 !== '') return []
  return [
    warning('stm32-not-stated', {
      en: 'Which STM32 it is was not stated; the gateway cannot tell.',
      vi: 'Chưa nêu là STM32 nào; gateway không cho biết được.',
    }),
  ]
}

function warning(code: string, text: LocalText): Judgement {
  return { kind: 'warning', code, text }
}
