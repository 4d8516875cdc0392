/** What is checked before the first byte: the image against the board, and the required level against what it can prove. */
import type { EvidenceLevel, Inspection, TelemetrySample } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { judgeEspImage } from '../esp-image-judgement.ts'
import type { Reach } from '../evidence.ts'
import { judgeProject, type Judgement, type RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'
import { runningReach } from '../running-reach.ts'
import type { ArduinoOptions } from './options.ts'

type Written = Pick<ArduinoOptions, 'writes' | 'platform'>

/** @param image null when only the device is asked about */
export function reachOf(
  writes: ArduinoOptions['writes'],
  telemetry: TelemetrySample | null,
  image: Inspection | null,
): Reach {
  // The program does not change with its file system, so what it says of itself proves nothing of the image.
  const running = writes === 'filesystem' ? 'no' : runningReach(telemetry, image)
  return { sent: 'yes', acknowledged: 'yes', received: 'yes', stored: 'no', running, confirmed: running }
}

/** @param isResume an earlier run asked its questions already */
export function judgeImage(
  inspection: Inspection,
  { writes, platform }: Written,
  sample: TelemetrySample | null,
  isResume: boolean,
): Judgement[] {
  if (writes === 'filesystem') return judgeFileSystem(inspection)
  const project = isResume ? [] : judgeProject(inspection, sample)
  if (platform === 'esp32') return [...judgeEspImage(inspection, sample?.device?.chip, 'refused'), ...project]
  const chip = inspection.esp?.chip ?? null
  if (chip !== null && chip !== 'ESP8266') {
    const message = `${inspection.fileName} was made for the ${chip}, and the platform is stated as another one`
    const details = { file: inspection.fileName, imageChip: chip, deviceChip: platform }
    return [{ kind: 'refusal', error: new FlashproofError('image.wrong-chip', message, details) }]
  }
  const text = {
    en: 'Images for this platform are not checked before they are sent.',
    vi: 'Phần sụn cho nền tảng này không được kiểm tra trước khi gửi.',
  }
  return [{ kind: 'warning', code: 'image-not-checked', text }, ...project]
}

/** A program written over the file system would take all files with it. */
function judgeFileSystem(inspection: Inspection): Judgement[] {
  if (inspection.esp !== null) {
    const message = `${inspection.fileName} is a program or a part of one; a file system is wanted here`
    const details = { file: inspection.fileName, wanted: 'filesystem', found: inspection.esp.kind }
    return [{ kind: 'refusal', error: new FlashproofError('image.wrong-kind', message, details) }]
  }
  const text = {
    en: 'A file system is replaced as a whole while it is written; a transfer that breaks leaves it unusable.',
    vi: 'Hệ thống tệp bị thay thế toàn bộ trong lúc ghi; nếu đứt giữa chừng thì không dùng được.',
  }
  return [{ kind: 'warning', code: 'filesystem-replaced', text }]
}

/** @param wanted what a person or a recipe asked for; null: the default for this device */
export function judgeRequired(reach: Reach, wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'ArduinoOTA cannot show what lies in the flash; telemetry that names the running image would show what runs.',
    vi: 'ArduinoOTA không cho thấy nội dung trong flash; dữ liệu đo có nêu phần sụn đang chạy thì cho biết cái gì đang chạy.',
  })
}
