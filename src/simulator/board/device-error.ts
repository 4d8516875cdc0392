/** Exceptions inside a virtual device: what MicroPython would raise, with its text. */

/** An `OSError` of the device; `message` is what `str(error)` gives there. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError'
}

export const noSuchFile = (): DeviceError => new DeviceError('[Errno 2] ENOENT')
export const noSpaceLeft = (): DeviceError => new DeviceError('[Errno 28] ENOSPC')
export const nameTooLong = (): DeviceError => new DeviceError('[Errno 36] ENAMETOOLONG')

/** Ends work that the board can no longer do because it lost power or rebooted. */
export class PowerLost extends Error {
  override readonly name = 'PowerLost'
}
