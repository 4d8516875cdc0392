/** Whether a device can show which image runs after its restart, as far as its telemetry tells before the first byte. */
import type { Inspection, TelemetrySample } from '../../shared/contract/models.ts'

/**
 * A restart is seen by a boot count or an uptime; what runs after it by an image hash, or by a version text.
 * @param image null when only the device is asked about: then a level that hangs on the image is at most `unknown`
 */
export function runningReach(telemetry: TelemetrySample | null, image: Inspection | null): 'yes' | 'no' | 'unknown' {
  if (telemetry === null) return 'no'
  const isRestartVisible = telemetry.bootCount !== undefined || telemetry.uptimeMs !== undefined
  const namesItsImage = telemetry.appElfSha256 !== undefined || telemetry.appVersion !== undefined
  if (!isRestartVisible || !namesItsImage) return 'no'
  if (image === null) return 'unknown'
  const app = image.esp?.app
  if (app === null || app === undefined) return 'no'
  return telemetry.appElfSha256 === undefined ? 'unknown' : 'yes'
}
