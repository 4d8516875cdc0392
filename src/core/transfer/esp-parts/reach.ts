/** What this device can prove, as far as reading tells before the first byte. */
import type { Inspection, TelemetrySample } from '../../../shared/contract/models.ts'
import type { Reach } from '../evidence.ts'
import type { Capabilities } from './requests.ts'

/**
 * Judges each level by what the device offers and what the image carries. `image` is null when only the device is asked
 * about: then a level that hangs on the image is at most `unknown`.
 */
export function reachOf(
  capabilities: Capabilities | null,
  telemetry: TelemetrySample | null,
  image: Inspection | null,
): Reach {
  const hash = capabilities?.hasHash === true ? 'yes' : 'no'
  const running = runningReach(telemetry, image)
  return {
    sent: 'yes',
    acknowledged: 'yes',
    received: hash,
    stored: hash,
    running,
    confirmed: running,
  }
}

/** A restart can be seen by a boot count or an uptime; what runs after it by an image hash, or by a version text. */
function runningReach(telemetry: TelemetrySample | null, image: Inspection | null): 'yes' | 'no' | 'unknown' {
  if (telemetry === null) return 'no'
  const isRestartVisible = telemetry.bootCount !== undefined || telemetry.uptimeMs !== undefined
  const namesItsImage = telemetry.appElfSha256 !== undefined || telemetry.appVersion !== undefined
  if (!isRestartVisible || !namesItsImage) return 'no'
  if (image === null) return 'unknown'
  const app = image.esp?.app
  if (app === null || app === undefined) return 'no'
  return telemetry.appElfSha256 === undefined ? 'unknown' : 'yes'
}
