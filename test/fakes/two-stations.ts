/** Two command lines that want the same board of the same home in the same moment. */
import type { JournalKind } from '../../src/core/journal/journal.ts'
import { seededRandom } from '../../src/simulator/random.ts'
import { readBoard, leftLocks, openKillBench, type HostProcess } from './kill-bench.ts'

export interface RaceOutcome {
  readonly faults: readonly string[]
  /** How far apart they were started. */
  readonly offsetMs: number
}

const KIB = 1024

/** Starts so many races, each on a board of its own. */
export async function raceTwoStations(races: number, seed: number, kind: JournalKind): Promise<RaceOutcome[]> {
  const bench = await openKillBench(`esp-parts:${String(races)}+slow@ms=60+stays`, 192 * KIB, { seed, kind })
  const random = seededRandom(seed, 'two stations')
  const home = bench.newHome()
  const outcomes: RaceOutcome[] = []
  try {
    for (const board of bench.boards) {
      const offsetMs = random.next() * 150
      const words = ['flash', bench.imagePath, '--to', board.target, '--set', 'chunkBytes=8192', '--json']
      const first = bench.start('cli', words, home)
      await new Promise(resolve => setTimeout(resolve, offsetMs))
      const second = bench.start('cli', words, home)
      const faults = await judgeRace(first, second)
      const { target } = readBoard(board)
      if (target === null || Buffer.compare(target, bench.image) !== 0) faults.push('the board does not hold the image')
      outcomes.push({ faults, offsetMs })
    }
    const verify = bench.start('cli', ['log', 'verify', ...(kind === 'practice' ? ['--practice'] : []), '--json'], home)
    const { code, stderr } = await verify.exited
    const report = verify.lines.at(-1)
    if (code !== 0 || report?.['valid'] !== true)
      outcomes.push({ offsetMs: 0, faults: [`the log does not verify: ${stderr}`] })
    // A record each: of the one that won, and of the one that was refused.
    if (report?.['records'] !== 2 * races)
      outcomes.push({ offsetMs: 0, faults: [`${String(report?.['records'])} records`] })
    if (leftLocks(home) > 0) outcomes.push({ offsetMs: 0, faults: ['locks were left'] })
  } finally {
    await bench.close()
  }
  return outcomes
}

/** One wins and proves; the other is refused with exit code 2 and told who holds the board. */
async function judgeRace(first: HostProcess, second: HostProcess): Promise<string[]> {
  const ends = await Promise.all(
    [first, second].map(async host => {
      const { code, stderr } = await host.exited
      return { code, stderr, job: host.lines.findLast(line => line['type'] === 'job') }
    }),
  )
  const winner = ends.find(end => end.code === 0)
  const loser = ends.find(end => end.code === 2)
  const faults: string[] = []
  if (winner?.job?.['verdict'] !== 'proven') faults.push(`nobody won: ${JSON.stringify(ends)}`)
  const error = loser?.job?.['error']
  const told = JSON.stringify(error ?? null)
  if (!told.includes('"device.busy"')) faults.push(`nobody was refused: ${JSON.stringify(ends)}`)
  if (!/"pid":\d+/.test(told) || !told.includes('"command":"flashproof flash app.bin"')) {
    faults.push(`the owner is not named: ${told}`)
  }
  if (loser?.job?.['doneBytes'] !== 0) faults.push('the one that was refused had sent something')
  return faults
}
