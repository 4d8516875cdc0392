/** What is checked before the device is served its first byte, and what such a device can prove. */
import type { EvidenceLevel, Inspection, TelemetrySample } from '../../../shared/contract/models.ts'
import { judgeEspImage } from '../esp-image-judgement.ts'
import type { Reach } from '../evidence.ts'
import { judgeProject, type Judgement, type RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'
import type { PullOptions } from './options.ts'

/** The device reports; it never compares the whole image with a hash, so what it says of its boot is its word. */
export const reach: Reach = {
  sent: 'yes',
  acknowledged: 'yes',
  received: 'no',
  stored: 'no',
  running: 'unknown',
  confirmed: 'unknown',
}

export function judgeRequired(wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'The device checks chunks and reports its restart, but never compares the whole image: the most is its word. Telemetry that names the image’s hash would prove it.',
    vi: 'Thiết bị kiểm tra từng khối và báo việc khởi động lại, nhưng không so sánh toàn bộ ảnh: cao nhất là lời của nó. Dữ liệu đo có mã băm của ảnh sẽ chứng minh được.',
  })
}

/** Judged before anybody listens; the chip is not known then. */
export function judgeBefore(
  inspection: Inspection,
  options: PullOptions,
  release: { isVersionMade: boolean },
): Judgement[] {
  const willAsk = options.telemetry !== null
  const image = judgeEspImage(inspection, undefined, 'refused')
  return [
    ...image.filter(judgement => !willAsk || judgement.kind === 'refusal'),
    ...judgeSignature(options),
    ...judgeVersion(release),
  ]
}

/** Judged when the device came and said of itself what it does. */
export function judgeDevice(inspection: Inspection, sample: TelemetrySample | null): Judgement[] {
  return [...judgeEspImage(inspection, sample?.device?.chip, 'refused'), ...judgeProject(inspection, sample)]
}

function judgeSignature({ macMode }: PullOptions): Judgement[] {
  if (macMode !== 'none') return []
  return [
    {
      kind: 'warning',
      code: 'not-signed',
      text: {
        en: 'The chunks are not signed: the device takes them from anybody on this network.',
        vi: 'Các khối không được ký: thiết bị nhận chúng từ bất kỳ ai trong mạng này.',
      },
    },
  ]
}

function judgeVersion({ isVersionMade }: { readonly isVersionMade: boolean }): Judgement[] {
  if (!isVersionMade) return []
  return [
    {
      kind: 'warning',
      code: 'version-made',
      text: {
        en: 'The image names no version; the manifest carries the beginning of its hash. Set “version” for another text.',
        vi: 'Ảnh không có phiên bản; manifest mang phần đầu mã băm của nó. Đặt “version” để dùng văn bản khác.',
      },
    },
  ]
}
