/** Checks that no block of a UF2 file is missing, whatever their order, and however many files were put together. */
import { FlashproofError } from '../../../shared/errors.ts'
import { blockError, type Uf2Block } from './block.ts'

/** Files that may be put together with equal counts; a hostile file could make the search for a run endless. */
const MAX_RUNS = 256

/** Blocks that were numbered together. Each number stands once, or again for the very same block. */
type Run = Map<number, string>

/**
 * A file made of several counts from 0 for each, so the numbers are checked per run: blocks of equal count that do not
 * contradict each other.
 */
export class BlockRuns {
  readonly #file: string
  readonly #runsByCount = new Map<number, Run[]>()
  #repeatedBlocks = 0

  constructor(file: string) {
    this.#file = file
  }

  /** Blocks that came more than once, for the same place. */
  get repeatedBlocks(): number {
    return this.#repeatedBlocks
  }

  /**
   * @throws {FlashproofError} format.malformed-record for a number that its own count does not allow,
   * format.unsupported for too many parts
   */
  add(block: Uf2Block, index: number): void {
    const { number, count, address, familyId, flags } = block
    if (number >= count) {
      const message = `it is numbered ${String(number)} of ${String(count)}`
      throw blockError('format.malformed-record', this.#file, index, message, { number, count })
    }
    const identity = `${String(familyId)} ${String(flags)} ${String(address)}`
    let runs = this.#runsByCount.get(count)
    if (runs === undefined) {
      runs = []
      this.#runsByCount.set(count, runs)
    }
    for (const run of runs) {
      const there = run.get(number)
      if (there === identity) {
        this.#repeatedBlocks++
        return
      }
      if (there === undefined) {
        run.set(number, identity)
        return
      }
    }
    if (runs.length === MAX_RUNS) {
      const message = `more than ${String(MAX_RUNS)} parts of ${String(count)} blocks each; no firmware has so many`
      throw blockError('format.unsupported', this.#file, index, message, { maximum: MAX_RUNS })
    }
    runs.push(new Map([[number, identity]]))
  }

  /** @throws {FlashproofError} format.count-mismatch naming the first block that is missing */
  assertComplete(): void {
    for (const [count, runs] of this.#runsByCount) {
      for (const run of runs) {
        if (run.size === count) continue
        let missing = 0
        while (run.has(missing)) missing++
        throw new FlashproofError(
          'format.count-mismatch',
          `${this.#file}: a part of ${String(count)} blocks has only ${String(run.size)}; block ${String(missing)} is missing. Get the file again`,
          { file: this.#file, expectedCount: count, foundCount: run.size, firstMissing: missing },
        )
      }
    }
  }
}
