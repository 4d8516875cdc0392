/** What is checked before the first byte. Which chip stands behind a bootloader of its maker's own, nothing tells. */
import type { EvidenceLevel, Inspection } from '../../../shared/contract/models.ts'
import type { Reach } from '../evidence.ts'
import type { Judgement, RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'

/** A bootloader acknowledges blocks; what it says beyond that is its word alone. */
export const reach: Reach = {
  sent: 'yes',
  acknowledged: 'yes',
  received: 'no',
  stored: 'no',
  running: 'no',
  confirmed: 'no',
}

export function judgeRequired(wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'YMODEM cannot show what lies in the flash: the bootloader’s word is all there is.',
    vi: 'YMODEM không cho thấy nội dung trong flash: chỉ có lời của bộ nạp.',
  })
}

/** @param isResume an earlier run said it already */
export function judgeImage({ esp, stm32 }: Inspection, isResume: boolean): Judgement[] {
  if (isResume || esp !== null || stm32?.isPlausible === true) return []
  const text = {
    en: 'Neither the file nor this bootloader tells for which chip the firmware was made: is it the right one?',
    vi: 'Cả tệp lẫn bộ nạp này đều không cho biết phần sụn dành cho chip nào: có đúng tệp không?',
  }
  return [{ kind: 'warning', code: 'image-not-checked', text }]
}
