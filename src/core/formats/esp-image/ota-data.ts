/** otadata: the two records by which an ESP-IDF bootloader chooses the app slot to start. */
import { crc32 } from 'node:zlib'
import { isFilledWith, readUint32, writeUint32 } from './little-endian.ts'

/** Two flash sectors; 32 bytes of each are used. Source: ESP-IDF `esp_flash_partitions.h`. */
export const OTA_DATA_BYTES = 0x2000
export const OTA_SECTOR_BYTES = 0x1000
const RECORD_BYTES = 32
const ERASED = 0xffff_ffff

const stateNames = ['new', 'pending-verify', 'valid', 'invalid', 'aborted'] as const
export type OtaState = (typeof stateNames)[number] | 'undefined'

export interface OtaRecord {
  /** Sector 0 or 1. */
  readonly sector: number
  readonly sequence: number
  readonly state: OtaState
}

/** Reads the records whose check sum is right; sectors that are erased or broken are left out. */
export function readOtaRecords(bytes: Uint8Array, offset = 0): readonly OtaRecord[] {
  const records: OtaRecord[] = []
  for (const sector of [0, 1]) {
    const at = offset + sector * OTA_SECTOR_BYTES
    if (at + RECORD_BYTES > bytes.length) continue
    const sequence = readUint32(bytes, at)
    if (sequence === ERASED || readUint32(bytes, at + 28) !== sequenceChecksum(bytes.subarray(at, at + 4))) continue
    records.push({ sector, sequence, state: stateNames[readUint32(bytes, at + 24)] ?? 'undefined' })
  }
  return records
}

/** Whether bytes are a whole otadata partition: right size, a valid record, and nothing but filler around the records. */
export function isOtaData(bytes: Uint8Array): boolean {
  return (
    bytes.length === OTA_DATA_BYTES &&
    readOtaRecords(bytes).length > 0 &&
    isFilledWith(bytes.subarray(RECORD_BYTES, OTA_SECTOR_BYTES), 0xff) &&
    isFilledWith(bytes.subarray(OTA_SECTOR_BYTES + RECORD_BYTES), 0xff)
  )
}

/** The record that the bootloader follows: the larger sequence among those neither invalid nor aborted. */
export function activeOtaRecord(records: readonly OtaRecord[]): OtaRecord | null {
  let active: OtaRecord | null = null
  for (const record of records) {
    if (record.state === 'invalid' || record.state === 'aborted') continue
    if (active === null || record.sequence > active.sequence) active = record
  }
  return active
}

/** The slot (0 for `ota_0`) that a sequence number stands for. */
export function slotOfSequence(sequence: number, slotCount: number): number {
  return (sequence - 1) % slotCount
}

/** Makes one 32-byte record, as the bootloader checks it. */
export function buildOtaRecord(sequence: number, state: OtaState = 'undefined'): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES).fill(0xff)
  writeUint32(bytes, 0, sequence)
  const stateNumber = state === 'undefined' ? ERASED : stateNames.indexOf(state)
  writeUint32(bytes, 24, stateNumber)
  writeUint32(bytes, 28, sequenceChecksum(bytes.subarray(0, 4)))
  return bytes
}

/** Makes a whole otadata partition that starts slot `ota_0` (sequence 1) unless told otherwise. */
export function buildOtaData(sequence = 1, state: OtaState = 'undefined'): Uint8Array {
  const bytes = new Uint8Array(OTA_DATA_BYTES).fill(0xff)
  bytes.set(buildOtaRecord(sequence, state), 0)
  return bytes
}

/** Source: ESP-IDF `bootloader_common.c`: the ROM's CRC-32 of the sequence number, begun with 0xFFFFFFFF. */
function sequenceChecksum(sequenceBytes: Uint8Array): number {
  return crc32(sequenceBytes, ERASED)
}
