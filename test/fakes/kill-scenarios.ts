/** The states in which processes are killed: how a job gets there, how long it stays, and what brings it to its end. */
import type { JournalKind } from '../../src/core/journal/journal.ts'
import { seededRandom } from '../../src/simulator/random.ts'
import {
  type BoardOnDisk,
  heldLocks,
  isRunning,
  judgeHome,
  type KillBench,
  leftLocks,
  openKillBench,
  readBoard,
  workerPidOf,
} from './kill-bench.ts'

export interface KillScenario {
  readonly name: string
  /** Faults and traits of each board. */
  readonly traits: string
  readonly imageBytes: number
  readonly chunkBytes: number
  /** Level to require; null leaves it to the device. */
  readonly require: string | null
  /** Set for a host that pauses the job there; `none`: a host that pauses nothing and answers no question. */
  readonly driver?: { readonly pauseAtBytes: number | 'none' }
  readonly usedBytes?: number
  /** Whether a line of JSON says that the job is in the state. */
  isThere(line: Record<string, unknown>): boolean
  /** How long the state lasts at least after the line: the moment of the kill is anywhere in it. */
  readonly windowMs: number
  readonly accept?: string
}

const KIB = 1024

function inState(state: string): KillScenario['isThere'] {
  return line => line['type'] === 'job' && line['state'] === state
}

const short = { imageBytes: 48 * KIB, chunkBytes: 16 * KIB, require: null } as const

export const killScenarios: readonly KillScenario[] = [
  { ...short, name: 'connecting', traits: '+slow@ms=300+stays', isThere: inState('connecting'), windowMs: 800 },
  { ...short, name: 'preparing', traits: '+slow@ms=500+stays', isThere: inState('preparing'), windowMs: 350 },
  {
    name: 'transferring',
    traits: '+slow@ms=30+stays',
    imageBytes: 128 * KIB,
    chunkBytes: 4 * KIB,
    require: null,
    isThere: inState('transferring'),
    windowMs: 900,
  },
  {
    ...short,
    name: 'completion',
    traits: '+slow@ms=400+stays',
    isThere: line => line['completion'] === 'sent',
    windowMs: 400,
  },
  { ...short, name: 'verifying', traits: '+slow@ms=400+stays', isThere: inState('verifying'), windowMs: 300 },
  { ...short, name: 'rebooting', traits: '', require: 'running', isThere: inState('rebooting'), windowMs: 400 },
  { ...short, name: 'confirming', traits: '', require: 'confirmed', isThere: inState('confirming'), windowMs: 9000 },
  {
    name: 'paused',
    traits: '+slow@ms=30+stays',
    imageBytes: 128 * KIB,
    chunkBytes: 16 * KIB,
    require: null,
    driver: { pauseAtBytes: 24 * KIB },
    isThere: inState('paused'),
    windowMs: 600,
  },
  {
    name: 'waiting',
    traits: '+stays',
    imageBytes: 96 * KIB,
    chunkBytes: 16 * KIB,
    require: null,
    driver: { pauseAtBytes: 'none' },
    // 8 MiB of file system: room for the parts and the file side by side, and less than the check wants.
    usedBytes: 8 * KIB * KIB - 240 * KIB,
    isThere: inState('waiting'),
    windowMs: 600,
    accept: 'tight-space',
  },
  {
    name: 'around commits',
    traits: '+stays',
    imageBytes: 512 * KIB,
    chunkBytes: 512,
    require: null,
    isThere: inState('transferring'),
    windowMs: 1200,
  },
]

export type Victim = 'worker' | 'host'

export interface KillOutcome {
  readonly scenario: string
  readonly victim: Victim
  /** The state that the journal held after the kill. */
  readonly journaledState: string
  /** Sentences about everything that was wrong; empty is what the test wants. */
  readonly faults: readonly string[]
}

const ORPHAN_LIMIT_MS = 15_000
const POLL_MS = 20

/** Kills `moments` workers and as many hosts in one state, each at a seeded moment on a board of its own. */
export async function runScenario(
  scenario: KillScenario,
  options: {
    readonly victims: readonly Victim[]
    readonly seed: number
    readonly kind: JournalKind
    readonly atOnce?: number
  },
): Promise<KillOutcome[]> {
  const { victims, seed, kind, atOnce = 2 } = options
  const spec = `esp-parts:${String(victims.length)}${scenario.traits}`
  const room = scenario.usedBytes === undefined ? {} : { usedBytes: scenario.usedBytes }
  const bench = await openKillBench(spec, scenario.imageBytes, { seed, kind, ...room })
  const random = seededRandom(seed, scenario.name)
  const cases = victims.map((victim, index) => ({ victim, index, delayMs: random.next() * scenario.windowMs }))
  const outcomes: KillOutcome[] = []
  try {
    const workOff = async (): Promise<void> => {
      for (let next = cases.shift(); next !== undefined; next = cases.shift()) {
        const board = bench.boards[next.index]
        if (board === undefined) throw new Error('fewer boards than cases')
        outcomes.push(await killOnce(bench, board, scenario, next))
      }
    }
    await Promise.all(Array.from({ length: atOnce }, workOff))
  } finally {
    await bench.close()
  }
  return outcomes
}

async function killOnce(
  bench: KillBench,
  board: BoardOnDisk,
  scenario: KillScenario,
  moment: { readonly victim: Victim; readonly delayMs: number },
): Promise<KillOutcome> {
  const { victim, delayMs } = moment
  const home = bench.newHome()
  const faults: string[] = []
  const outcome = (journaledState: string): KillOutcome => ({ scenario: scenario.name, victim, journaledState, faults })
  const host = start(bench, board, scenario, home)
  const seen = await host.line(line => scenario.isThere(line))
  if (seen === null) {
    faults.push(`never got there: ${(await host.exited).stderr}`)
    return outcome('never')
  }
  await pause(delayMs)
  const workerPid = workerPidOf(host.pid)
  if (workerPid === null) {
    faults.push('the host has no worker')
    return outcome('never')
  }
  if (victim === 'worker') {
    process.kill(workerPid, 'SIGKILL')
    const { code } = await host.exited
    if (code !== 1) faults.push(`the host ended with ${String(code)} after its worker was killed`)
  } else {
    host.kill()
    const endsAtMs = performance.now() + ORPHAN_LIMIT_MS
    while (isRunning(workerPid) && performance.now() < endsAtMs) await pause(POLL_MS)
    if (isRunning(workerPid)) faults.push('the orphaned worker did not end')
    if (leftLocks(home) > 0) faults.push('the orphaned worker kept locks')
  }
  if (heldLocks(home).length > 0) faults.push('a lock is held by nobody alive')
  const { job, lies } = judgeHome(home, bench.kind, board, bench.image)
  faults.push(...lies)
  if (job === null) {
    faults.push('the journal has no job')
    return outcome('no job')
  }
  const { state, verdict } = job.snapshot
  // A completion under way is let through to its end, and what follows it may be quick enough to prove the job.
  const isEndedWell = state === 'interrupted' || (state === 'finished' && verdict === 'proven')
  if (victim === 'host' && !isEndedWell) faults.push(`the orphaned worker left its job ${state}`)
  faults.push(...(await resume(bench, board, scenario, home)))
  return outcome(state)
}

function start(
  bench: KillBench,
  board: BoardOnDisk,
  scenario: KillScenario,
  home: string,
): ReturnType<KillBench['start']> {
  const { driver, chunkBytes, require } = scenario
  if (driver !== undefined) {
    const pauseAt = driver.pauseAtBytes === 'none' ? '' : String(driver.pauseAtBytes)
    return bench.start('driver', [bench.imagePath, board.target, pauseAt], home)
  }
  const level = require === null ? [] : ['--require', require]
  const words = ['flash', bench.imagePath, '--to', board.target, '--set', `chunkBytes=${String(chunkBytes)}`, ...level]
  return bench.start('cli', [...words, '--json'], home)
}

/** Goes on with the job as a person would; @returns what is wrong with the end */
async function resume(bench: KillBench, board: BoardOnDisk, scenario: KillScenario, home: string): Promise<string[]> {
  const accept = scenario.accept === undefined ? [] : ['--accept', scenario.accept]
  const resumed = bench.start('cli', ['resume', ...accept, '--json'], home)
  const { code, stderr } = await resumed.exited
  const faults: string[] = []
  const last = resumed.lines.findLast(line => line['type'] === 'job')
  const end = JSON.stringify({ verdict: last?.['verdict'], reason: last?.['reason'], error: last?.['error'] })
  if (code !== 0) faults.push(`resume ended with ${String(code)}: ${end} ${stderr}`)
  const { target } = readBoard(board)
  if (target === null || Buffer.compare(target, bench.image) !== 0) faults.push('the board does not hold the image')
  const { job, lies } = judgeHome(home, bench.kind, board, bench.image)
  faults.push(...lies)
  if (job?.snapshot.state !== 'finished' || job.snapshot.verdict !== 'proven') {
    faults.push(
      `after the resume the job is ${job?.snapshot.state ?? 'gone'}, ${job?.snapshot.verdict ?? 'no verdict'}`,
    )
  }
  if (leftLocks(home) > 0) faults.push('a lock was left after the resume')
  return faults
}

function pause(delayMs: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, delayMs))
}

export function describeOutcomes(outcomes: readonly KillOutcome[]): string {
  const rows = new Map<string, number>()
  for (const { scenario, victim, journaledState } of outcomes) {
    const key = `${scenario}, ${victim} killed, journal said ${journaledState}`
    rows.set(key, (rows.get(key) ?? 0) + 1)
  }
  return [...rows].map(([key, count]) => `${String(count)} × ${key}`).join('\n')
}
