/**
 * What the texts of Arduino's `Update` object mean (arduino-esp32 and esp8266, Updater.cpp): which of them another try
 * may cure, and what to do about the others.
 */
import { FlashproofError, type ErrorCode } from '../../shared/errors.ts'
import { stripControl } from '../../shared/units.ts'

interface Cause {
  readonly text: RegExp
  readonly code: ErrorCode
  /** In words, with the next step. */
  readonly means: string
  /** Whether another upload goes wrong as well until the device restarts. */
  readonly stillOpen?: boolean
}

const causes: readonly Cause[] = [
  {
    text: /not enough space|too less space|file (size )?(is )?too large/i,
    code: 'device.no-space',
    means: 'its update slot is smaller than the image: use a smaller build or another partition scheme',
  },
  {
    text: /wrong magic byte|magic byte is wrong|invalid bootstrapping|new flash config wrong|flash config wrong/i,
    code: 'device.refused-image',
    means: 'it is no application for this device: choose the application .bin of the right build',
  },
  {
    text: /signature|decryption error/i,
    code: 'device.refused-image',
    means: 'the device wants images that are signed or encrypted with its key',
  },
  {
    text: /partition could not be found|bad argument|md5 parameter invalid/i,
    code: 'device.refused',
    means: 'the device has no place for this kind of image, or does not take this option',
  },
  {
    text: /could not activate/i,
    code: 'device.rejected',
    means:
      'what it stored fails its own check: damaged on the way, or appended to an upload that was broken off before',
  },
  { text: /md5 check failed|md5 failed/i, code: 'device.rejected', means: 'the image was damaged on the way' },
  {
    text: /flash (write|erase|read) failed/i,
    code: 'device.rejected',
    means: 'its flash failed: check the power supply, then try again',
  },
  {
    text: /could not begin/i,
    code: 'device.rejected',
    means: 'an upload that was broken off before is still open in it: restart the device',
    stillOpen: true,
  },
  { text: /stream read timeout|aborted/i, code: 'device.rejected', means: 'the upload reached it too slowly' },
]

/**
 * The error for a device that refused the image with `deviceText`.
 * @param status of the HTTP answer; absent where the text came another way
 */
export function updateRefusal(deviceText: string, status?: number): FlashproofError {
  const deviceError = stripControl(deviceText, 200).trim()
  const cause = causes.find(({ text }) => text.test(deviceError))
  const said = deviceError === '' ? ' without a reason' : `: ${deviceError}`
  const means = cause === undefined ? '' : ` (${cause.means})`
  return new FlashproofError(cause?.code ?? 'device.rejected', `the device refused the image${said}${means}`, {
    ...(status === undefined ? {} : { status }),
    deviceError,
    ...(cause?.stillOpen === true ? { stillOpen: true } : {}),
  })
}
