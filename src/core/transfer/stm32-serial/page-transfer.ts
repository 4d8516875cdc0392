/**
 * The pages of one image on their way into one chip: which are right already, what of them is kept, erasing and writing in
 * small groups, the ledger, and places to pause. The chip itself says what it holds; the ledger only says where to look.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import type { LedgerSession, TransferContext } from '../transfer-protocol.ts'
import { blocksOf, contentOf, imageBlocksOf, isFilled, mayBeRemainder, type Block, type PlannedPage } from './plan.ts'
import type { WrittenPage } from './read-back.ts'
import { isEqual, type FlashWriter } from './writer.ts'

/** Erased at once: small enough that a pause or a lost answer costs little. */
const GROUP_BYTES = 32 * 1024
/** Most products protect so much at once against being written, and a boot program at the front is what is protected mostly. */
const LOOK_EVERY_BYTES = 4096
const EDGE_BYTES = 4096
/** Tries of one page, the first included. */
const PAGE_TRIES = 3

export interface PageTransferOptions {
  readonly pages: readonly PlannedPage[]
  readonly imageSha256: string
  /** What the ledger is kept for: chip and place. */
  readonly targetPath: string
  /** Whether every page is looked at before it is written. */
  readonly skipUnchanged: boolean
  /** What an erase leaves in every byte; null where that is not known. */
  readonly erasedByte: number | null
  /** Called after a pause: somebody may have changed the board. */
  readonly reconnect: () => Promise<void>
}

export class PageTransfer {
  readonly #writer: FlashWriter
  readonly #context: TransferContext
  readonly #options: PageTransferOptions
  /** Numbers of pages that held the image before anything was written. */
  readonly #right = new Set<number>()
  /** What pages that the image does not fill held before. */
  readonly #old = new Map<number, Uint8Array>()
  #doneBytes = 0
  #sinceEdge = 0
  #edge: Promise<{ readonly wasPaused: boolean }> | null = null

  constructor(writer: FlashWriter, context: TransferContext, options: PageTransferOptions) {
    this.#writer = writer
    this.#context = context
    this.#options = options
  }

  /** Blocks that a read-back must find. */
  get written(): readonly WrittenPage[] {
    return this.#options.pages.map(page => ({
      page,
      blocks: this.#right.has(page.number) ? imageBlocksOf(page) : this.#blocksOf(page),
    }))
  }

  /** Whether an earlier run of this job wrote a page, so that nothing is to be erased before the first one any more. */
  get hasWritten(): boolean {
    const ledger = this.#context.ledger()
    return this.#matches(ledger) && this.#options.pages.some(({ index }) => hasChunk(ledger, index))
  }

  /** Reads what must be known before the first page is erased, and keeps what would be lost with it. */
  async prepare(): Promise<void> {
    const { pages, skipUnchanged } = this.#options
    const ledger = this.#context.ledger()
    const isBegun = this.#matches(ledger)
    const acknowledged = pages.filter(({ index }) => isBegun && hasChunk(ledger, index))
    for (const page of skipUnchanged ? pages : acknowledged) if (await this.#isRight(page)) this.#right.add(page.number)
    if (isBegun) await this.#takeBackTorn(pages.filter(page => !acknowledged.includes(page)))
    const isSameBoard = isBegun && acknowledged.every(({ number }) => this.#right.has(number))
    for (const page of pages) {
      if (!isFilled(page) && !this.#right.has(page.number)) await this.#keepRest(page, isSameBoard)
    }
    if (!isSameBoard) this.#begin()
    this.#countRight()
  }

  /** Before everything is erased, nothing of it being kept: that it was begun is on the disk before it is. */
  async beginEmpty(): Promise<void> {
    this.#right.clear()
    this.#old.clear()
    this.#doneBytes = 0
    this.#begin()
    await this.#passEdge()
  }

  /**
   * Before pages that count as done are erased once more: nothing counts any more, on the disk before it is so. A run that
   * goes on from there then believes no page, and takes what lay beside the image from the files that were kept.
   */
  async beginAgain(): Promise<void> {
    this.#countRight()
    this.#begin()
    await this.#passEdge()
  }

  /** @throws {FlashproofError} loader.protected, loader.flash-differs, loader.refused, network.*; why the job was stopped */
  async writeAll(isEmpty: boolean): Promise<void> {
    const missing = this.#options.pages.filter(({ number }) => !this.#right.has(number))
    // That something is erased is on the disk before it is.
    await this.#passEdge()
    for (const [index, group] of [...groupsOf(missing)].entries()) {
      // Later groups are looked at once: looks cost time on lines that answer late, and the read-back finds what they miss.
      if (!isEmpty) await this.#writer.erase(group, index === 0 ? looksOf(group) : group.slice(0, 1))
      for (const page of group) {
        const startedMs = performance.now()
        const attempt = await this.#writePage(page)
        const durationMs = performance.now() - startedMs
        this.#context.acknowledge({ index: page.index, sizeBytes: page.dataBytes, attempt, durationMs })
      }
    }
    await this.#passEdge()
  }

  /** A page that reads back wrong: erased and written anew, each block read at once. */
  async rewrite(page: PlannedPage): Promise<void> {
    if (this.#right.has(page.number)) {
      if (!isFilled(page)) await this.#keepRest(page, false)
      this.#right.delete(page.number)
    }
    if (!isFilled(page)) await this.beginAgain()
    await this.#writer.erase([page], [page])
    for (const block of this.#blocksOf(page)) {
      await this.#writer.write(block)
      await this.#writer.read(block.address, block.bytes.length)
    }
  }

  /** A place to pause. The commit of what was acknowledged goes on while the next few blocks are sent. */
  async edge(): Promise<void> {
    const context = this.#context
    const before = this.#edge
    this.#edge = null
    const wasPaused = (await before)?.wasPaused === true
    if (wasPaused) await this.#options.reconnect()
    this.#edge = context.checkpoint()
    // It is awaited at the next edge; until then nobody hears of a failure.
    this.#edge.catch(() => undefined)
  }

  async #passEdge(): Promise<void> {
    await this.edge()
    const wasPaused = (await this.#edge)?.wasPaused === true
    this.#edge = null
    if (wasPaused) await this.#options.reconnect()
  }

  /** @returns how many tries it took */
  async #writePage(page: PlannedPage): Promise<number> {
    const doneBefore = this.#doneBytes
    for (let attempt = 1; ; attempt++) {
      this.#doneBytes = doneBefore
      if (await this.#writeBlocks(page)) return attempt
      if (attempt >= PAGE_TRIES) break
      this.#context.countRetry()
      this.#context.log('warning', 'page.again', `page ${String(page.number)} holds something else: it is erased again`)
      await this.#writer.erase([page], [page])
    }
    const address = formatAddress(page.address)
    throw new FlashproofError('loader.flash-differs', `page ${String(page.number)} at ${address} cannot be written`, {
      address,
      page: page.number,
    })
  }

  async #writeBlocks(page: PlannedPage): Promise<boolean> {
    for (const block of this.#blocksOf(page)) {
      if (this.#sinceEdge >= EDGE_BYTES) {
        this.#sinceEdge = 0
        await this.edge()
      }
      if (!(await this.#writer.write(block))) return false
      this.#sinceEdge += block.bytes.length
      this.#doneBytes += block.dataBytes
      if (block.dataBytes > 0) this.#context.progress(this.#doneBytes)
    }
    return true
  }

  #blocksOf(page: PlannedPage): readonly Block[] {
    const { erasedByte } = this.#options
    return blocksOf(page, this.#old.get(page.number) ?? null, erasedByte)
  }

  async #isRight(page: PlannedPage): Promise<boolean> {
    for (const block of imageBlocksOf(page)) {
      if (!isEqual(await this.#writer.read(block.address, block.bytes.length), block.bytes)) return false
    }
    return true
  }

  /** An earlier run may have broken off with the image in a page, and what it held beside it not yet written back. */
  async #takeBackTorn(pages: readonly PlannedPage[]): Promise<void> {
    for (const page of pages) {
      if (!this.#right.has(page.number) || isFilled(page)) continue
      const kept = await this.#context.readKept(keptName(page))
      if (kept === null) continue
      const now = await this.#writer.read(page.address, page.sizeBytes)
      if (!isEqual(now, contentOf(page, kept))) this.#right.delete(page.number)
    }
  }

  /**
   * Reads the page and puts it into a file, because an erase takes all of it. A page that an earlier run of this job erased
   * already is taken from that file, where nothing speaks against it.
   */
  async #keepRest(page: PlannedPage, isSameBoard: boolean): Promise<void> {
    const name = keptName(page)
    const now = await this.#writer.read(page.address, page.sizeBytes)
    const kept = isSameBoard ? await this.#context.readKept(name) : null
    const old = kept !== null && mayBeRemainder(page, now, kept) ? kept : now
    this.#old.set(page.number, old)
    if (old === kept || old.every(byte => byte === this.#options.erasedByte)) return
    const { path } = await this.#context.keepFile(name, piecesOf(old))
    this.#context.log('info', 'page.kept', `page ${String(page.number)} as it was is kept in ${path}`)
  }

  #countRight(): void {
    const right = this.#options.pages.filter(({ number }) => this.#right.has(number))
    this.#doneBytes = right.reduce((sum, { dataBytes }) => sum + dataBytes, 0)
    this.#context.progress(this.#doneBytes)
  }

  #begin(): void {
    this.#context.startSession(this.#session)
  }

  #matches(ledger: LedgerSession | null): boolean {
    const { imageSha256, targetPath, totalChunks, chunkBytes } = this.#session
    return (
      ledger?.imageSha256 === imageSha256 &&
      ledger.targetPath === targetPath &&
      ledger.totalChunks === totalChunks &&
      ledger.chunkBytes === chunkBytes
    )
  }

  /** A chunk is a page; where pages differ in size it is the largest one that is named. */
  get #session(): Omit<LedgerSession, 'have'> {
    const { pages, imageSha256, targetPath } = this.#options
    return {
      chunkBytes: Math.max(...pages.map(page => page.sizeBytes)),
      totalChunks: pages.length,
      imageSha256,
      deviceKey: null,
      targetPath,
    }
  }
}

function keptName({ address }: PlannedPage): string {
  return `page-${formatAddress(address)}.bin`
}

function hasChunk(ledger: LedgerSession | null, index: number): boolean {
  return (((ledger?.have[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
}

function* groupsOf(pages: readonly PlannedPage[]): Generator<readonly PlannedPage[]> {
  let group: PlannedPage[] = []
  let sizeBytes = 0
  for (const page of pages) {
    if (group.length > 0 && sizeBytes + page.sizeBytes > GROUP_BYTES) {
      yield group
      group = []
      sizeBytes = 0
    }
    group.push(page)
    sizeBytes += page.sizeBytes
  }
  if (group.length > 0) yield group
}

/** Pages of a group whose erasure is looked at. */
function looksOf(group: readonly PlannedPage[]): readonly PlannedPage[] {
  return group.filter(({ address }, index) => {
    const before = group[index - 1]
    const stretch = (at: number): number => Math.floor(at / LOOK_EVERY_BYTES)
    return before === undefined || stretch(before.address) !== stretch(address)
  })
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes)
}
