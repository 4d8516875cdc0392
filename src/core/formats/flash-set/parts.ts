/** Reads the files that a set names; each must lie beside the list, and two must not need one flash sector. */
import { createHash } from 'node:crypto'
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import { formatAddress, formatBytes } from '../../../shared/units.ts'
import type { FirmwareSource, ReadOptions } from '../firmware-format.ts'
import { assertNotAborted } from '../file-source.ts'
import { ACCEPT_NOT_FIRMWARE, describeNotFirmware } from '../not-firmware.ts'
import { badSet, LARGEST_FLASH_BYTES, type PlannedPart, type SetPlan } from './plan.ts'

/** The smallest unit that flash is erased in: a part that shares one would take its neighbour's bytes with it. */
const SECTOR_BYTES = 0x1000

export interface SetPart extends PlannedPart {
  readonly bytes: Uint8Array
  readonly sha256: string
}

/**
 * Reads every part, in the order of their offsets.
 * @throws {FlashproofError} format.part-missing, format.bad-set, format.not-firmware, image.overlap, file.*, call.aborted
 */
export function readParts(source: FirmwareSource, plan: SetPlan, options: ReadOptions): SetPart[] {
  const { fileName } = source
  const parts: SetPart[] = []
  let totalBytes = 0
  for (const planned of plan.parts) {
    assertNotAborted(options.signal)
    assertPlainPath(fileName, planned.path)
    const bytes = readBeside(source, planned.path)
    totalBytes += bytes.length
    if (planned.offset + bytes.length > LARGEST_FLASH_BYTES || totalBytes > LARGEST_FLASH_BYTES) {
      const text = `“${planned.path}” reaches past ${formatBytes(LARGEST_FLASH_BYTES)}, the largest flash`
      throw badSet(fileName, text, { part: planned.path })
    }
    assertFirmware(fileName, planned.path, bytes, options.accept ?? [])
    parts.push({ ...planned, bytes, sha256: createHash('sha256').update(bytes).digest('hex') })
  }
  parts.sort((left, right) => left.offset - right.offset)
  assertApart(fileName, parts)
  return parts
}

/** A list may come from anywhere: it must not reach out of its folder, nor into the network. */
function assertPlainPath(file: string, path: string): void {
  const isPlain =
    path !== '' &&
    path.length <= 1024 &&
    !/^[a-z][a-z0-9+.-]*:/i.test(path) &&
    !/^[/\\]/.test(path) &&
    !path.includes('\\') &&
    !/\p{Cc}/u.test(path) &&
    !path.split('/').includes('..')
  if (isPlain) return
  const text = `the part “${path}” does not lie in the folder of the list; put it there and name it without “..” or an address`
  throw badSet(file, text, { part: path })
}

function readBeside(source: FirmwareSource, path: string): Uint8Array {
  const missing = (why: string, cause?: unknown): FlashproofError =>
    new FlashproofError(
      'format.part-missing',
      `${source.fileName} names the part “${path}”, ${why}`,
      { file: source.fileName, part: path },
      { cause },
    )
  if (source.readBeside === undefined) throw missing('but only the list itself was handed over')
  let bytes: Uint8Array
  try {
    bytes = source.readBeside(path, LARGEST_FLASH_BYTES)
  } catch (error) {
    if (hasErrorCode(error, 'file.not-found')) throw missing('which is not there', error)
    throw error
  }
  return bytes
}

function assertFirmware(file: string, path: string, bytes: Uint8Array, accept: readonly string[]): void {
  const found = describeNotFirmware(bytes.subarray(0, 4096))
  if (found === null || accept.includes(ACCEPT_NOT_FIRMWARE)) return
  throw new FlashproofError('format.not-firmware', `${file}: the part “${path}”: ${found.text}`, {
    file,
    part: path,
    kind: found.kind,
    accept: ACCEPT_NOT_FIRMWARE,
  })
}

function assertApart(file: string, parts: readonly SetPart[]): void {
  parts.forEach((part, index) => {
    const before = parts[index - 1]
    if (before === undefined) return
    const lastSector = Math.floor((before.offset + before.bytes.length - 1) / SECTOR_BYTES)
    if (lastSector < Math.floor(part.offset / SECTOR_BYTES)) return
    throw new FlashproofError(
      'image.overlap',
      `${file}: “${before.path}” (${formatBytes(before.bytes.length)} at ${formatAddress(before.offset)}) reaches into the flash sector of “${part.path}” at ${formatAddress(part.offset)}`,
      { file, part: before.path, otherPart: part.path, address: part.offset },
    )
  })
}
