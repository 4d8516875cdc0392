/** What is checked before the first byte, by a review and by a run alike. */
import type { EvidenceLevel, Inspection, TelemetrySample } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { judgeEspImage } from '../esp-image-judgement.ts'
import type { Reach } from '../evidence.ts'
import { judgeProject, type Judgement, type RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'

export const FILE_EXISTS = 'file-exists'

/** @param image `isBegun`: an earlier run asked the questions already */
export function judgeImage(
  image: { readonly inspection: Inspection; readonly sizeBytes: number; readonly isBegun: boolean },
  sample: TelemetrySample | null,
): Judgement[] {
  const judgements = [...judgeSize(image.sizeBytes), ...judgeEspImage(image.inspection, sample?.device?.chip, 'stored')]
  return image.isBegun ? judgements : [...judgements, ...judgeProject(image.inspection, sample)]
}

/** Resumable.js refuses an empty file too (`minFileSize` 1). */
function judgeSize(sizeBytes: number): Judgement[] {
  if (sizeBytes > 0) return []
  return [{ kind: 'refusal', error: new FlashproofError('file.empty', 'the image has no bytes', { sizeBytes }) }]
}

/** A server that has a file of this name calls every chunk present, whatever is in the file. */
export function judgeExisting(fileName: string, existingBytes: number | null, imageBytes: number): Judgement {
  const size = existingBytes === null ? '?' : String(existingBytes)
  return {
    kind: 'question',
    code: FILE_EXISTS,
    typed: null,
    details: { fileName, existingBytes, imageBytes },
    text: {
      en: `The server has a file named “${fileName}” (${size} bytes) already, and does not say what is in it. Send the image (${String(imageBytes)} bytes) in its place?`,
      vi: `Máy chủ đã có tệp tên “${fileName}” (${size} byte) và không cho biết nội dung. Gửi ảnh (${String(imageBytes)} byte) thay thế chứ?`,
    },
  }
}

export function judgeRequired(reach: Reach, wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'This server says OK to each chunk, at most with the size of the file, and gives no hash: “Device says OK” is all that it can give.',
    vi: 'Máy chủ này báo xong từng khối, nhiều nhất kèm kích thước tệp, và không có mã băm: nhiều nhất chỉ đạt “Thiết bị báo thành công”.',
  })
}
