/**
 * Programs of a chip as generators: they wait for bytes of the line or for time, and whatever resets the chip drops them where
 * they are. Bytes that are there already are worked off in the same turn, so that answers keep their moment on the line.
 */

/** What a program waits for. */
export type Step = { readonly bytes: number; readonly withinMs?: number } | { readonly busyMs: number }
export type ChipProgram<Result = void> = Generator<Step, Result, Uint8Array>

/** Waits for exactly so many bytes. */
export function* read(bytes: number): ChipProgram<Uint8Array> {
  return yield { bytes }
}

/** Waits for so many bytes, but not for ever: null where they did not all come, and those that came stay unread. */
export function* readWithin(bytes: number, withinMs: number): ChipProgram<Uint8Array | null> {
  const heard = yield { bytes, withinMs }
  return heard.length === bytes ? heard : null
}

/** Works for so long; all but the first of the bytes that come meanwhile are lost, for the receiver holds one. */
export function* busy(busyMs: number): ChipProgram {
  if (busyMs > 0) yield { busyMs }
}

/** Waits for a reset: what it was doing is over. */
export function* forever(): ChipProgram {
  yield { bytes: Number.POSITIVE_INFINITY }
}

const nothing = new Uint8Array()

export class ChipRunner {
  #program: ChipProgram | null = null
  #waitsFor: Step = { bytes: 1 }
  #heard: number[] = []
  #timer: NodeJS.Timeout | null = null

  /** Begins a program, in place of the one that runs. */
  start(program: ChipProgram): void {
    this.stop()
    this.#program = program
    this.#advance(nothing)
  }

  stop(): void {
    this.#stopTimer()
    this.#program = null
    this.#heard = []
  }

  onBytes(bytes: Uint8Array): void {
    if (this.#program === null) return
    if ('busyMs' in this.#waitsFor) {
      if (this.#heard.length === 0) this.#heard.push(...bytes.subarray(0, 1))
      return
    }
    for (const byte of bytes) this.#heard.push(byte)
    this.#pump()
  }

  /** Works off what has come, for as long as the program waits for bytes. */
  #pump(): void {
    for (;;) {
      const step = this.#waitsFor
      if (this.#program === null || !('bytes' in step) || this.#heard.length < step.bytes) return
      this.#advance(Uint8Array.from(this.#heard.splice(0, step.bytes)))
    }
  }

  #advance(input: Uint8Array): void {
    this.#stopTimer()
    const program = this.#program
    const result = program?.next(input)
    // The program may have reset the chip it runs on.
    if (result === undefined || program !== this.#program) return
    if (result.done === true) {
      this.#program = null
      return
    }
    this.#waitsFor = result.value
    const delayMs = 'busyMs' in result.value ? result.value.busyMs : result.value.withinMs
    if (delayMs === undefined) return
    if ('busyMs' in result.value) this.#heard.length = Math.min(1, this.#heard.length)
    this.#timer = setTimeout(() => {
      this.#advance(nothing)
      this.#pump()
    }, delayMs)
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
