/**
 * Which sectors of a flash differ from what is to be there, found with MD5s of ranges: one command where all is equal, a
 * few where all differs, and a bisection down to single sectors in between. The device decides; the ledger only says where
 * to look first.
 */
import { md5InPieces } from '../../image/digest-in-pieces.ts'

/** The smallest unit that every SPI flash erases. */
export const SECTOR_BYTES = 4096
/** Sectors looked at before a bisection: where all of them differ, nothing is gained by looking on. */
const SAMPLES = 8
/** Beyond this many commands, and one for every fourth sector, it is quicker to send than to ask. */
const FREE_COMMANDS = 64
const SECTORS_A_COMMAND = 4

export interface FlashRange {
  readonly offset: number
  readonly sizeBytes: number
}

/** What is to lie in flash from `offset` on, a multiple of a sector. */
export interface FlashRun {
  readonly offset: number
  readonly bytes: Uint8Array
}

export type AskMd5 = (offset: number, sizeBytes: number) => Promise<string>

/**
 * The ranges that differ, sorted, each beginning at a sector; empty where flash holds the run already. Sectors that are
 * equal may be among them, never the other way round.
 * @param leadingBytes how much of the run an earlier try had written, as far as is known
 */
export async function findDiffering(run: FlashRun, ask: AskMd5, leadingBytes = 0): Promise<FlashRange[]> {
  const search = new Search(run, ask)
  const sectors = search.sectors
  if (!(await search.differs(0, sectors))) return []
  const leading = Math.min(sectors - 1, Math.floor(leadingBytes / SECTOR_BYTES))
  if (leading > 0) {
    const isLeadingEqual = !(await search.differs(0, leading))
    if (!isLeadingEqual) await search.look(0, leading, true)
    await search.look(leading, sectors, isLeadingEqual)
  } else await search.look(0, sectors, true)
  return search.found()
}

class Search {
  readonly #run: FlashRun
  readonly #ask: AskMd5
  readonly #ranges: [from: number, to: number][] = []
  #commandsLeft: number
  readonly sectors: number

  constructor(run: FlashRun, ask: AskMd5) {
    this.#run = run
    this.#ask = ask
    this.sectors = Math.ceil(run.bytes.length / SECTOR_BYTES)
    this.#commandsLeft = FREE_COMMANDS + Math.ceil(this.sectors / SECTORS_A_COMMAND)
  }

  async differs(from: number, to: number): Promise<boolean> {
    this.#commandsLeft--
    const bytes = this.#run.bytes.subarray(from * SECTOR_BYTES, to * SECTOR_BYTES)
    const [ours, theirs] = await Promise.all([
      md5InPieces(bytes),
      this.#ask(this.#run.offset + from * SECTOR_BYTES, bytes.length),
    ])
    return ours !== theirs.toLowerCase()
  }

  /** Adds what differs in there. @param isDifferent whether something in there is known to differ */
  async look(from: number, to: number, isDifferent: boolean): Promise<void> {
    if (!isDifferent && !(await this.differs(from, to))) return
    if (to - from > SAMPLES && (await this.#isAllDifferent(from, to))) this.#ranges.push([from, to])
    else await this.#bisect(from, to)
  }

  /** Something in there differs. */
  async #bisect(from: number, to: number): Promise<void> {
    if (to - from === 1 || this.#commandsLeft <= 0) {
      this.#ranges.push([from, to])
      return
    }
    const middle = (from + to) >> 1
    const isLeftDifferent = await this.differs(from, middle)
    if (isLeftDifferent) await this.#bisect(from, middle)
    // What differs in the whole and not in its left half needs no question.
    if (!isLeftDifferent || (await this.differs(middle, to))) await this.#bisect(middle, to)
  }

  async #isAllDifferent(from: number, to: number): Promise<boolean> {
    const step = (to - from - 1) / (SAMPLES - 1)
    for (let sample = 0; sample < SAMPLES; sample++) {
      const sector = from + Math.floor(sample * step)
      if (!(await this.differs(sector, sector + 1))) return false
    }
    return true
  }

  found(): FlashRange[] {
    const joined: [from: number, to: number][] = []
    for (const [from, to] of this.#ranges) {
      const last = joined.at(-1)
      if (last?.[1] === from) last[1] = to
      else joined.push([from, to])
    }
    return joined.map(([from, to]) => ({
      offset: this.#run.offset + from * SECTOR_BYTES,
      sizeBytes: Math.min(this.#run.bytes.length, to * SECTOR_BYTES) - from * SECTOR_BYTES,
    }))
  }
}
