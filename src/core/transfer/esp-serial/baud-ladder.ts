/**
 * The rate of a line: rises as long as all goes well, falls one step after a failure, and what held is remembered for the
 * next job over the same adapter. A hint, never a proof: each rate is tried with an answer before a byte depends on it.
 */

const STEPS = [115_200, 230_400, 460_800, 921_600, 1_500_000, 2_000_000] as const
/** What nearly every adapter and cable keep; begun with where nothing is known. */
const FIRST = 460_800

export interface LadderMemory {
  recall(key: string): string | null
  remember(key: string, value: string): void
}

interface Known {
  /** The highest rate at which something was written well. */
  best: number | null
  /** The lowest rate that failed. */
  failed: number | null
}

export class BaudLadder {
  readonly #memory: LadderMemory
  readonly #key: string
  readonly #known: Known

  /** @param place the adapter, as the target names it */
  constructor(memory: LadderMemory, place: string) {
    this.#memory = memory
    this.#key = `baud ${place}`
    this.#known = parseKnown(memory.recall(this.#key))
  }

  /** The rate to begin with. */
  get first(): number {
    const { best, failed } = this.#known
    const wish = best ?? FIRST
    return failed !== null && wish >= failed ? below(failed) : wish
  }

  /** The next rate to try after a clean stretch at `rate`; null at the top. */
  next(rate: number): number | null {
    const higher = STEPS.find(step => step > rate) ?? null
    const { failed } = this.#known
    return higher !== null && (failed === null || higher < failed) ? higher : null
  }

  /** Something was written and acknowledged at this rate. */
  noteClean(rate: number): void {
    const { best } = this.#known
    if (best !== null && best >= rate) return
    this.#known.best = rate
    this.#save()
  }

  /** The rate could not be reached, or broke while it was used. The lowest rate is never given up. */
  noteFailure(rate: number): void {
    if (rate <= STEPS[0]) return
    const { best, failed } = this.#known
    this.#known.failed = failed === null ? rate : Math.min(failed, rate)
    if (best !== null && best >= this.#known.failed) this.#known.best = below(this.#known.failed)
    this.#save()
  }

  #save(): void {
    this.#memory.remember(this.#key, JSON.stringify(this.#known))
  }
}

function below(rate: number): number {
  return STEPS.findLast(step => step < rate) ?? STEPS[0]
}

/** What an older version wrote, or nobody, is forgotten. */
function parseKnown(text: string | null): Known {
  const nothing: Known = { best: null, failed: null }
  if (text === null) return nothing
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return nothing
    const read = (key: keyof Known): number | null => {
      const found: unknown = key in value ? (value as Readonly<Record<string, unknown>>)[key] : null
      return typeof found === 'number' && Number.isInteger(found) && found > 0 ? found : null
    }
    return { best: read('best'), failed: read('failed') }
  } catch {
    return nothing
  }
}
