/** Answers of a small ROM, and of the stub that it starts, for `ScriptedLoaderLink`: memory, registers and a flash. */
import { createHash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { answer, type HeardCommand, type Reaction } from './scripted-loader-link.ts'

const OHAI = Buffer.from('OHAI')
const MAGIC = 0x4000_1000
const PIECE_BYTES = 4096

export class ScriptedEspRom {
  isStub = false
  /** Null: GET_SECURITY_INFO is refused, as by the ESP32. */
  securityInfo: Uint8Array | null = null
  isSecureDownload = false
  magic = 0x00f0_1d83
  flash = Buffer.alloc(64 * 1024, 0xff)
  readonly registers = new Map<number, number>()
  readonly ramSegments: { address: number; sizeBytes: number; got: number }[] = []
  #writing: { at: number; compressed: number[] | null } | null = null
  #reading: { from: number; sizeBytes: number; pieces: Uint8Array[] } | null = null

  readonly react = (command: HeardCommand): Reaction => {
    const { opcode, data } = command
    if (opcode === -1) return this.#acknowledged()
    if (this.isSecureDownload && ![0x08, 0x0d, 0x0b, 0x0f, 0x02, 0x03, 0x04, 0x14].includes(opcode)) {
      return [this.#refused(opcode, 0x05)]
    }
    const word = (index: number): number => new DataView(data.buffer, data.byteOffset).getUint32(index * 4, true)
    switch (opcode) {
      case 0x08:
        return Array.from({ length: 8 }, () => this.#done(opcode, { value: this.isStub ? 0 : 0x2012_0707 }))
      case 0x14:
        if (this.securityInfo === null) return Array.from({ length: 8 }, () => this.#refused(opcode, 0x05))
        return [this.#done(opcode, { data: this.securityInfo })]
      case 0x0a:
        return [this.#done(opcode, { value: word(0) === MAGIC ? this.magic : (this.registers.get(word(0)) ?? 0) })]
      case 0x05:
        this.ramSegments.push({ address: word(3), sizeBytes: word(0), got: 0 })
        return [this.#done(opcode)]
      case 0x07: {
        const segment = this.ramSegments.at(-1)
        if (segment !== undefined) segment.got += word(0)
        return [this.#done(opcode)]
      }
      case 0x06: {
        const isStarted = word(0) === 0
        const done = this.#done(opcode)
        if (isStarted) this.isStub = true
        return isStarted ? [done, OHAI] : [done]
      }
      case 0x02:
      case 0x10:
        this.#writing = { at: word(3), compressed: opcode === 0x10 ? [] : null }
        return [this.#done(opcode)]
      case 0x03:
      case 0x11:
        this.#write(data.subarray(16))
        return [this.#done(opcode)]
      case 0x13: {
        const digest = createHash('md5').update(this.flash.subarray(word(0), word(0) + word(1)))
        return [this.#done(opcode, { data: this.isStub ? digest.digest() : Buffer.from(digest.digest('hex')) })]
      }
      case 0xd2:
        this.#reading = { from: word(0), sizeBytes: word(1), pieces: [] }
        return [this.#done(opcode), ...this.#nextPiece(0)]
      case 0x0e:
        return [this.#done(opcode, { data: this.flash.subarray(word(0), word(0) + 64) })]
      default:
        return [this.#done(opcode)]
    }
  }

  #acknowledged(): Reaction {
    const reading = this.#reading
    if (reading === null) return []
    const got = reading.pieces.reduce((sum, piece) => sum + piece.length, 0)
    if (got < reading.sizeBytes) return this.#nextPiece(got)
    this.#reading = null
    return [createHash('md5').update(Buffer.concat(reading.pieces)).digest()]
  }

  #nextPiece(got: number): Reaction {
    const reading = this.#reading
    if (reading === null) return []
    const from = reading.from + got
    const piece = this.flash.subarray(from, from + Math.min(PIECE_BYTES, reading.sizeBytes - got))
    reading.pieces.push(piece)
    return [piece]
  }

  #write(payload: Uint8Array): void {
    const writing = this.#writing
    if (writing === null) return
    if (writing.compressed === null) {
      this.flash.set(payload.subarray(0, this.flash.length - writing.at), writing.at)
      writing.at += payload.length
      return
    }
    writing.compressed.push(...payload)
    try {
      this.flash.set(inflateSync(Uint8Array.from(writing.compressed)), writing.at)
    } catch {
      // The stream is not whole yet.
    }
  }

  #done(opcode: number, given: { value?: number; data?: Uint8Array } = {}): Uint8Array {
    return answer(opcode, { ...given, status: this.isStub ? [0, 0] : [0, 0, 0, 0] })
  }

  #refused(opcode: number, error: number): Uint8Array {
    return answer(opcode, { status: this.isStub ? [error, 0] : [1, error, 0, 0] })
  }
}

/** The twenty bytes of GET_SECURITY_INFO. */
export function securityInfo(chipId: number, flags = 0, cryptCount = 0): Uint8Array {
  const bytes = new Uint8Array(20)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, flags, true)
  view.setUint8(4, cryptCount)
  view.setUint32(12, chipId, true)
  return bytes
}
