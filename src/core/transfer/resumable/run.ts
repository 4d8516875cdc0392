/**
 * The choreography of one `resumable` run: learn who answers and whether a file of that name is there, check the image,
 * send what the server lacks, and ask whether it joined the chunks. The server decides what it has.
 */
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import type { RequestSender } from '../../links/http-auth.ts'
import { ChunkSet } from '../chunk-set.ts'
import {
  fileServerReach,
  followFile,
  isRunningAsked,
  settled,
  unclear,
  untouched,
  type BoardStanding,
} from '../file-server.ts'
import { obeyJudgements } from '../judgement.ts'
import { patiently, TelemetryQuestions } from '../telemetry-questions.ts'
import type { LedgerSession, TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { askChunk, askSummary, findOutAssembly, type Assembly, type AssemblyQuestions } from './assembly.ts'
import { judgeExisting, judgeImage, judgeRequired } from './checks.ts'
import {
  chooseChunkBytes,
  chooseSimultaneous,
  geometryOf,
  identifierOf,
  wireFileName,
  type ResumableOptions,
} from './options.ts'
import type { SummaryAnswer, UploadPlan } from './requests.ts'
import { ChunkSender } from './sender.ts'

/** A server that took every chunk and does not have the upload whole gets what it lacks this often again. */
const FURTHER_ROUNDS = 2
/** So long before the server may remove an unfinished upload the ledger is not trusted any more. */
const TTL_MARGIN_MS = 10 * 60_000

export interface ResumableWorld {
  /** Opens a connection of its own; whoever made the run closes it. */
  readonly connect: () => RequestSender
}

export class ResumableRun {
  readonly #order: TransferOrder
  readonly #options: ResumableOptions
  readonly #context: TransferContext
  readonly #world: ResumableWorld
  /** For questions; with one chunk at a time for the chunks too, because a small board has room for one connection. */
  readonly #client: RequestSender
  readonly #telemetry: TelemetryQuestions
  readonly #before: BoardStanding
  #standing: BoardStanding
  #completion: TransferOrder['earlierCompletion']
  /** A file of this name was there and is to be replaced: what the server says of the name is then no word on ours. */
  #replaces = false
  #hasSaidSent = false
  /** An earlier run sent the last chunk, and the server did not say since that it lacks something. */
  #mayHaveAll: boolean

  constructor(order: TransferOrder, options: ResumableOptions, context: TransferContext, world: ResumableWorld) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#world = world
    this.#client = world.connect()
    const path = options.telemetryPath === '' ? null : options.telemetryPath
    this.#telemetry = new TelemetryQuestions(this.#client, context, path)
    this.#completion = order.earlierCompletion
    this.#mayHaveAll = order.earlierCompletion === 'sent'
    this.#before = this.#completion === 'none' ? untouched : settled
    this.#standing = this.#completion === 'sent' ? unclear : this.#before
  }

  async run(): Promise<TransferReport> {
    const context = this.#context
    const { image, isDryRun } = this.#order
    context.enter('connecting', this.#standing)
    await this.#telemetry.learn()
    const { plan, ledger } = this.#makePlan()
    const questions: AssemblyQuestions = { client: this.#client, context, plan, hasTests: this.#options.hasTests }
    const first = await this.#askFirst(questions)
    context.enter('preparing', this.#standing)
    this.#settleRequired()
    if (this.#completion === 'succeeded') return await this.#follow({ outcome: 'answered', ...settled })
    const { inspection, bytes } = image
    const isBegun = ledger !== null
    const judgements = judgeImage({ inspection, sizeBytes: bytes.length, isBegun }, this.#telemetry.before)
    this.#replaces = isBegun ? readSession(ledger).replaces : first.kind === 'complete'
    if (this.#replaces && !isBegun && first.kind === 'complete') {
      judgements.push(judgeExisting(plan.fileName, first.sizeBytes, bytes.length))
    }
    await obeyJudgements(judgements, context)
    if (isDryRun) return { outcome: 'answered', ...this.#standing }
    if (ledger === null) this.#startSession(plan)
    return await this.#transfer(questions, first, ledger)
  }

  /** Before anything is sent: is a file of this name there? The seed's server says so to either question. */
  async #askFirst(questions: AssemblyQuestions): Promise<SummaryAnswer> {
    const context = this.#context
    const summary = await patiently(context, 'upload', () => askSummary(questions))
    if (summary.kind !== 'cannot-tell' || !this.#options.hasTests) return summary
    const { sizeBytes, totalChunks, chunkBytes } = questions.plan
    const chunk = { index: 0, sizeBytes: totalChunks === 1 ? sizeBytes : chunkBytes }
    const seen = await patiently(context, 'chunk', () => askChunk(questions, chunk))
    return seen.kind === 'complete' ? seen : summary
  }

  #settleRequired(): void {
    const { level, judgements } = judgeRequired(fileServerReach(this.#telemetry.before), this.#order.requiredLevel)
    for (const judgement of judgements) {
      if (judgement.kind === 'refusal') throw judgement.error
      if (judgement.kind === 'warning') this.#context.warn(judgement.text.en)
    }
    this.#context.setRequired(level)
  }

  /** The cut of a session never changes; `ledger` is that of the same upload, begun by an earlier run. */
  #makePlan(): { plan: UploadPlan; ledger: LedgerSession | null } {
    const { bytes, sha256 } = this.#order.image
    const { mode, uploadPath, retriesServerErrors, isForced } = this.#options
    const fileName = wireFileName(this.#options, sha256)
    const ledger = this.#order.isResume && this.#completion !== 'failed' ? this.#context.ledger() : null
    const wanted = chooseChunkBytes(this.#options.chunkBytes, bytes.length, this.#isBoard)
    const geometry = geometryOf(bytes.length, ledger?.chunkBytes ?? wanted, isForced)
    const identifier = identifierOf(bytes.length, sha256, fileName, geometry)
    const { chunkBytes, totalChunks } = geometry
    const sizes = { sizeBytes: bytes.length, chunkBytes, totalChunks }
    const plan = { path: uploadPath, identifier, fileName, ...sizes, mode, retriesServerErrors }
    const isSame =
      ledger?.imageSha256 === sha256 &&
      readSession(ledger).identifier === identifier &&
      (ledger.deviceKey === null || ledger.deviceKey === this.#telemetry.deviceKey)
    return { plan, ledger: isSame ? ledger : null }
  }

  get #isBoard(): boolean {
    return this.#telemetry.before?.device?.chip !== undefined
  }

  #startSession({ chunkBytes, totalChunks, identifier }: UploadPlan): void {
    const context = this.#context
    context.startSession({
      chunkBytes,
      totalChunks,
      imageSha256: this.#order.image.sha256,
      deviceKey: this.#telemetry.deviceKey,
      targetPath: writeSession({ identifier, startedMs: context.clock.nowMs(), replaces: this.#replaces }),
    })
  }

  async #transfer(
    questions: AssemblyQuestions,
    first: SummaryAnswer,
    ledger: LedgerSession | null,
  ): Promise<TransferReport> {
    const { plan } = questions
    // Complete, and this job began it: its last answer was lost.
    if (ledger !== null && !this.#replaces && first.kind === 'complete') return await this.#settle(plan, first)
    if (first.kind === 'in-progress') this.#mayHaveAll = false
    const trusted = await this.#trustedLedger(ledger)
    for (let round = 0; ; round++) {
      const chunks = new ChunkSet(plan.sizeBytes, plan.chunkBytes, plan.totalChunks)
      const sentChunks = await this.#sendRound(plan, chunks, { isFresh: ledger === null && round === 0, trusted })
      let found = await findOutAssembly(questions, chunks)
      if (sentChunks === 0 && found.kind !== 'complete') {
        // All were there before: only a chunk that is sent makes the server look whether it has them all.
        chunks.remove(plan.totalChunks - 1)
        await this.#send(plan, chunks, null)
        found = await findOutAssembly(questions, chunks)
      }
      // The old file with its old size: the new one was not joined, or not yet.
      const isOldFile = this.#replaces && found.kind === 'complete' && found.sizeBytes !== plan.sizeBytes
      const isLastRound = round >= FURTHER_ROUNDS
      if (found.kind !== 'not-whole' && (!isOldFile || isLastRound)) return await this.#settle(plan, found)
      await this.#backToBefore()
      if (isLastRound) {
        const text = 'the server took every chunk and does not have the upload whole'
        throw new FlashproofError('device.refused', text, { rounds: round + 1, totalChunks: plan.totalChunks })
      }
      this.#context.log('warning', 'upload.not-whole', 'the server lacks a part of the upload: it is sent again')
    }
  }

  /** What the ledger counts, where it can be trusted without the server's word; null where it cannot. */
  async #trustedLedger(ledger: LedgerSession | null): Promise<Uint8Array | null> {
    if (ledger === null || this.#replaces) return null
    const { clock } = this.#context
    const ageMs = clock.nowMs() - readSession(ledger).startedMs
    if (ageMs < 0 || ageMs > this.#options.timeToLiveMs - TTL_MARGIN_MS) return null
    if (this.#options.hasTests) return ledger.have
    const isNamed = this.#telemetry.deviceKey !== null && this.#telemetry.deviceKey === ledger.deviceKey
    return isNamed || (await this.#context.isAccepted('resume-unidentified')) ? ledger.have : null
  }

  async #sendRound(
    plan: UploadPlan,
    chunks: ChunkSet,
    { isFresh, trusted }: { isFresh: boolean; trusted: Uint8Array | null },
  ): Promise<number> {
    const { hasTests } = this.#options
    const counted = this.#context.ledger()
    if (!hasTests && trusted !== null) {
      for (let index = 0; index < plan.totalChunks; index++) if (isSet(trusted, index)) chunks.add(index)
    }
    // A chunk that was under way when the link broke may lie there cut off: of an upload that this job began, only what
    // was acknowledged is taken for there.
    const mayTrust = (index: number): boolean => isFresh || (counted !== null && isSet(counted.have, index))
    return await this.#send(plan, chunks, hasTests && !this.#replaces ? mayTrust : null)
  }

  /** @returns how many chunks were sent */
  async #send(plan: UploadPlan, chunks: ChunkSet, mayTrust: ((index: number) => boolean) | null): Promise<number> {
    const context = this.#context
    const counted = context.ledger()
    const floorBytes = this.#order.isResume ? countedBytes(counted, chunks) : 0
    context.enter('transferring', this.#standing)
    context.progress(Math.max(floorBytes, chunks.doneBytes))
    const sender = new ChunkSender({
      context,
      telemetry: this.#telemetry,
      plan,
      image: this.#order.image.bytes,
      chunks,
      clients: this.#clientsFor(plan),
      mayTrust,
      onLast: () => this.#beforeLast(),
      onChunk: ({ index, attempt, durationMs }) => {
        chunks.add(index)
        context.acknowledge({ index, sizeBytes: chunks.sizeOf(index), attempt, durationMs })
        context.progress(Math.max(floorBytes, chunks.doneBytes))
      },
    })
    try {
      await sender.sendMissing()
      return sender.sentChunks
    } catch (thrown) {
      if (!this.#mayHaveAll && surelyLacks(chunks, sender.unanswered)) await this.#backToBefore()
      throw asFlashproofError(thrown)
    }
  }

  #clientsFor({ totalChunks }: UploadPlan): RequestSender[] {
    const count = Math.min(totalChunks, chooseSimultaneous(this.#options.simultaneousUploads, this.#isBoard))
    if (count === 1) return [this.#client]
    return Array.from({ length: count }, () => this.#world.connect())
  }

  /** From here on the server may have all of it; what is done is journaled before it is done. */
  async #beforeLast(): Promise<void> {
    if (this.#completion === 'sent') return
    if (isRunningAsked(this.#order)) await this.#telemetry.reidentify()
    this.#standing = unclear
    this.#context.enter('transferring', unclear)
    this.#completion = 'sent'
    await this.#context.markCompletion('sent')
  }

  /** The server surely does not have the upload whole. */
  async #backToBefore(): Promise<void> {
    this.#mayHaveAll = false
    this.#standing = this.#before
    if (this.#completion !== 'sent') return
    this.#completion = 'none'
    await this.#context.markCompletion('none')
    this.#context.enter('transferring', this.#before)
  }

  async #settle(plan: UploadPlan, found: Exclude<Assembly, { kind: 'not-whole' }>): Promise<TransferReport> {
    const context = this.#context
    const { sizeBytes } = plan
    this.#addSent(sizeBytes)
    context.progress(sizeBytes)
    const joinedBytes = found.kind === 'complete' ? found.sizeBytes : null
    const isOtherSize = joinedBytes !== null && joinedBytes !== sizeBytes
    context.addEvidence({
      level: 'acknowledged',
      basis: 'device-said',
      method: joinedBytes === null ? 'http-body' : 'size',
      value: joinedBytes === null ? plan.fileName : `${plan.fileName}, ${String(joinedBytes)} bytes`,
      matches: joinedBytes === null ? null : !isOtherSize,
    })
    await context.markCompletion('succeeded')
    this.#completion = 'succeeded'
    if (isOtherSize) {
      const text = `the server joined ${String(joinedBytes)} bytes of ${String(sizeBytes)}`
      context.log('error', 'assembly.other-size', text)
      return { outcome: 'answered', ...settled }
    }
    if (found.kind === 'cannot-tell') context.warn(cannotTellText[found.why])
    else if (this.#replaces) {
      context.warn(
        'A file of this name was there before, so that the server’s word does not show that it is the new one.',
      )
    }
    return await this.#follow({ outcome: 'answered', ...settled })
  }

  #addSent(sizeBytes: number): void {
    if (this.#hasSaidSent) return
    this.#hasSaidSent = true
    const value = String(sizeBytes)
    this.#context.addEvidence({ level: 'sent', basis: 'host-sent', method: 'byte-count', value, matches: null })
  }

  #follow(otherwise: TransferReport): Promise<TransferReport> {
    return followFile(this.#order, this.#context, this.#telemetry, otherwise)
  }
}

const cannotTellText = {
  parts: 'The server holds every chunk and does not say whether it joins them; look at the server.',
  nothing:
    'The server cannot confirm that it joined the chunks; one that answers GET without a chunk number with status and size would.',
  silent: 'The server took every chunk and then did not answer whether it joined them; look at the server.',
} as const

interface Session {
  readonly identifier: string
  readonly startedMs: number
  readonly replaces: boolean
}

/** The ledger keeps with the name when the upload began, and whether a file of that name is replaced. */
function writeSession({ identifier, startedMs, replaces }: Session): string {
  return `${identifier}@${String(startedMs)}${replaces ? '!' : ''}`
}

function readSession({ targetPath }: Pick<LedgerSession, 'targetPath'>): Session {
  const match = /^(.*)@(\d+)(!?)$/.exec(targetPath)
  return { identifier: match?.[1] ?? '', startedMs: Number(match?.[2] ?? 0), replaces: match?.[3] === '!' }
}

function isSet(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
}

/** What the ledger counts, so that progress does not fall back while the server is asked chunk by chunk. */
function countedBytes(ledger: LedgerSession | null, chunks: ChunkSet): number {
  if (ledger?.totalChunks !== chunks.totalChunks) return 0
  return new ChunkSet(chunks.totalBytes, chunks.chunkBytes, chunks.totalChunks, ledger.have).doneBytes
}

/** Whether a chunk is missing that cannot be on its way to the server either. */
function surelyLacks(chunks: ChunkSet, unanswered: ReadonlySet<number>): boolean {
  for (let index = chunks.nextMissing(0); index >= 0; index = chunks.nextMissing(index + 1)) {
    if (!unanswered.has(index)) return true
  }
  return false
}
