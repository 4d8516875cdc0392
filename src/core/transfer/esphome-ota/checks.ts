/** What is checked before the first byte: the image against the board, and the required level against what it can prove. */
import type { EvidenceLevel, Inspection, TelemetrySample } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { judgeEspImage } from '../esp-image-judgement.ts'
import type { Reach } from '../evidence.ts'
import { judgeProject, type Judgement, type RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'
import { runningReach } from '../running-reach.ts'
import type { EsphomeOptions } from './options.ts'

export type Way = 'native' | 'web'

/**
 * @param way the native service compares the MD5 of what it received with ours; the web page says success or failure
 * @param image null when only the device is asked about
 */
export function reachOf(way: Way, telemetry: TelemetrySample | null, image: Inspection | null): Reach {
  const running = runningReach(telemetry, image)
  return {
    sent: 'yes',
    acknowledged: 'yes',
    received: way === 'native' ? 'yes' : 'no',
    stored: 'no',
    running,
    confirmed: running,
  }
}

/** @param isResume an earlier run asked its questions already */
export function judgeImage(
  inspection: Inspection,
  platform: EsphomeOptions['platform'],
  sample: TelemetrySample | null,
  isResume: boolean,
): Judgement[] {
  const project = isResume ? [] : judgeProject(inspection, sample)
  if (platform === 'esp32') return [...judgeEspImage(inspection, sample?.device?.chip, 'refused'), ...project]
  const chip = inspection.esp?.chip ?? null
  if (chip !== null && chip !== 'ESP8266') {
    const message = `${inspection.fileName} was made for the ${chip}, and the platform is stated as ${platform}`
    const error = new FlashproofError('image.wrong-chip', message, {
      file: inspection.fileName,
      imageChip: chip,
      deviceChip: platform,
    })
    return [{ kind: 'refusal', error }]
  }
  const text = {
    en: 'Images for this platform are not checked before they are sent.',
    vi: 'Phần sụn cho nền tảng này không được kiểm tra trước khi gửi.',
  }
  return [{ kind: 'warning', code: 'image-not-checked', text }, ...project]
}

/** @param wanted what a person or a recipe asked for; null: the default for this device */
export function judgeRequired(reach: Reach, wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'ESPHome cannot show what lies in its flash; telemetry that names the running image would show what runs.',
    vi: 'ESPHome không cho thấy nội dung trong flash; dữ liệu đo có nêu phần sụn đang chạy thì cho biết cái gì đang chạy.',
  })
}
