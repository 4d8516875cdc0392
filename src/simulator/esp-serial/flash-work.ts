/** Erasing and programming in time: sector by sector, so that a reset in the middle leaves a part of it done. */
import { SECTOR_BYTES, type NorFlash, type NorFlashTimes } from './nor-flash.ts'

/** Waits shorter than this are added up: timers are no finer. */
const SHORTEST_PAUSE_MS = 4

/** From one reset of the chip to the next: work that was under way then touches nothing any more. */
export interface ChipLife {
  isAlive(): boolean
  /** Never resolves once the chip was reset. */
  pause(ms: number): Promise<void>
}

interface Step {
  readonly ms: number
  readonly act: () => void
}

export class FlashWork {
  readonly #flash: NorFlash
  readonly #times: () => NorFlashTimes
  readonly #life: ChipLife
  #owedMs = 0

  /**
   * @param times of this chip now; asked for every piece of work
   */
  constructor(flash: NorFlash, times: () => NorFlashTimes, life: ChipLife) {
    this.#flash = flash
    this.#times = times
    this.#life = life
  }

  /**
   * Erases all sectors that the range touches.
   * @returns null when it is done already, without having taken time
   */
  erase(offset: number, sizeBytes: number): Promise<void> | null {
    const ms = this.#times().eraseMsPerSector
    const steps: Step[] = []
    for (let at = offset - (offset % SECTOR_BYTES); at < offset + sizeBytes; at += SECTOR_BYTES) {
      steps.push({
        ms,
        act: () => {
          this.#flash.eraseSector(at)
        },
      })
    }
    return this.#run(steps)
  }

  /**
   * Programs bytes; before that, erases those of the sectors that `mayErase` says of.
   * @returns null when it is done already, without having taken time
   */
  program(offset: number, bytes: Uint8Array, mustErase: (sector: number) => boolean): Promise<void> | null {
    const { eraseMsPerSector, programMsPerSector } = this.#times()
    const steps: Step[] = []
    for (let taken = 0; taken < bytes.length;) {
      const at = offset + taken
      const piece = bytes.subarray(taken, taken + SECTOR_BYTES - (at % SECTOR_BYTES))
      const isErased = mustErase(Math.floor(at / SECTOR_BYTES))
      steps.push({
        ms: (isErased ? eraseMsPerSector : 0) + (programMsPerSector * piece.length) / SECTOR_BYTES,
        act: () => {
          if (isErased) this.#flash.eraseSector(at)
          this.#flash.program(at, piece)
        },
      })
      taken += piece.length
    }
    return this.#run(steps)
  }

  /** Takes the time of reading; null when it takes none. */
  read(sizeBytes: number): Promise<void> | null {
    return this.#run([{ ms: (this.#times().readMsPerSector * sizeBytes) / SECTOR_BYTES, act: () => undefined }])
  }

  #run(steps: readonly Step[]): Promise<void> | null {
    if (steps.some(({ ms }) => ms > 0)) return this.#runInTime(steps)
    if (this.#life.isAlive()) for (const { act } of steps) act()
    return null
  }

  async #runInTime(steps: readonly Step[]): Promise<void> {
    for (const { ms, act } of steps) {
      this.#owedMs += ms
      if (this.#owedMs >= SHORTEST_PAUSE_MS) {
        const pauseMs = this.#owedMs
        this.#owedMs = 0
        await this.#life.pause(pauseMs)
      }
      if (this.#life.isAlive()) act()
    }
  }
}
