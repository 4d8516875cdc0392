/** The format of Espressif's .bin files: applications, bootloaders, partition tables, otadata and merged images. */
import { FlashproofError } from '../../shared/errors.ts'
import { MemoryImage } from '../image/memory-image.ts'
import { espChips } from './esp-image/chips.ts'
import { describeEspFile } from './esp-image/describe-file.ts'
import { ESP8266_V2_MAGIC, HEADER_BYTES, looksLikeImage, SEGMENT_HEADER_BYTES } from './esp-image/image-header.ts'
import { isFilledWith, readUint32, readUint8 } from './esp-image/little-endian.ts'
import { OTA_DATA_BYTES, readOtaRecords } from './esp-image/ota-data.ts'
import { looksLikePartitionTable } from './esp-image/partition-table.ts'
import type { FirmwareFormat, FirmwareSource, ReadOptions, ReadResult } from './firmware-format.ts'
import { readWholeSource } from './read-whole-source.ts'

export const espImage: FirmwareFormat = {
  id: 'esp-image',
  label: { en: 'ESP image', vi: 'Ảnh firmware ESP' },
  extensions: ['bin'],
  isAddressed: false,
  recognise,
  read,
}

/** The segment at file offset 0 of a plain binary has no load address; this many bytes hold header and first segment. */
const PROBE_BYTES = HEADER_BYTES + SEGMENT_HEADER_BYTES

function recognise(source: FirmwareSource): 'yes' | 'maybe' | 'no' {
  const { head } = source
  if (looksLikePartitionTable(head)) return 'yes'
  if (source.sizeBytes === OTA_DATA_BYTES && readOtaRecords(head).length > 0) return 'yes'
  if (readUint8(head, 0) === ESP8266_V2_MAGIC) return looksLikeTwoHeaderForm(source) ? 'yes' : 'no'
  const answer = looksLikeImage(head)
  return answer === 'no' && isMergedBehindFiller(source) ? 'yes' : answer
}

/** A merged image for a chip whose bootloader lies at 0x1000 or 0x2000 begins with that much filler. */
function isMergedBehindFiller(source: FirmwareSource): boolean {
  if (!isFilledWith(source.head, 0xff)) return false
  const offsets = new Set(espChips.map(chip => chip.bootloaderOffset))
  offsets.delete(0)
  const probe = new Uint8Array(Math.max(...offsets) + PROBE_BYTES)
  const found = probe.subarray(0, source.read(probe, 0))
  return [...offsets].some(
    offset => looksLikeImage(found, offset) === 'yes' && isFilledWith(found.subarray(0, offset), 0xff),
  )
}

function looksLikeTwoHeaderForm(source: FirmwareSource): boolean {
  const secondHeaderAt = 2 * SEGMENT_HEADER_BYTES + readUint32(source.head, 12)
  const probe = new Uint8Array(PROBE_BYTES)
  return source.read(probe, secondHeaderAt) === probe.length && looksLikeImage(probe) !== 'no'
}

/**
 * Reads the file's bytes as one segment at file offset 0. A damaged image is read too: its findings say `error`, and
 * `assertFlashableAs` refuses it.
 * @throws {FlashproofError} format.unsupported when it is none of the kinds after all
 */
function read(source: FirmwareSource, options: ReadOptions): ReadResult {
  const bytes = readWholeSource(source, options)
  const description = describeEspFile(bytes)
  if (description === null) {
    throw new FlashproofError('format.unsupported', `${source.fileName} is no Espressif image`, {
      file: source.fileName,
    })
  }
  const image = MemoryImage.fromPieces([{ address: options.baseAddress ?? 0, bytes }])
  return { image, startAddress: null, findings: description.findings, esp: description.esp }
}
