/** What is checked before the first byte: the image against the chip, the slot and the room that the device reports. */
import { FlashproofError } from '../../../shared/errors.ts'
import { assertFlashableAs } from '../../formats/esp-image/assert-flashable.ts'
import type { TransferContext, TransferOrder } from '../transfer-protocol.ts'
import type { EspPartsDevice } from './device.ts'
import type { EspPartsOptions } from './options.ts'

/** While parts are joined they and the file exist side by side, and the file system needs some air. */
const STORAGE_FACTOR = 2
const STORAGE_MARGIN_BYTES = 64 * 1024

/**
 * Refuses an image that this device must not get. A file that is not recognised as an Espressif image passes: the
 * device stores any file.
 * @throws {FlashproofError} image.wrong-kind, image.corrupt, image.wrong-chip, device.no-space, job.decision-needed
 */
export async function assertImageFits(
  order: TransferOrder,
  options: EspPartsOptions,
  device: EspPartsDevice,
  context: TransferContext,
): Promise<void> {
  const { inspection, bytes } = order.image
  const chip = device.before?.device?.chip
  if (inspection.esp !== null) {
    assertFlashableAs(inspection, { slot: 'app', ...(chip === undefined ? {} : { chip }) })
    if (chip === undefined)
      context.warn('The device does not say which chip it is; the image could not be compared with it.')
  }
  const { flashTotalBytes, flashUsedBytes } = device.before ?? {}
  if (flashTotalBytes === undefined || flashUsedBytes === undefined) {
    if (!order.isResume) context.warn('The device does not say how much room it has.')
    return
  }
  // Parts that an earlier run left are counted as used already; only a new upload needs all the room. A job that was
  // stopped before its session began has not passed these questions yet.
  if (order.isResume && context.ledger() !== null) return
  const freeBytes = flashTotalBytes - flashUsedBytes
  const details = { freeBytes, imageBytes: bytes.length, targetPath: options.targetPath }
  if (freeBytes < bytes.length) {
    throw new FlashproofError(
      'device.no-space',
      `the device has ${String(freeBytes)} bytes free, the image has ${String(bytes.length)}`,
      details,
    )
  }
  const comfortableBytes = STORAGE_FACTOR * bytes.length + STORAGE_MARGIN_BYTES
  if (freeBytes < comfortableBytes) {
    const question = `The device may run out of room while it joins the parts (${String(freeBytes)} bytes free, ${String(comfortableBytes)} wanted). Send it all the same?`
    await context.decide('tight-space', question, { ...details, comfortableBytes })
  }
}
