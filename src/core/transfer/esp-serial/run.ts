/**
 * The choreography of one `esp-serial` run: meet the board, judge, back up, erase what was asked for, write what differs,
 * prove it by the MD5 of flash, switch the app slot last, restart, and listen to what starts. Calling it again asks the
 * board what it has and sends the rest.
 */
import { formatAddress } from '../../../shared/units.ts'
import type { SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import { obeyJudgements } from '../judgement.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { keepBackup } from './backup.ts'
import { BaudLadder } from './baud-ladder.ts'
import { identityOf, readBoard, sampleOf, startAgain } from './board.ts'
import { followStart } from './follow-start.ts'
import type { ConnectBoard, EspConnection } from './connection.ts'
import { erasedWhole, eraseFirst } from './erase.ts'
import type { EspLoader } from './esp-loader.ts'
import { MeetAgain } from './edge.ts'
import { FlashWriter } from './flash-writer.ts'
import { judgeOrder } from './judge.ts'
import type { EspOptions } from './options.ts'
import { WHOLE_FLASH, type Board, type Plan, type PlannedWrite } from './plan.ts'
import { refuseProtected } from './refuse-protected.ts'
import { SECTOR_BYTES, type FlashRange } from './sectors.ts'
import { standing, type BoardStanding } from './standing.ts'

/** How long a program's first words are waited for by default, as a share of the time for a request. */
const WATCH_SHARE = 0.3

export interface EspRunParts {
  readonly order: TransferOrder
  readonly options: EspOptions
  readonly context: TransferContext
  readonly endpoint: SerialEndpoint | SocketEndpoint
  readonly connect: ConnectBoard
}

export class EspRun {
  readonly #parts: EspRunParts
  /** How the board stands now, as far as is known. */
  #standing: BoardStanding = standing.untouched

  constructor(parts: EspRunParts) {
    this.#parts = parts
  }

  async run(): Promise<TransferReport> {
    const { context, order } = this.#parts
    if (order.earlierCompletion === 'sent') this.#standing = standing.switching
    else if (order.earlierCompletion === 'succeeded') this.#standing = standing.switched
    else if (this.#earlierPath === WHOLE_FLASH) this.#standing = standing.half
    for (;;) {
      context.enter('connecting', this.#standing)
      try {
        return await this.#meet()
      } catch (thrown) {
        if (!(thrown instanceof MeetAgain)) throw thrown
        context.log('info', 'board.asked-again', thrown.message)
      }
    }
  }

  /** Where an earlier run of this job had begun to write this image to; null where none had. */
  get #earlierPath(): string | null {
    const ledger = this.#parts.context.ledger()
    if (ledger?.imageSha256 !== this.#parts.order.image.sha256) return null
    return ledger.targetPath
  }

  async #meet(): Promise<TransferReport> {
    const { context, options, endpoint, connect } = this.#parts
    const connection = await connect({
      endpoint,
      options,
      isQuick: false,
      signal: context.requestSignal,
      clock: context.clock,
      log: text => {
        context.log('debug', 'loader', text)
      },
    })
    try {
      return await this.#work(connection)
    } catch (thrown) {
      // A board that nothing was taken from goes back to its work.
      const isUntaken = this.#standing === standing.untouched || this.#standing === standing.unsure
      const mayStart = isUntaken && !context.requestSignal.aborted
      if (mayStart && !(thrown instanceof MeetAgain)) await startAgain(connection.loader)
      throw thrown
    } finally {
      await connection.link.close()
    }
  }

  async #work(connection: EspConnection): Promise<TransferReport> {
    const { order, options, context } = this.#parts
    const { loader } = connection
    await context.identify(identityOf(loader.facts))
    context.enter('preparing', this.#standing)
    if (options.useStub) await loader.startStub()
    if (!loader.isStub) context.log('info', 'loader.rom', 'the board is written by the loader in its ROM')
    const board = await readBoard(loader)
    const sample = sampleOf(board, context.clock)
    context.addTelemetry(sample)
    if (sample.appVersion !== undefined) context.setVersion('before', sample.appVersion)
    const earlierPath = this.#earlierPath
    const { image, requiredLevel } = order
    const judged = judgeOrder({
      image: { ...image, isAddressed: image.baseAddress !== null },
      board,
      options,
      requiredLevel,
      sample,
      earlierPath,
    })
    await refuseProtected(judged.judgements, context)
    await obeyJudgements(judged.judgements, context)
    context.setRequired(judged.level)
    const { plan } = judged
    if (plan === null) throw new RangeError('a refused image has no plan')
    logPlan(plan, context)
    this.#standing = standingNow(board, this.#standing)
    if (order.isDryRun) {
      await startAgain(loader)
      return { outcome: 'answered', ...this.#standing }
    }
    await this.#write(loader, board, plan, earlierPath)
    return await followStart({ connection, board, plan, order, context, windowMs: this.#windowMs })
  }

  async #write(loader: EspLoader, board: Board, plan: Plan, earlierPath: string | null): Promise<void> {
    const { order, options, context, endpoint } = this.#parts
    const { writes } = plan
    const ladder = options.baudRate === null ? new BaudLadder(context, endpoint.text) : null
    const totalBytes = order.image.segments.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const writer = new FlashWriter({ context, loader, ladder, writes, totalBytes })
    if (earlierPath === null) await keepBackup(options, plan, loader, context)
    await this.#rise(loader, ladder)
    // From here on the journal knows that this board is written, whatever breaks.
    this.#startSession(writer, plan, board)
    await this.#erase(plan, loader)
    const isAsked = options.skipUnchanged || earlierPath !== null
    const todo: Todo[] = []
    for (const write of writes) todo.push({ write, ranges: await writer.compare(write, isAsked) })
    await this.#learnStanding(todo, earlierPath)
    const proofs: [PlannedWrite, string][] = []
    for (const { write, ranges } of todo) {
      const isSwitch = isOpenSwitch({ write, ranges })
      if (isSwitch) await this.#beginSwitch()
      if (ranges.length > 0) await this.#sendOne(writer, write, ranges)
      if (loader.abilities.hasMd5) {
        context.enter('verifying', this.#standing)
        proofs.push([write, await writer.prove(write)])
      }
      if (isSwitch) await context.markCompletion('succeeded')
    }
    await this.#assertSameBoard(loader)
    this.#addFacts(writer, proofs)
    this.#standing = { boardNow: loader.abilities.hasMd5 ? plan.boardAfter : 'unknown', unplug: 'safe' }
  }

  /** What was hashed is worth nothing if it was another board that hashed it: one may be swapped on a line that never broke. */
  async #assertSameBoard(loader: EspLoader): Promise<void> {
    const { facts } = loader
    if (facts.mac === null) return
    const mac = await loader.mac()
    await this.#parts.context.identify(mac === null ? null : identityOf({ ...facts, mac }))
  }

  /** An earlier try that wrote something had erased before. */
  async #erase(plan: Plan, loader: EspLoader): Promise<void> {
    const { options, context } = this.#parts
    const hasWritten = context.ledger()?.have.some(byte => byte !== 0) === true
    if (options.erase === 'none' || hasWritten) return
    const erased = erasedWhole(plan.writes)
    const isBroken = options.erase === 'chip' || erased.some(({ isCritical }) => isCritical)
    const isHalf = erased.some(({ region }) => region.what === 'data')
    this.#stand(isBroken ? standing.broken : isHalf ? standing.half : this.#standing, 'preparing')
    await eraseFirst(options, plan, loader, context)
  }

  /** What an earlier try left, now that the board was asked: half a bootloader, or a switch that was made or was not. */
  async #learnStanding(todo: readonly Todo[], earlierPath: string | null): Promise<void> {
    const { order, context } = this.#parts
    if (earlierPath === WHOLE_FLASH) {
      const isBroken = todo.some(({ write, ranges }) => write.isCritical && ranges.length > 0)
      this.#standing = isBroken ? standing.broken : standing.half
    }
    if (order.earlierCompletion !== 'sent') return
    const isSwitched = !todo.some(isOpenSwitch)
    await context.markCompletion(isSwitched ? 'succeeded' : 'none')
    if (!isSwitched && earlierPath !== WHOLE_FLASH) this.#standing = standing.untouched
  }

  /** Once this begins, either app may start. */
  async #beginSwitch(): Promise<void> {
    const { context } = this.#parts
    if (this.#standing !== standing.broken) this.#standing = standing.switching
    context.enter('transferring', this.#standing)
    await context.markCompletion('sent')
  }

  async #sendOne(writer: FlashWriter, write: PlannedWrite, ranges: readonly FlashRange[]): Promise<void> {
    if (write.isCritical) this.#standing = standing.broken
    else if (write.region.what === 'data' && this.#standing === standing.untouched) this.#standing = standing.half
    this.#stand(this.#standing, 'transferring')
    await writer.send(write, ranges)
  }

  #stand(now: BoardStanding, state: 'preparing' | 'transferring'): void {
    this.#standing = now
    this.#parts.context.enter(state, now)
  }

  async #rise(loader: EspLoader, ladder: BaudLadder | null): Promise<void> {
    const wanted = ladder?.first ?? this.#parts.options.baudRate
    if (wanted === null || wanted === loader.baudRate) return
    const rate = await loader.changeBaudRate(wanted)
    this.#parts.context.log('info', 'line.rate', `the line runs at ${String(rate)} baud`)
    if (rate !== wanted) ladder?.noteFailure(wanted)
  }

  #startSession(writer: FlashWriter, { targetPath }: Plan, board: Board): void {
    const { context, order } = this.#parts
    const session = {
      chunkBytes: SECTOR_BYTES,
      totalChunks: writer.totalChunks,
      imageSha256: order.image.sha256,
      deviceKey: board.facts.mac,
      targetPath,
    }
    const known = context.ledger()
    const isSame =
      known !== null &&
      known.totalChunks === session.totalChunks &&
      known.imageSha256 === session.imageSha256 &&
      known.deviceKey === session.deviceKey &&
      known.targetPath === session.targetPath
    if (!isSame) context.startSession(session)
  }

  #addFacts(writer: FlashWriter, proofs: readonly [PlannedWrite, string][]): void {
    const { context } = this.#parts
    if (writer.blocks > 0) {
      const sent = String(writer.sentBytes)
      context.addEvidence({ level: 'sent', basis: 'host-sent', method: 'byte-count', value: sent, matches: null })
      const value = `${String(writer.blocks)} blocks`
      const said = { basis: 'device-said', method: 'loader-status', matches: null } as const
      context.addEvidence({ level: 'acknowledged', value, ...said })
    }
    if (proofs.length === 0) return
    // One fact for all of it: each MD5 is in the log.
    const [first] = proofs
    const value = proofs.length === 1 && first !== undefined ? first[1] : proofs.map(shortProof).join(' ')
    context.addEvidence({ level: 'stored', basis: 'host-read', method: 'flash-md5', value, matches: true, fresh: true })
  }

  get #windowMs(): number {
    const { options, context, order } = this.#parts
    const { rebootTimeoutMs, requestTimeoutMs } = context.retryPolicy
    if (options.watchBootMs !== null) return options.watchBootMs
    const isAsked = order.requiredLevel === 'running' || order.requiredLevel === 'confirmed'
    return isAsked ? rebootTimeoutMs : WATCH_SHARE * requestTimeoutMs
  }
}

/** What the board starts now, as far as its flash tells; what an earlier try left is known better. */
function standingNow({ map, facts }: Board, before: BoardStanding): BoardStanding {
  if (before !== standing.untouched || map === null || map.active?.hasImage === true) return before
  if (map.isBlank || (map.partitions !== null && !map.slots.some(({ hasImage }) => hasImage))) return standing.empty
  // The ESP8266 has no table; elsewhere it may be encrypted or lie in another place, or the bootloader takes another slot.
  return facts.chip.imageChipId === null && map.hasBootloader ? before : standing.unsure
}

interface Todo {
  readonly write: PlannedWrite
  readonly ranges: readonly FlashRange[]
}

/** A choice of the app slot that the board does not have yet. */
function isOpenSwitch({ write, ranges }: Todo): boolean {
  return write.region.what === 'otadata' && ranges.length > 0
}

function shortProof([{ offset }, md5]: readonly [PlannedWrite, string]): string {
  return `${formatAddress(offset)}:${md5.slice(0, 12)}`
}

function logPlan({ writes, leftAlone }: Plan, context: TransferContext): void {
  for (const { region, offset, bytes } of writes) {
    const what = `${region.place} (${region.what}): ${String(bytes.length)} bytes at ${formatAddress(offset)}`
    context.log('info', 'plan.write', what)
  }
  for (const { place, sizeBytes } of leftAlone) {
    context.log('info', 'plan.left-alone', `${place}: ${String(sizeBytes)} bytes of filler are not written`)
  }
}
