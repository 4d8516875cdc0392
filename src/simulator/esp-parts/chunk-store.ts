/** Where the chunks of an upload go: part files on the file system, or straight into the inactive firmware slot. */
import { noSpaceLeft, noSuchFile, PowerLost } from '../board/device-error.ts'
import type { BoardState, SlotIndex, UploadSession } from '../board/board-state.ts'
import { otherSlot, slotFile } from '../board/board-state.ts'
import type { FlashStorage } from '../board/flash-storage.ts'
import { SECTOR_BYTES } from '../board/flash-time.ts'

export interface ChunkStore {
  /** Makes room for a session; what an earlier one left there is gone. */
  begin(session: UploadSession): void
  /** @throws {DeviceError} when the flash does not take it */
  put(target: string, index: number, bytes: Uint8Array, session: UploadSession | null): void
  /** What a request that was cut inside its body leaves behind. */
  spoil(target: string, index: number): void
  has(session: UploadSession, index: number): boolean
  drop(session: UploadSession): void
  /**
   * Makes the target of the chunks.
   * @param keepsOldTailBytes bytes of a longer file that stay behind it; 0 on a sound device
   * @returns how many bytes were written to flash for it
   * @throws {DeviceError}, {PowerLost} when the board goes down meanwhile
   */
  assemble(target: string, chunkCount: number, keepsOldTailBytes: number): Promise<number>
  /** What lies in flash now; null before the completion. */
  content(target: string): Uint8Array | null
  /** The slot that holds a finished target; null when it is a file. */
  slotOf(target: string): SlotIndex | null
  /** Bytes that an upload can fill, and how many are in use. */
  space(): { totalBytes: number; usedBytes: number }
}

export function chunkCountOf(session: UploadSession): number {
  return Math.ceil(session.sizeBytes / session.chunkBytes)
}

/** Length of one chunk of a session; the last is the rest. */
export function chunkBytesAt(session: UploadSession, index: number): number {
  return Math.min(session.chunkBytes, session.sizeBytes - index * session.chunkBytes)
}

const FILES = 'fs/'
/** Parts copied before other connections get a turn. */
const PARTS_A_TURN = 64

/** The seed's way: `<target>.part.<index>` files, joined at the end. */
export class PartFiles implements ChunkStore {
  readonly #flash: FlashStorage
  readonly #capacityBytes: number
  readonly #isUp: () => boolean
  #usedBytes = 0

  constructor(flash: FlashStorage, capacityBytes: number, isUp: () => boolean) {
    this.#flash = flash
    this.#capacityBytes = capacityBytes
    this.#isUp = isUp
    for (const name of flash.names()) {
      if (name.startsWith(FILES)) this.#usedBytes += blocks(flash.sizeOf(name) ?? 0)
    }
  }

  begin(session: UploadSession): void {
    this.#removeParts(session.target, Number.MAX_SAFE_INTEGER)
  }

  put(target: string, index: number, bytes: Uint8Array): void {
    this.#write(partName(target, index), bytes)
  }

  // The seed's handler opens the part with "wb" before it reads the body: a cut leaves an empty part.
  spoil(target: string, index: number): void {
    this.#write(partName(target, index), new Uint8Array())
  }

  has(session: UploadSession, index: number): boolean {
    return this.#flash.sizeOf(partName(session.target, index)) === chunkBytesAt(session, index)
  }

  drop(session: UploadSession): void {
    this.#removeParts(session.target, Number.MAX_SAFE_INTEGER)
  }

  async assemble(target: string, chunkCount: number, keepsOldTailBytes: number): Promise<number> {
    const name = FILES + target
    const tail = this.#oldTail(target, chunkCount, keepsOldTailBytes)
    let sizeBytes = 0
    try {
      this.#write(name, new Uint8Array())
      for (let index = 0; index < chunkCount; index++) {
        if (index % PARTS_A_TURN === PARTS_A_TURN - 1) await this.#giveOthersATurn()
        const part = this.#flash.read(partName(target, index))
        if (part === null) throw noSuchFile()
        this.#append(name, sizeBytes, part)
        sizeBytes += part.length
        this.#remove(partName(target, index))
      }
      if (tail.length > 0) this.#append(name, sizeBytes, tail)
    } catch (thrown) {
      if (!(thrown instanceof PowerLost)) this.#removeParts(target, chunkCount)
      throw thrown
    } finally {
      this.#flash.settle(name)
    }
    return sizeBytes
  }

  content(target: string): Uint8Array | null {
    return this.#flash.read(FILES + target)
  }

  slotOf(): null {
    return null
  }

  space(): { totalBytes: number; usedBytes: number } {
    return { totalBytes: this.#capacityBytes, usedBytes: this.#usedBytes }
  }

  async #giveOthersATurn(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    if (!this.#isUp()) throw new PowerLost()
  }

  /** Bytes that a device which does not truncate would leave; on a fresh one, as if a longer file had been there. */
  #oldTail(target: string, chunkCount: number, keepsOldTailBytes: number): Uint8Array {
    if (keepsOldTailBytes === 0) return new Uint8Array()
    let newBytes = 0
    for (let index = 0; index < chunkCount; index++) newBytes += this.#flash.sizeOf(partName(target, index)) ?? 0
    const old = this.#flash.read(FILES + target)
    if (old !== null && old.length > newBytes) return old.slice(newBytes)
    return new Uint8Array(keepsOldTailBytes).fill(0xa5)
  }

  #write(name: string, bytes: Uint8Array): void {
    const before = blocks(this.#flash.sizeOf(name) ?? 0)
    const after = blocks(bytes.length)
    if (this.#usedBytes - before + after > this.#capacityBytes) throw noSpaceLeft()
    this.#flash.write(name, bytes)
    this.#usedBytes += after - before
  }

  #append(name: string, sizeBytes: number, bytes: Uint8Array): void {
    const growth = blocks(sizeBytes + bytes.length) - blocks(sizeBytes)
    if (this.#usedBytes + growth > this.#capacityBytes) throw noSpaceLeft()
    if (bytes.length > 0) this.#flash.writeAt(name, sizeBytes, bytes)
    this.#usedBytes += growth
  }

  #remove(name: string): void {
    this.#usedBytes -= blocks(this.#flash.sizeOf(name) ?? 0)
    this.#flash.remove(name)
  }

  #removeParts(target: string, belowIndex: number): void {
    const prefix = `${FILES}${target}.part.`
    for (const name of this.#flash.names()) {
      if (!name.startsWith(prefix)) continue
      const index = name.slice(prefix.length)
      if (/^\d+$/.test(index) && Number(index) < belowIndex) this.#remove(name)
    }
  }
}

/** Straight into the inactive slot; which chunks are there is kept in flash, a byte each, written after the chunk. */
export class SlotWriter implements ChunkStore {
  readonly #flash: FlashStorage
  readonly #slotBytes: number
  readonly #state: () => BoardState

  constructor(flash: FlashStorage, slotBytes: number, state: () => BoardState) {
    this.#flash = flash
    this.#slotBytes = slotBytes
    this.#state = state
  }

  begin(session: UploadSession): void {
    const state = this.#state()
    const slot = otherSlot(state.activeSlot)
    state.slots[slot] = null
    for (const [target, upload] of Object.entries(state.stored)) {
      if (upload.slot === slot) Reflect.deleteProperty(state.stored, target)
    }
    this.#flash.write(slotFile(slot), new Uint8Array(session.sizeBytes).fill(0xff))
    this.#flash.settle(slotFile(slot))
    this.#flash.write(MARKS_FILE, new Uint8Array(chunkCountOf(session)))
    this.#marks = null
  }

  put(_target: string, index: number, bytes: Uint8Array, session: UploadSession | null): void {
    if (session === null) throw noSuchFile()
    this.#flash.writeAt(slotFile(otherSlot(this.#state().activeSlot)), index * session.chunkBytes, bytes)
    this.#flash.writeAt(MARKS_FILE, index, Uint8Array.of(1))
    const marks = this.#loadMarks()
    marks[index] = 1
  }

  // Nothing is programmed before the whole chunk is there.
  spoil(): void {
    return
  }

  has(_session: UploadSession, index: number): boolean {
    return this.#loadMarks()[index] === 1
  }

  drop(): void {
    this.#flash.remove(MARKS_FILE)
    this.#marks = null
  }

  assemble(): Promise<number> {
    this.#flash.settle(slotFile(otherSlot(this.#state().activeSlot)))
    return Promise.resolve(0)
  }

  content(target: string): Uint8Array | null {
    const upload = this.#state().stored[target]
    if (upload === undefined || upload.slot === null) return null
    return this.#flash.read(slotFile(upload.slot))?.subarray(0, upload.sizeBytes) ?? null
  }

  slotOf(): SlotIndex {
    return otherSlot(this.#state().activeSlot)
  }

  space(): { totalBytes: number; usedBytes: number } {
    return { totalBytes: this.#slotBytes, usedBytes: 0 }
  }

  #marks: Uint8Array | null = null

  #loadMarks(): Uint8Array {
    this.#marks ??= this.#flash.read(MARKS_FILE) ?? new Uint8Array()
    return this.#marks
  }
}

const MARKS_FILE = 'chunks.map'

function partName(target: string, index: number): string {
  return `${FILES}${target}.part.${String(index)}`
}

/** LittleFS gives every file whole blocks. */
function blocks(sizeBytes: number): number {
  return Math.ceil(sizeBytes / SECTOR_BYTES) * SECTOR_BYTES
}
