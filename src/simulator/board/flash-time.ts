/** How long the flash chip of a virtual board is busy: erase by sector, program and read by byte. */

export const SECTOR_BYTES = 4096

export interface FlashSpeed {
  /** Milliseconds to erase one 4096-byte sector; 0 takes no time. */
  readonly eraseMsPerSector: number
  /** Bytes programmed a second; 0 takes no time. */
  readonly writeBytesPerSecond: number
  /** Bytes read and hashed a second; 0 takes no time. */
  readonly readBytesPerSecond: number
}

/** 1 MiB takes about 1 s to program; with part files, which are copied at the completion, about 2 s. */
export const defaultFlashSpeed: FlashSpeed = {
  eraseMsPerSector: 2,
  writeBytesPerSecond: 2_000_000,
  readBytesPerSecond: 8_000_000,
}

export const instantFlash: FlashSpeed = { eraseMsPerSector: 0, writeBytesPerSecond: 0, readBytesPerSecond: 0 }

export class FlashTime {
  readonly #speed: FlashSpeed
  readonly #monotonicMs: () => number
  #busyUntilMs = 0

  constructor(speed: FlashSpeed, monotonicMs: () => number) {
    this.#speed = speed
    this.#monotonicMs = monotonicMs
  }

  /** Occupies the chip for an erase and program of `sizeBytes`; returns how long from now it will be done, in ms. */
  write(sizeBytes: number): number {
    const { eraseMsPerSector, writeBytesPerSecond } = this.#speed
    const programMs = writeBytesPerSecond === 0 ? 0 : (sizeBytes * 1000) / writeBytesPerSecond
    return this.#occupy((sizeBytes / SECTOR_BYTES) * eraseMsPerSector + programMs)
  }

  read(sizeBytes: number): number {
    const { readBytesPerSecond } = this.#speed
    return this.#occupy(readBytesPerSecond === 0 ? 0 : (sizeBytes * 1000) / readBytesPerSecond)
  }

  // One chip, one operation at a time: fractions of a millisecond add up instead of being lost to the timer's grain.
  #occupy(durationMs: number): number {
    if (durationMs === 0) return 0
    const nowMs = this.#monotonicMs()
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + durationMs
    return this.#busyUntilMs - nowMs
  }
}
