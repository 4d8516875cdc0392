/** One UF2 block: 512 bytes that say by themselves where their payload goes. Source: microsoft/uf2 README. */
import { FlashproofError, type ErrorCode, type ErrorDetails } from '../../../shared/errors.ts'

export const BLOCK_BYTES = 512
export const MAX_PAYLOAD_BYTES = 476
const HEADER_BYTES = 32
const FIRST_MAGIC = 0x0a324655
const SECOND_MAGIC = 0x9e5d5157
const FINAL_MAGIC = 0x0ab16f30
const MD5_BYTES = 16
/** Address, length and MD5 of a region. */
const MD5_RECORD_BYTES = 8 + MD5_BYTES

export const BlockFlag = {
  notMainFlash: 0x1,
  fileContainer: 0x1000,
  familyPresent: 0x2000,
  md5Present: 0x4000,
} as const

export interface RegionMd5 {
  readonly address: number
  readonly sizeBytes: number
  readonly md5: string
}

/** A view of the block at `offset` of a buffer; the buffer belongs to the reader. */
export class Uf2Block {
  readonly flags: number
  readonly address: number
  readonly payload: Uint8Array
  readonly number: number
  readonly count: number
  /** Null where the block names no family. */
  readonly familyId: number | null
  readonly #bytes: Uint8Array
  readonly #view: DataView

  /**
   * @param index position of the block in the file, for the errors
   * @throws {FlashproofError} format.malformed-record
   */
  constructor(bytes: Uint8Array, index: number, file: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    if (!isBlock(bytes)) {
      throw blockError('format.malformed-record', file, index, 'its magic numbers are not those of a UF2 block')
    }
    const payloadBytes = view.getUint32(16, true)
    if (payloadBytes > MAX_PAYLOAD_BYTES) {
      throw blockError(
        'format.malformed-record',
        file,
        index,
        `it says ${String(payloadBytes)} bytes of payload; a block holds ${String(MAX_PAYLOAD_BYTES)}`,
        { payloadBytes },
      )
    }
    this.#bytes = bytes
    this.#view = view
    this.flags = view.getUint32(8, true)
    this.address = view.getUint32(12, true)
    this.payload = bytes.subarray(HEADER_BYTES, HEADER_BYTES + payloadBytes)
    this.number = view.getUint32(20, true)
    this.count = view.getUint32(24, true)
    this.familyId = this.has(BlockFlag.familyPresent) ? view.getUint32(28, true) : null
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }

  /** Whether the payload is meant for the main flash. */
  get isForMainFlash(): boolean {
    return !this.has(BlockFlag.notMainFlash) && !this.has(BlockFlag.fileContainer)
  }

  /**
   * The MD5 records that the block may carry: esptool puts its own directly after the payload, the UF2 text in the last
   * 24 bytes of the data. Where both places are possible the reader tries both.
   */
  get regionCandidates(): readonly RegionMd5[] {
    if (!this.has(BlockFlag.md5Present)) return []
    const afterPayload = HEADER_BYTES + this.payload.length
    const atEnd = HEADER_BYTES + MAX_PAYLOAD_BYTES - MD5_RECORD_BYTES
    const places = afterPayload >= atEnd ? [atEnd] : [afterPayload, atEnd]
    return places.map(at => ({
      address: this.#view.getUint32(at, true),
      sizeBytes: this.#view.getUint32(at + 4, true),
      md5: Buffer.from(this.#bytes.subarray(at + 8, at + 8 + MD5_BYTES)).toString('hex'),
    }))
  }
}

/** Whether 512 bytes carry the three magic numbers. */
export function isBlock(bytes: Uint8Array): boolean {
  if (bytes.length < BLOCK_BYTES) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return (
    view.getUint32(0, true) === FIRST_MAGIC &&
    view.getUint32(4, true) === SECOND_MAGIC &&
    view.getUint32(BLOCK_BYTES - 4, true) === FINAL_MAGIC
  )
}

export function blockError(
  code: ErrorCode,
  file: string,
  index: number,
  message: string,
  details: ErrorDetails = {},
): FlashproofError {
  const fileOffset = index * BLOCK_BYTES
  return new FlashproofError(code, `${file}, block ${String(index)} (file offset ${String(fileOffset)}): ${message}`, {
    file,
    block: index,
    fileOffset,
    ...details,
  })
}
