/** What is checked before the first byte, by a review and by a run alike, and what this server can prove. */
import type { EvidenceLevel, Inspection, TelemetrySample } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { judgeEspImage } from '../esp-image-judgement.ts'
import type { Reach } from '../evidence.ts'
import { judgeProject, type Judgement, type RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'
import { MAXIMUM_FILE_BYTES } from './requests.ts'

/** @param image `isBegun`: an earlier run asked the questions already */
export function judgeImage(
  image: { readonly inspection: Inspection; readonly sizeBytes: number; readonly isBegun: boolean },
  sample: TelemetrySample | null,
): Judgement[] {
  const judgements = [...judgeSize(image.sizeBytes), ...judgeEspImage(image.inspection, sample?.device?.chip, 'stored')]
  return image.isBegun ? judgements : [...judgements, ...judgeProject(image.inspection, sample)]
}

/** The header's 32 bits hold no larger file, and an empty one has no last chunk to be completed by. */
export function judgeSize(sizeBytes: number): Judgement[] {
  if (sizeBytes > 0 && sizeBytes <= MAXIMUM_FILE_BYTES) return []
  const code = sizeBytes === 0 ? 'file.empty' : 'image.too-large'
  const message = `the image has ${String(sizeBytes)} bytes, this protocol takes 1 to ${String(MAXIMUM_FILE_BYTES)}`
  return [
    { kind: 'refusal', error: new FlashproofError(code, message, { sizeBytes, maximumBytes: MAXIMUM_FILE_BYTES }) },
  ]
}

export function judgeRequired(reach: Reach, wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'This server says how many bytes it kept, and no hash of them: “Device says OK” is all that it can give.',
    vi: 'Máy chủ này cho biết đã giữ bao nhiêu byte nhưng không có mã băm: nhiều nhất chỉ đạt “Thiết bị báo thành công”.',
  })
}
