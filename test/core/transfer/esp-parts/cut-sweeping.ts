/**
 * Cuts the connection of an upload at one exact point, lets it go on, and judges what the board holds and what the job
 * said meanwhile. Whole batches run at once: every board of a batch has its own cut.
 */
import { isEnded } from '../../../../src/core/jobs/job-engine.ts'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import type { RetryPolicy } from '../../../../src/core/transfer/retry.ts'
import {
  allFeatures,
  seedFeatures,
  type UploadFeatures,
  type VirtualEsp32,
} from '../../../../src/simulator/virtual-esp32.ts'
import type { Bench } from '../../../fakes/bench.ts'
import { post } from '../../../simulator/wire.ts'

export const CHUNK_BYTES = 4096
const TARGET = 'fw/app.bin'

export const cutPlaces = ['before-request', 'in-body', 'after-process'] as const
export type CutPlace = (typeof cutPlaces)[number]
export interface Cut {
  readonly chunk: number | 'complete'
  readonly at: CutPlace
}

export interface DeviceKind {
  readonly name: string
  readonly features: UploadFeatures
  readonly storage: 'parts' | 'direct'
}

export const deviceKinds = [
  { name: 'all endpoints, part files', features: allFeatures, storage: 'parts' },
  { name: 'all endpoints, firmware slot', features: allFeatures, storage: 'direct' },
  {
    name: 'status and hash without sessions, part files',
    features: { ...allFeatures, session: false },
    storage: 'parts',
  },
  { name: 'hash without status, part files', features: { ...allFeatures, status: false }, storage: 'parts' },
  { name: 'hash without status, firmware slot', features: { ...allFeatures, status: false }, storage: 'direct' },
  { name: 'hash alone, part files', features: { ...seedFeatures, capabilities: true, hash: true }, storage: 'parts' },
  { name: 'telemetry alone, part files', features: { ...seedFeatures, telemetry: true }, storage: 'parts' },
  { name: 'the seed’s device', features: seedFeatures, storage: 'parts' },
] as const satisfies readonly DeviceKind[]

/** `automatic`: the run goes on by itself. `resumed`: the station stops at the cut, a new one goes on. */
export type GoingOn = 'automatic' | 'resumed'

/** Every chunk (or every `step`-th), and the completion. */
export function everyCut(chunkCount: number, step = 1): Cut[] {
  const indexes = Array.from({ length: Math.ceil(chunkCount / step) }, (_, index) => index * step)
  const chunks = [...indexes, 'complete' as const]
  return chunks.flatMap(chunk => cutPlaces.map(at => ({ chunk, at })))
}

/** The first, a middle and the last chunk, and the completion. */
export function someCuts(chunkCount: number): Cut[] {
  const chunks = [0, chunkCount >> 1, chunkCount - 1, 'complete' as const]
  return chunks.flatMap(chunk => cutPlaces.map(at => ({ chunk, at })))
}

/** Goes on at once, because nothing on loopback needs time to recover. */
export const sweepPolicy: RetryPolicy = {
  tries: 5,
  firstDelayMs: 1,
  maximumDelayMs: 5,
  jitterRatio: 0,
  requestTimeoutMs: 5000,
  completionFloorMs: 500,
  completionBytesPerMs: 2000,
  jobTries: 4,
  rebootTimeoutMs: 60,
  confirmMs: 20,
}

/** Stays where a request failed until the station stops it. */
const waitingPolicy: RetryPolicy = { ...sweepPolicy, firstDelayMs: 3_600_000, maximumDelayMs: 3_600_000 }

export interface SweepResult {
  readonly cuts: number
  /** Every broken promise, with its cut; empty when all is right. */
  readonly problems: readonly string[]
  /** Acknowledged chunks that were sent again, at cuts before the completion. */
  readonly sentAgain: number
}

interface Lane {
  readonly cut: Cut
  readonly board: VirtualEsp32
  readonly postsBefore: readonly number[]
  readonly problems: string[]
}

export class CutSweep {
  readonly #bench: Bench
  readonly #kind: DeviceKind
  readonly #goingOn: GoingOn
  readonly #image: Uint8Array
  readonly #old: Uint8Array
  #sentAgain = 0

  constructor(bench: Bench, kind: DeviceKind, goingOn: GoingOn, image: Uint8Array) {
    this.#bench = bench
    this.#kind = kind
    this.#goingOn = goingOn
    this.#image = image
    this.#old = image.slice(0, CHUNK_BYTES + 900).fill(0x5a, 16)
  }

  /** Whether it can prove nothing, as the seed's device: its word is all there is. */
  get #isMute(): boolean {
    return !this.#kind.features.hash
  }

  /** Runs all cuts in batches of `atOnce` boards. */
  async run(cuts: readonly Cut[], atOnce: number): Promise<SweepResult> {
    const problems: string[] = []
    for (let start = 0; start < cuts.length; start += atOnce) {
      const lanes = await Promise.all(cuts.slice(start, start + atOnce).map(cut => this.#prepare(cut)))
      try {
        await this.#runBatch(lanes)
      } finally {
        await Promise.all(lanes.map(lane => lane.board.close()))
        this.#bench.snapshots.length = 0
      }
      for (const { cut, problems: found } of lanes) {
        problems.push(...found.map(text => `${String(cut.chunk)} ${cut.at}: ${text}`))
      }
    }
    return { cuts: cuts.length, problems, sentAgain: this.#sentAgain }
  }

  async #prepare(cut: Cut): Promise<Lane> {
    const { features, storage } = this.#kind
    const board = await this.#bench.board({ features, storage })
    if (storage === 'parts') await this.#putOldFile(board)
    const postsBefore = [...board.stats.chunkPosts]
    board.setFaults([{ name: 'cut', chunk: cut.chunk, at: cut.at }])
    return { cut, board, postsBefore, problems: [] }
  }

  /** An older file under the same name: the board must be seen to lose it only when it does. */
  async #putOldFile(board: VirtualEsp32): Promise<void> {
    await post(board.target, `/upload/chunk/${TARGET}/0`, this.#old.subarray(0, CHUNK_BYTES))
    await post(board.target, `/upload/chunk/${TARGET}/1`, this.#old.subarray(CHUNK_BYTES))
    await post(board.target, `/upload/complete/${TARGET}/2`)
  }

  async #runBatch(lanes: readonly Lane[]): Promise<void> {
    const byTarget = new Map(lanes.map(lane => [lane.board.target, lane]))
    const stopWatching = this.#bench.watch(snapshot => {
      const lane = byTarget.get(snapshot.target)
      if (lane !== undefined) this.#judgeOnTheWay(lane, snapshot)
    })
    try {
      await this.#bench.reopen({ retryPolicy: this.#goingOn === 'automatic' ? sweepPolicy : waitingPolicy })
      const firmwareId = await this.#bench.firmwareId(this.#image, 'app.bin')
      const { jobIds } = await this.#bench.station.engine.start({
        firmwareId,
        targets: lanes.map(lane => lane.board.target),
        options: { chunkBytes: CHUNK_BYTES, pauseMs: 0, targetPath: TARGET },
        parallel: lanes.length,
      })
      const jobs = jobIds.map((jobId, index) => ({ jobId, lane: lanes[index] }))
      if (this.#goingOn === 'resumed') await this.#stopAtTheCuts(jobIds)
      else await Promise.all(jobIds.map(jobId => this.#bench.ended(jobId)))
      for (const { jobId, lane } of jobs) if (lane !== undefined) this.#judgeStop(lane, this.#latest(jobId))
      await this.#resumeWhatStopped(jobIds)
      for (const { jobId, lane } of jobs) if (lane !== undefined) this.#judgeEnd(lane, this.#latest(jobId))
    } finally {
      stopWatching()
    }
  }

  /** Waits until every job met its cut, stops the station, and opens a new one that does not wait. */
  async #stopAtTheCuts(jobIds: readonly string[]): Promise<void> {
    const waiting = new Set(jobIds)
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const done = (jobId: string): void => {
      waiting.delete(jobId)
      if (waiting.size === 0) resolve(undefined)
    }
    const stopLog = this.#bench.watchLog((jobId, line) => {
      if (line.code === 'chunk.retry' || line.code === 'completion.unanswered') done(jobId)
    })
    const stopWatching = this.#bench.watch(snapshot => {
      if (isEnded(snapshot)) done(snapshot.jobId)
    })
    await promise
    stopLog()
    stopWatching()
    await this.#bench.reopen({ retryPolicy: sweepPolicy })
  }

  async #resumeWhatStopped(jobIds: readonly string[]): Promise<void> {
    const stopped = jobIds.filter(jobId => [null, 'unproven'].includes(this.#latest(jobId).verdict))
    if (stopped.length === 0) return
    const accept = this.#kind.features.telemetry ? [] : ['resume-unidentified']
    await this.#bench.station.engine.resume({ jobIds: stopped, accept })
    await Promise.all(stopped.map(jobId => this.#bench.ended(jobId)))
  }

  #latest(jobId: string): JobSnapshot {
    return this.#bench.station.engine.locate(jobId).snapshot
  }

  #isStored(board: VirtualEsp32): boolean {
    const stored = board.flash.readTarget(TARGET)
    return stored !== null && Buffer.compare(stored, this.#image) === 0
  }

  /** What holds for every snapshot. */
  #judgeOnTheWay({ board, problems }: Lane, snapshot: JobSnapshot): void {
    const { state, boardNow, unplug, verdict, completion } = snapshot
    const where = `${state}, completion ${String(completion)}`
    if ((verdict === 'proven' || boardNow === 'new-firmware') && !this.#isStored(board)) {
      problems.push(`early success (${where}): ${String(verdict)}, ${boardNow}`)
    }
    if (completion === 'sent' && (boardNow !== 'unknown' || unplug !== 'keep-powered')) {
      problems.push(`an open completion (${where}) with ${boardNow}, ${unplug}`)
    }
    if (boardNow === 'old-firmware' && !this.#holdsOld(board)) {
      problems.push(`old firmware although it is gone (${where})`)
    }
  }

  /** The app that runs lies in its own slot and is never touched; a board that does not name it has only the file. */
  #holdsOld(board: VirtualEsp32): boolean {
    if (this.#kind.features.telemetry) return board.flash.activeImage() === null
    const stored = board.flash.readTarget(TARGET)
    return stored !== null && Buffer.compare(stored, this.#old) === 0
  }

  /** What holds when the job ends for the first time: by itself, or stopped at the cut. */
  #judgeStop({ cut, problems }: Lane, job: JobSnapshot): void {
    const isOpen = cut.chunk === 'complete'
    if (this.#goingOn === 'resumed' && !isOpen) {
      expectThat(problems, 'the stop at a chunk', job, {
        state: 'interrupted',
        boardNow: 'old-firmware',
        unplug: 'safe',
        verdict: null,
      })
    }
    if (isOpen && job.state === 'interrupted') {
      expectThat(problems, 'the stop in the completion', job, {
        boardNow: 'unknown',
        unplug: 'keep-powered',
        verdict: null,
      })
    }
    if (isOpen && this.#isMute && job.state !== 'interrupted') {
      expectThat(problems, 'the lost completion', job, {
        state: 'finished',
        verdict: 'unproven',
        reason: 'outcome-unknown',
        boardNow: 'unknown',
        unplug: 'keep-powered',
      })
    }
  }

  #judgeEnd(lane: Lane, job: JobSnapshot): void {
    const { board, problems } = lane
    expectThat(problems, 'the end', job, {
      state: 'finished',
      verdict: this.#isMute ? 'acknowledged' : 'proven',
      provenLevel: this.#isMute ? null : 'stored',
      reason: null,
      error: null,
      boardNow: this.#isMute ? 'unknown' : 'new-firmware',
      unplug: 'safe',
    })
    if (!this.#isStored(board)) problems.push('the image on the device is another one')
    this.#judgeRequests(lane)
  }

  #judgeRequests({ cut, board, postsBefore, problems }: Lane): void {
    const posts = Array.from(board.stats.chunkPosts, (count, index) => count - (postsBefore[index] ?? 0))
    const completions = board.stats.completePosts - (this.#kind.storage === 'parts' ? 1 : 0)
    const wasLost = cut.at === 'after-process'
    if (cut.chunk === 'complete') {
      // Lost after the work was done: who can be asked is asked; a mute device cannot, and gets everything again.
      const expected = wasLost && this.#isMute ? 2 : 1
      if (completions !== expected) problems.push(`${String(completions)} completions, not ${String(expected)}`)
      return
    }
    const canAsk = this.#kind.features.status && (this.#kind.features.session || this.#kind.storage === 'direct')
    let sentAgain = 0
    for (const [index, count] of posts.entries()) {
      // The chunk whose answer was lost was never acknowledged: sending it again is no repetition, asking is better.
      const allowed = index === cut.chunk && wasLost && !canAsk ? 2 : 1
      sentAgain += Math.max(0, count - allowed)
    }
    this.#sentAgain += sentAgain
    if (sentAgain > 1) problems.push(`${String(sentAgain)} acknowledged chunks were sent again`)
    if (completions !== 1) problems.push(`${String(completions)} completions`)
  }
}

function expectThat(problems: string[], what: string, job: JobSnapshot, expected: Partial<JobSnapshot>): void {
  for (const key of Object.keys(expected)) {
    // The keys come from an object of that very type.
    const field = key as keyof JobSnapshot
    if (job[field] === expected[field]) continue
    problems.push(`${what}: ${key} is ${JSON.stringify(job[field])}, not ${JSON.stringify(expected[field])}`)
  }
}
