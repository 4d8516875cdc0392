/**
 * The flash chip of a board: 4096-byte sectors that erase to FF, programming that only clears bits, times for each, and a
 * copy on disk where the board is to survive its process.
 */
import { createHash } from 'node:crypto'
import type { FlashStorage } from '../board/flash-storage.ts'

export const SECTOR_BYTES = 4096
const FLASH_FILE = 'flash.bin'

export interface NorFlashTimes {
  readonly eraseMsPerSector: number
  readonly programMsPerSector: number
  readonly readMsPerSector: number
}

/** A usual 4 MB chip that erases blocks of 64 KiB; a sector alone takes longer. */
export const usualFlashTimes: NorFlashTimes = { eraseMsPerSector: 10, programMsPerSector: 8, readMsPerSector: 0.8 }

/** What a fault changes in the flash itself. */
export interface FlashFaults {
  /** Bytes that really reach the cells. */
  programs(offset: number, bytes: Uint8Array): Uint8Array
  /** Whether a sector takes nothing that is programmed. */
  isStuck(offset: number): boolean
}

export class NorFlash {
  readonly sizeBytes: number
  readonly #cells: Uint8Array
  readonly #storage: FlashStorage | null
  readonly #faults: FlashFaults
  readonly #factory: (cells: Uint8Array) => void
  /** Of each sector, as the how manieth piece of work it was programmed last; 0 for never. */
  readonly #programmedAs: Uint32Array
  #programs = 0

  /**
   * @param storage keeps a copy; null for a board without one
   * @param factory what a new board comes with; a board whose copy exists keeps that
   */
  constructor(
    sizeBytes: number,
    storage: FlashStorage | null,
    faults: FlashFaults,
    factory: (cells: Uint8Array) => void,
  ) {
    this.sizeBytes = sizeBytes
    this.#storage = storage
    this.#faults = faults
    this.#factory = factory
    this.#programmedAs = new Uint32Array(Math.ceil(sizeBytes / SECTOR_BYTES))
    const kept = storage?.read(FLASH_FILE) ?? null
    if (kept?.length === sizeBytes) {
      this.#cells = kept
      return
    }
    this.#cells = new Uint8Array(sizeBytes)
    this.renew()
  }

  /** Another chip in its place, as it comes from the factory. */
  renew(): void {
    this.#cells.fill(0xff)
    this.#programmedAs.fill(0)
    this.#factory(this.#cells)
    this.#storage?.write(FLASH_FILE, this.#cells)
  }

  /** Maker, type, and the power of two that is its size, as the command 9F reads them. */
  get jedecId(): number {
    return (Math.log2(this.sizeBytes) << 16) | 0x40ef
  }

  /** The cells themselves; whoever reads them sees later changes. */
  view(offset: number, sizeBytes: number): Uint8Array {
    return this.#cells.subarray(offset, offset + sizeBytes)
  }

  copy(): Uint8Array {
    return this.#cells.slice()
  }

  holds(offset: number, sizeBytes: number): boolean {
    return offset >= 0 && sizeBytes >= 0 && offset + sizeBytes <= this.sizeBytes
  }

  /** Erases the sector that contains the offset. */
  eraseSector(offset: number): void {
    const start = offset - (offset % SECTOR_BYTES)
    this.#cells.fill(0xff, start, start + SECTOR_BYTES)
    this.#save(start, SECTOR_BYTES)
  }

  /** Programs at any place: bits that are 0 stay 0. */
  program(offset: number, bytes: Uint8Array): void {
    this.#programmedAs[Math.floor(offset / SECTOR_BYTES)] = ++this.#programs
    const faults = this.#faults
    if (faults.isStuck(offset - (offset % SECTOR_BYTES))) return
    const real = faults.programs(offset, bytes)
    for (let index = 0; index < real.length; index++) {
      const at = offset + index
      this.#cells[at] = (this.#cells[at] ?? 0) & (real[index] ?? 0)
    }
    this.#save(offset, real.length)
  }

  /** How late something in a range was programmed: larger is later, 0 never since the chip was made. */
  lastProgrammed(offset: number, sizeBytes: number): number {
    const sectors = this.#programmedAs.subarray(offset / SECTOR_BYTES, (offset + sizeBytes) / SECTOR_BYTES)
    return sectors.reduce((latest, as) => Math.max(latest, as), 0)
  }

  md5(offset: number, sizeBytes: number): Buffer {
    return createHash('md5').update(this.view(offset, sizeBytes)).digest()
  }

  #save(offset: number, sizeBytes: number): void {
    this.#storage?.writeAt(FLASH_FILE, offset, this.view(offset, sizeBytes))
  }
}
