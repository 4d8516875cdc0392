/**
 * Brings what is planned into flash: only the sectors that differ, a compressed stream at a time, block by block, with the
 * MD5 of flash as the proof. While a block is on the line the journal commits the one before, so the ledger may lag by a
 * block behind the board; that costs nothing, because a board that comes back is asked what it has.
 */
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import { md5InPieces } from '../../image/digest-in-pieces.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import type { BaudLadder } from './baud-ladder.ts'
import { passEdge } from './edge.ts'
import type { EspLoader, EspWrite } from './esp-loader.ts'
import { InflatedCount } from './inflated-count.ts'
import type { PlannedWrite } from './plan.ts'
import { findDiffering, SECTOR_BYTES, type AskMd5, type FlashRange } from './sectors.ts'

/** The rate may change, and the line is known to be clean, after each of these. */
const PART_BYTES = 256 * 1024
/** Fast lines get parts of several of those: each part begins and ends with a question, which costs 2 % of a short one. */
const PART_SECONDS = 4
const BITS_A_BYTE = 10
/** The first parts are short: a better rate pays from the next one on. */
const FIRST_PART_BYTES = 32 * 1024
/** One fault in so many bytes may be anybody's: the rate is kept, and not raised. */
const BYTES_A_REPEAT = PART_BYTES
/** Times that sectors which differ after writing are written again. */
const MENDING_ROUNDS = 2
const deflateInThread = promisify(deflate)
const BEST_COMPRESSION = { level: 9 } as const

export interface FlashWriterParts {
  readonly context: TransferContext
  readonly loader: EspLoader
  /** Null: the rate stays as it is. */
  readonly ladder: BaudLadder | null
  readonly writes: readonly PlannedWrite[]
  /** Bytes of the file; what is not in `writes` counts as done. */
  readonly totalBytes: number
}

interface PackedPart {
  readonly part: FlashRange
  readonly stream: Promise<Uint8Array | null>
}

interface Share {
  /** Plain bytes of the write that the board does not have yet. */
  missing: number
  /** Number of its first sector in the ledger. */
  readonly firstChunk: number
}

export class FlashWriter {
  readonly #parts: FlashWriterParts
  readonly #shares = new Map<PlannedWrite, Share>()
  readonly #ask: AskMd5
  readonly totalChunks: number
  #hasWritten = false
  sentBytes = 0
  blocks = 0

  constructor(parts: FlashWriterParts) {
    this.#parts = parts
    let chunks = 0
    for (const write of parts.writes) {
      this.#shares.set(write, { missing: write.bytes.length, firstChunk: chunks })
      chunks += Math.ceil(write.bytes.length / SECTOR_BYTES)
    }
    this.totalChunks = chunks
    this.#ask = (offset, sizeBytes) => parts.loader.md5(offset, sizeBytes)
  }

  /** The ranges of a write that the board does not hold; all of it where nothing is asked, or the loader has no MD5. */
  async compare(write: PlannedWrite, isAsked: boolean): Promise<FlashRange[]> {
    const { context, loader } = this.#parts
    const all = [{ offset: write.offset, sizeBytes: write.bytes.length }]
    if (!isAsked || !loader.abilities.hasMd5) return all
    await passEdge(context)
    const ranges = await findDiffering(write, this.#ask, this.#leadingBytes(write))
    const missing = ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    this.#setMissing(write, missing)
    const left = `${String(missing)} of ${String(write.bytes.length)} bytes differ`
    context.log('info', 'flash.compared', `${write.region.place} at ${formatAddress(write.offset)}: ${left}`)
    return ranges
  }

  /** Sends the ranges. @throws {MeetAgain} and {FlashproofError} loader.*, network.*, serial.*, job.* */
  async send(write: PlannedWrite, ranges: readonly FlashRange[]): Promise<void> {
    const missing = ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    this.#setMissing(write, missing)
    const parts = this.#cut(ranges)
    for (let next = this.#pack(write, parts); next !== null;) {
      const { part, stream } = next
      const packed = await stream
      next = this.#pack(write, parts)
      await this.#atGoodRate(part, () => this.#sendPart(write, part, packed))
    }
  }

  /**
   * Compares what lies in flash with what was to be written, and writes again what differs.
   * @returns the MD5 that flash and image share
   * @throws {FlashproofError} loader.flash-differs
   */
  async prove(write: PlannedWrite): Promise<string> {
    const { context } = this.#parts
    const { place } = write.region
    const ours = await md5InPieces(write.bytes)
    for (let round = 0; ; round++) {
      await passEdge(context)
      const theirs = (await this.#ask(write.offset, write.bytes.length)).toLowerCase()
      if (theirs === ours) {
        context.log(
          'info',
          'flash.proven',
          `${place} at ${formatAddress(write.offset)}: MD5 of flash ${theirs} is ours`,
        )
        return theirs
      }
      const ranges = await findDiffering(write, this.#ask)
      const where = ranges.map(({ offset }) => formatAddress(offset)).slice(0, 8)
      if (round === MENDING_ROUNDS) throw this.#differs(write, theirs, where)
      const text = `${place}: flash differs at ${where.join(', ')}; these sectors are written again`
      context.log('warning', 'flash.differs', text)
      context.countRetry()
      await this.send(write, ranges)
    }
  }

  #differs({ region, offset }: PlannedWrite, value: string, where: readonly string[]): FlashproofError {
    const { context } = this.#parts
    context.addEvidence({
      level: 'stored',
      basis: 'host-read',
      method: 'flash-md5',
      value,
      matches: false,
      fresh: true,
    })
    const text = `${region.place} at ${formatAddress(offset)} differs from the file at ${where.join(', ')}, also after it was written again`
    return new FlashproofError('loader.flash-differs', text, { place: region.place, offset, differsAt: where })
  }

  /** Each part when it is asked for: how long it is depends on the rate that was reached by then. */
  *#cut(ranges: readonly FlashRange[]): Generator<FlashRange, undefined> {
    const { ladder } = this.#parts
    const hasWritten = this.#hasWritten
    let count = 0
    for (const { offset, sizeBytes } of ranges) {
      for (let at = 0; at < sizeBytes; count++) {
        const isFirst = !hasWritten && count < 2 && ladder !== null
        const length = Math.min(isFirst ? FIRST_PART_BYTES : this.#partBytes, sizeBytes - at)
        yield { offset: offset + at, sizeBytes: length }
        at += length
      }
    }
  }

  get #partBytes(): number {
    const { isStub, baudRate } = this.#parts.loader
    // A ROM erases the whole part before it takes the first block.
    if (!isStub) return PART_BYTES
    const wantedBytes = (baudRate / BITS_A_BYTE) * PART_SECONDS
    return Math.ceil(wantedBytes / PART_BYTES) * PART_BYTES
  }

  /** Begins to compress the next part, which goes on while the one before is sent. @returns null behind the last one */
  #pack(write: PlannedWrite, parts: Generator<FlashRange, undefined>): PackedPart | null {
    const { value: part } = parts.next()
    return part === undefined ? null : { part, stream: this.#compressed(write, part) }
  }

  /** @returns null where it is sent as it is */
  async #compressed(write: PlannedWrite, part: FlashRange): Promise<Uint8Array | null> {
    if (!this.#parts.loader.abilities.canCompress) return null
    const plain = this.#bytesOf(write, part)
    const packed = await deflateInThread(plain, BEST_COMPRESSION)
    return packed.length < plain.length ? packed : null
  }

  #bytesOf(write: PlannedWrite, { offset, sizeBytes }: FlashRange): Uint8Array {
    return write.bytes.subarray(offset - write.offset, offset - write.offset + sizeBytes)
  }

  /** Goes one step down when the line broke, or what was sent had to be sent again; one up after a clean part. */
  async #atGoodRate({ sizeBytes }: FlashRange, work: () => Promise<void>): Promise<void> {
    const { loader, ladder } = this.#parts
    const rate = loader.baudRate
    const repeatsBefore = loader.repeats
    try {
      await work()
    } catch (thrown) {
      if (hasErrorCode(thrown, 'loader.broken-frame', 'loader.silent')) ladder?.noteFailure(rate)
      throw thrown
    }
    const repeats = loader.repeats - repeatsBefore
    const mostRepeats = Math.ceil(sizeBytes / BYTES_A_REPEAT)
    if (ladder === null || (repeats > 0 && repeats <= mostRepeats)) return
    if (repeats > mostRepeats) {
      ladder.noteFailure(rate)
      if (ladder.first < rate) await loader.changeBaudRate(ladder.first)
      return
    }
    ladder.noteClean(rate)
    const higher = ladder.next(rate)
    if (higher === null) return
    if ((await loader.changeBaudRate(higher)) !== higher) ladder.noteFailure(higher)
  }

  async #sendPart(write: PlannedWrite, part: FlashRange, packed: Uint8Array | null): Promise<void> {
    const { context, loader } = this.#parts
    const plain = this.#bytesOf(write, part)
    await passEdge(context)
    this.#hasWritten = true
    const toLoader =
      packed === null
        ? await loader.beginWrite(part.offset, plain.length)
        : await loader.beginCompressedWrite(part.offset, plain.length, packed.length)
    const inflated = packed === null ? null : new InflatedCount()
    try {
      await this.#sendBlocks(toLoader, { write, part, stream: packed ?? plain, inflated })
    } finally {
      inflated?.close()
    }
    await toLoader.end()
    this.sentBytes += plain.length
  }

  async #sendBlocks(
    toLoader: EspWrite,
    sending: { write: PlannedWrite; part: FlashRange; stream: Uint8Array; inflated: InflatedCount | null },
  ): Promise<void> {
    const { context, loader } = this.#parts
    const { write, part, stream, inflated } = sending
    const { blockBytes } = loader.abilities
    const missingBefore = this.#share(write).missing
    let sectors = 0
    let plainBefore = 0
    let edge: Promise<void> = Promise.resolve()
    const blockAt = (at: number): Uint8Array => stream.subarray(at, at + blockBytes)
    // Counted while the block before is on the line: how long an answer may take depends on it.
    let counted = inflated?.add(blockAt(0))
    for (let at = 0; at < stream.length; at += blockBytes) {
      const block = blockAt(at)
      const startedMs = context.clock.monotonicMs()
      await edge
      const isLast = at + blockBytes >= stream.length
      const plainBytes = isLast ? part.sizeBytes : ((await counted) ?? at + block.length)
      if (!isLast) counted = inflated?.add(blockAt(at + blockBytes))
      const sent = toLoader.block(block, plainBytes - plainBefore)
      plainBefore = plainBytes
      // The journal commits what was acknowledged before while this block is on the line.
      edge = at === 0 ? edge : passEdge(context)
      edge.catch(() => undefined)
      await sent
      this.blocks++
      const durationMs = context.clock.monotonicMs() - startedMs
      sectors = this.#acknowledge(write, part, { sectors, plainBytes, durationMs, isLast })
      this.#setMissing(write, missingBefore - plainBytes)
    }
    await edge
  }

  /** Counts the sectors that are whole on the board now. */
  #acknowledge(
    write: PlannedWrite,
    part: FlashRange,
    now: { sectors: number; plainBytes: number; durationMs: number; isLast: boolean },
  ): number {
    const { context } = this.#parts
    const whole = now.isLast ? Math.ceil(part.sizeBytes / SECTOR_BYTES) : Math.floor(now.plainBytes / SECTOR_BYTES)
    const first = this.#share(write).firstChunk + (part.offset - write.offset) / SECTOR_BYTES
    const durationMs = now.durationMs / Math.max(1, whole - now.sectors)
    for (let sector = now.sectors; sector < whole; sector++) {
      const sizeBytes = Math.min(SECTOR_BYTES, part.sizeBytes - sector * SECTOR_BYTES)
      context.acknowledge({ index: first + sector, sizeBytes, attempt: 1, durationMs })
    }
    return Math.max(whole, now.sectors)
  }

  /** How much of a write an earlier try had sent, by the ledger. */
  #leadingBytes(write: PlannedWrite): number {
    const ledger = this.#parts.context.ledger()
    if (ledger?.totalChunks !== this.totalChunks) return 0
    const { firstChunk } = this.#share(write)
    const sectors = Math.ceil(write.bytes.length / SECTOR_BYTES)
    let leading = 0
    for (let sector = 0; sector < sectors; sector++) {
      const chunk = firstChunk + sector
      if (((ledger.have[chunk >> 3] ?? 0) & (1 << (chunk & 7))) !== 0) leading = sector + 1
    }
    return leading * SECTOR_BYTES
  }

  #share(write: PlannedWrite): Share {
    const share = this.#shares.get(write)
    if (share === undefined) throw new RangeError('a write of another plan')
    return share
  }

  #setMissing(write: PlannedWrite, missing: number): void {
    this.#share(write).missing = Math.max(0, missing)
    let left = 0
    for (const [{ imageBytes, bytes }, share] of this.#shares) left += imageBytes * (share.missing / bytes.length)
    this.#parts.context.progress(Math.max(0, this.#parts.totalBytes - Math.ceil(left)))
  }
}
