/** A bootloader that receives one program over XMODEM or YMODEM, from its prompt to the start of the program. */
import { busy, forever, readWithin, type ChipProgram } from '../uart/chip-program.ts'
import type { YmodemFaultHooks } from './faults.ts'
import { readPacket, type Packet } from './packets.ts'

export interface ReceiverSettings {
  /** `xmodem` has no header: neither a name nor a size. */
  readonly protocol: 'ymodem' | 'xmodem'
  /** Asks for the 8-bit sum in place of the CRC. */
  readonly hasChecksum: boolean
  /** Waits for a key before it begins. */
  readonly hasMenu: boolean
  /** Between two invitations. */
  readonly pollMs: number
  /** Without a block, before it asks for it again. */
  readonly blockMs: number
  /** Between two bytes of a block, before it gives the block up. */
  readonly byteMs: number
  readonly eraseMs: number
  /** To program a block. */
  readonly programMs: number
  /** Room for a program. */
  readonly flashBytes: number
}

/** The board around the bootloader. */
export interface ReceiverHost {
  readonly faults: () => readonly YmodemFaultHooks[]
  send(bytes: Uint8Array): void
  erase(): void
  store(offset: number, bytes: Uint8Array): void
  /** A data block has come. */
  onBlock(): void
  /** All of it is stored. */
  complete(sizeBytes: number): void
  /** From its beginning, the bootloader. */
  restart(): void
  startApplication(): void
}

interface Header {
  readonly isEndOfBatch: boolean
  /** Null where the sender did not say it. */
  readonly sizeBytes: number | null
}

const ACK = 0x06
const NAK = 0x15
const CAN = 0x18
const CRC_WANTED = 0x43
const MENU_KEY = 0x75
const MAXIMUM_ERRORS = 10
const QUIET_MS = 30
const MENU_MS = 2000

export class YmodemReceiver {
  readonly #host: ReceiverHost
  readonly #settings: ReceiverSettings

  constructor(host: ReceiverHost, settings: ReceiverSettings) {
    this.#host = host
    this.#settings = settings
  }

  *run(): ChipProgram {
    this.#print('\r\nPractice bootloader 1.0\r\n')
    for (;;) {
      if (this.#settings.hasMenu) yield* this.#menu()
      const sizeBytes = yield* this.#receive()
      if (sizeBytes !== null && (yield* this.#finish(sizeBytes))) return
    }
  }

  /** Prints again and again, for whoever connects meanwhile. */
  *#menu(): ChipProgram {
    let key: number | undefined
    do {
      if (key === undefined) this.#print("Press 'u' to upload\r\n")
      key = (yield* readWithin(1, MENU_MS))?.[0]
    } while (key !== MENU_KEY)
  }

  /** @returns how many bytes are stored; null when nothing came of it */
  *#receive(): ChipProgram<number | null> {
    if (this.#settings.protocol === 'xmodem') return yield* this.#receiveBlocks(null)
    const header = yield* this.#receiveHeader()
    if (header === null || header.isEndOfBatch) return null
    if ((header.sizeBytes ?? 0) > this.#settings.flashBytes) return this.#cancel()
    this.#say(ACK)
    const sizeBytes = yield* this.#receiveBlocks(header.sizeBytes)
    if (sizeBytes !== null) yield* this.#endBatch()
    return sizeBytes
  }

  *#receiveHeader(): ChipProgram<Header | null> {
    for (;;) {
      this.#say(this.#invitation)
      const packet = yield* this.#packet(this.#settings.pollMs)
      if (packet.kind === 'cancelled') return null
      if (packet.kind !== 'block' || packet.number !== 0) continue
      const step = this.#judge(0)
      if (step === 'cancel') return this.#cancel()
      if (step === 'restart') yield* this.#restart()
      const header = readHeader(packet.bytes)
      if (header.isEndOfBatch) this.#say(ACK)
      if (step === 'take') return header
    }
  }

  /** @param headerBytes the size that the header said */
  *#receiveBlocks(headerBytes: number | null): ChipProgram<number | null> {
    let declaredBytes = headerBytes
    let expected = 1
    let storedBytes = 0
    let errors = 0
    let isEndHeard = this.#settings.protocol === 'xmodem'
    this.#say(this.#invitation)
    for (;;) {
      const isFirst = storedBytes === 0
      const packet = yield* this.#packet(isFirst ? this.#settings.pollMs : this.#settings.blockMs)
      if (packet.kind === 'cancelled') return null
      if (packet.kind === 'end') {
        // The first may be noise: it is asked for again.
        this.#say(isEndHeard ? ACK : NAK)
        if (isEndHeard) return this.#measure(storedBytes, declaredBytes)
        isEndHeard = true
        continue
      }
      if (packet.kind !== 'block') {
        // A sender may take its time before it begins.
        if (!isFirst || packet.kind === 'damaged') errors++
        if (errors > MAXIMUM_ERRORS) return this.#cancel()
        this.#say(isFirst && packet.kind === 'nothing' ? this.#invitation : NAK)
        continue
      }
      if (packet.number === ((expected - 1) & 0xff)) {
        // It has this one: its ACK was lost. The header is followed by an invitation again.
        this.#say(ACK)
        if (isFirst) {
          declaredBytes = readHeader(packet.bytes).sizeBytes
          this.#say(this.#invitation)
        }
        continue
      }
      if (packet.number !== (expected & 0xff)) return this.#cancel()
      this.#host.onBlock()
      const step = this.#judge(expected)
      if (step === 'cancel') return this.#cancel()
      if (step === 'restart') yield* this.#restart()
      if (step === 'refuse') {
        this.#say(NAK)
        continue
      }
      if (storedBytes + packet.bytes.length > this.#settings.flashBytes + 1024) return this.#cancel()
      if (isFirst) {
        this.#host.erase()
        yield* busy(this.#settings.eraseMs)
      }
      yield* busy(this.#settings.programMs)
      this.#store(storedBytes, packet.bytes, declaredBytes)
      storedBytes += packet.bytes.length
      expected++
      errors = 0
      if (step === 'take') this.#say(ACK)
    }
  }

  /** Without the padding of the last block where the size is known. */
  #store(offset: number, bytes: Uint8Array, declaredBytes: number | null): void {
    const stored = this.#host
      .faults()
      .reduce((all, fault) => (offset === 0 ? fault.storeInstead?.(all) : null) ?? all, bytes)
    const room = (declaredBytes ?? this.#settings.flashBytes) - offset
    if (room > 0) this.#host.store(offset, stored.subarray(0, room))
  }

  #measure(storedBytes: number, declaredBytes: number | null): number | null {
    if (declaredBytes !== null && storedBytes < declaredBytes) return this.#cancel()
    return Math.min(storedBytes, declaredBytes ?? this.#settings.flashBytes)
  }

  /** Asks for the next file; whatever is not the end of the batch is refused, and silence is taken for it. */
  *#endBatch(): ChipProgram {
    for (let asked = 0; asked < MAXIMUM_ERRORS; asked++) {
      this.#say(CRC_WANTED)
      const packet = yield* this.#packet(this.#settings.pollMs)
      // The end of the file again: its ACK was lost.
      if (packet.kind === 'end') this.#say(ACK)
      if (packet.kind === 'cancelled') return
      if (packet.kind !== 'block' || packet.number !== 0) continue
      if (readHeader(packet.bytes).isEndOfBatch) this.#say(ACK)
      else this.#cancel()
      return
    }
  }

  *#finish(sizeBytes: number): ChipProgram<boolean> {
    yield* busy(this.#settings.programMs)
    if (this.#host.faults().filter(fault => fault.failsAtEnd?.() === true).length > 0) {
      this.#print('\r\nverify failed\r\n')
      return false
    }
    this.#host.complete(sizeBytes)
    this.#print('\r\nProgramming ok\r\n')
    this.#host.startApplication()
    return true
  }

  get #invitation(): number {
    return this.#settings.hasChecksum ? NAK : CRC_WANTED
  }

  *#packet(startMs: number): ChipProgram<Packet> {
    const { hasChecksum, byteMs } = this.#settings
    return yield* readPacket(startMs, hasChecksum, { byteMs, quietMs: QUIET_MS })
  }

  #judge(block: number): ReturnType<NonNullable<YmodemFaultHooks['onBlock']>> {
    return this.#host.faults().reduce<ReturnType<NonNullable<YmodemFaultHooks['onBlock']>>>((step, fault) => {
      const own = fault.onBlock?.(block) ?? 'take'
      return own === 'take' ? step : own
    }, 'take')
  }

  *#restart(): ChipProgram {
    this.#host.restart()
    yield* forever()
  }

  #cancel(): null {
    this.#say(CAN, CAN)
    this.#print('\r\nAborted\r\n')
    return null
  }

  #say(...bytes: readonly number[]): void {
    this.#host.send(Uint8Array.from(bytes))
  }

  #print(text: string): void {
    this.#host.send(new TextEncoder().encode(text))
  }
}

/** Name, 0, size in decimal digits and whatever else; an empty name ends the batch. */
function readHeader(bytes: Uint8Array): Header {
  const end = bytes.indexOf(0)
  if (end <= 0) return { isEndOfBatch: end === 0, sizeBytes: null }
  const [digits] = /^\d+/.exec(Buffer.from(bytes.subarray(end + 1)).toString('latin1')) ?? []
  return { isEndOfBatch: false, sizeBytes: digits === undefined ? null : Number(digits) }
}
