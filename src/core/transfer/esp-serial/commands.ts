/**
 * Requests and answers of Espressif's loaders: opcodes, frames, what their errors mean, how long each may take. Source:
 * esptool, serial-protocol and `loader.py`; error codes of the stub from esp-flasher-stub, `commands.h`.
 */
import { readUint16, readUint32, writeUint16, writeUint32 } from '../../formats/esp-image/little-endian.ts'
import { encodeSlip } from './slip.ts'

export const OPCODES = {
  flashBegin: 0x02,
  flashData: 0x03,
  flashEnd: 0x04,
  memBegin: 0x05,
  memEnd: 0x06,
  memData: 0x07,
  sync: 0x08,
  writeRegister: 0x09,
  readRegister: 0x0a,
  spiSetParameters: 0x0b,
  spiAttach: 0x0d,
  readFlashSlow: 0x0e,
  changeBaudRate: 0x0f,
  deflateBegin: 0x10,
  deflateData: 0x11,
  deflateEnd: 0x12,
  flashMd5: 0x13,
  securityInfo: 0x14,
  eraseFlash: 0xd0,
  eraseRegion: 0xd1,
  readFlash: 0xd2,
  runUserCode: 0xd3,
} as const

export type OpcodeName = keyof typeof OPCODES

/** How a person reads a command in an error. */
export const commandNames: Readonly<Record<OpcodeName, string>> = {
  flashBegin: 'FLASH_BEGIN',
  flashData: 'FLASH_DATA',
  flashEnd: 'FLASH_END',
  memBegin: 'MEM_BEGIN',
  memEnd: 'MEM_END',
  memData: 'MEM_DATA',
  sync: 'SYNC',
  writeRegister: 'WRITE_REG',
  readRegister: 'READ_REG',
  spiSetParameters: 'SPI_SET_PARAMS',
  spiAttach: 'SPI_ATTACH',
  readFlashSlow: 'READ_FLASH_SLOW',
  changeBaudRate: 'CHANGE_BAUDRATE',
  deflateBegin: 'FLASH_DEFL_BEGIN',
  deflateData: 'FLASH_DEFL_DATA',
  deflateEnd: 'FLASH_DEFL_END',
  flashMd5: 'SPI_FLASH_MD5',
  securityInfo: 'GET_SECURITY_INFO',
  eraseFlash: 'ERASE_FLASH',
  eraseRegion: 'ERASE_REGION',
  readFlash: 'READ_FLASH',
  runUserCode: 'RUN_USER_CODE',
}

export const TIMEOUT_MS = 3000
export const SYNC_TIMEOUT_MS = 100
export const CHIP_ERASE_TIMEOUT_MS = 120_000
const ERASE_MS_A_MEGABYTE = 40_000
const MD5_MS_A_MEGABYTE = 8000

/** The answer to a write or an erase may take as long as erasing and writing so many bytes. */
export function eraseTimeoutMs(sizeBytes: number): number {
  return Math.max(TIMEOUT_MS, Math.ceil((sizeBytes / 1e6) * ERASE_MS_A_MEGABYTE))
}

export function md5TimeoutMs(sizeBytes: number): number {
  return Math.max(TIMEOUT_MS, Math.ceil((sizeBytes / 1e6) * MD5_MS_A_MEGABYTE))
}

const REQUEST = 0x00
const RESPONSE = 0x01
const HEADER_BYTES = 8
const CHECKSUM_SEED = 0xef

/** `07 07 12 20` and 32 times `55`, from whose edges the ROM measures the rate. */
export const SYNC_DATA: Uint8Array = new Uint8Array(36).fill(0x55)
SYNC_DATA.set([0x07, 0x07, 0x12, 0x20])

/** XOR of all bytes, from EF on; four at a time, because a block is summed up while its predecessor's line stands still. */
export function checksumOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const wholeBytes = bytes.length - (bytes.length % 4)
  let sum = 0
  for (let at = 0; at < wholeBytes; at += 4) sum ^= view.getUint32(at, true)
  let folded = CHECKSUM_SEED ^ sum ^ (sum >>> 8) ^ (sum >>> 16) ^ (sum >>> 24)
  for (const byte of bytes.subarray(wholeBytes)) folded ^= byte
  return folded & 0xff
}

export function encodeRequest(opcode: number, data: Uint8Array): Uint8Array {
  return encodeSlip(requestHeader(opcode, data.length, 0), data)
}

/** A block of data: its length and number, two zeros, and a checksum over the payload alone. */
export function encodeBlock(opcode: number, payload: Uint8Array, sequence: number): Uint8Array {
  const prefix = words(payload.length, sequence, 0, 0)
  const header = requestHeader(opcode, prefix.length + payload.length, checksumOf(payload))
  return encodeSlip(header, prefix, payload)
}

/** Little-endian words, which is what most requests consist of. */
export function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4)
  values.forEach((value, index) => {
    writeUint32(bytes, index * 4, value)
  })
  return bytes
}

export interface EspAnswer {
  readonly opcode: number
  readonly value: number
  /** Data and status together: where the status begins depends on what the command gives. */
  readonly body: Uint8Array
}

/** @returns null for a frame that is no answer, or one that lost or gained bytes on its way */
export function readAnswer(frame: Uint8Array): EspAnswer | null {
  if (frame.length < HEADER_BYTES + 2 || frame[0] !== RESPONSE) return null
  const body = frame.subarray(HEADER_BYTES)
  if (readUint16(frame, 2) !== body.length) return null
  return { opcode: frame[1] ?? 0, value: readUint32(frame, 4), body }
}

export interface AnswerStatus {
  readonly isFailure: boolean
  readonly error: number
  /** Null where the answer is too short to hold what the command gives. */
  readonly data: Uint8Array | null
}

/** The stub puts its errors into the first status byte, a ROM into the second one. */
const FIRST_STUB_ERROR = 0xc0

/** Two bytes; ROMs of all chips but the ESP8266 add two more, which say nothing. */
const LONGEST_STATUS = 4

/** A failure may omit the data; what is longer than a status and shorter than the data is neither. */
export function readStatus(body: Uint8Array, dataBytes: number): AnswerStatus {
  const isWhole = body.length >= dataBytes + 2
  if (!isWhole && body.length > LONGEST_STATUS) return { isFailure: false, error: 0, data: null }
  const at = isWhole ? dataBytes : 0
  const status = body[at] ?? 0
  return {
    isFailure: status !== 0,
    error: status >= FIRST_STUB_ERROR ? status : (body[at + 1] ?? 0),
    data: isWhole ? body.subarray(0, dataBytes) : null,
  }
}

const errorNames: Readonly<Record<number, string>> = {
  0x00: 'undefined error',
  0x01: 'bad parameter',
  0x02: 'no memory',
  0x03: 'could not send',
  0x04: 'could not receive',
  0x05: 'message format is wrong or the command is unknown',
  0x06: 'the result was wrong',
  0x07: 'checksum is wrong',
  0x08: 'flash write failed, read back differently',
  0x09: 'flash read failed',
  0x0a: 'flash read length is wrong',
  0x0b: 'decompression failed',
  0x0c: 'checksum of the decompressed data is wrong',
  0x0d: 'parameter of the decompression is wrong',
  0x0e: 'size of the RAM block is wrong',
  0x0f: 'address in RAM is wrong',
  0x64: 'parameter is wrong',
  0x65: 'format is wrong',
  0x66: 'message is too long',
  0x67: 'encoding is wrong',
  0x69: 'storage failed',
  0xc0: 'length of the data is wrong',
  0xc1: 'checksum is wrong',
  0xc2: 'block size is wrong',
  0xc3: 'command is unknown',
  0xc4: 'flash operation failed',
  0xc5: 'flash could not be unlocked',
  0xc6: 'no write was begun',
  0xc7: 'decompression failed',
  0xc8: 'not enough data',
  0xc9: 'too much data',
  0xff: 'command is not implemented',
}

export function errorName(error: number): string {
  return errorNames[error] ?? `error 0x${error.toString(16).padStart(2, '0')}`
}

const unsupported: readonly number[] = [0x05, 0xc3, 0xff]
/** What damage on the line makes of a block. Other errors may belong to the block before, which was acknowledged. */
const damage: readonly number[] = [0x05, 0x07, 0xc0, 0xc1]

export function isUnsupported(error: number): boolean {
  return unsupported.includes(error)
}

/** Whether the block did not get into flash, so that it can be sent again. */
export function isDamage(error: number): boolean {
  return damage.includes(error)
}

function requestHeader(opcode: number, sizeBytes: number, checksum: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES)
  header[0] = REQUEST
  header[1] = opcode
  writeUint16(header, 2, sizeBytes)
  writeUint32(header, 4, checksum)
  return header
}
