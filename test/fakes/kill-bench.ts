/**
 * Real processes that are killed at chosen moments, and the judge of what they leave behind: the board's flash on disk
 * says what is true, the journal is held against it.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { systemClock } from '../../src/core/clock.ts'
import { buildDemoFirmware } from '../../src/core/formats/esp-image/demo-firmware.ts'
import { type Journal, type JournalKind, type StoredJob, openJournal } from '../../src/core/journal/journal.ts'
import { openLocks } from '../../src/core/journal/locks.ts'
import { isOwnerAlive } from '../../src/core/journal/owner.ts'
import { liveStates } from '../../src/shared/contract/models.ts'

const cliPath = fileURLToPath(new URL('../../src/cli/index.ts', import.meta.url))
const driverPath = fileURLToPath(new URL('./job-driver.ts', import.meta.url))
const simulatorPath = fileURLToPath(new URL('../../src/simulator/index.ts', import.meta.url))

export const IMAGE_NAME = 'app.bin'

export interface KillBench {
  readonly folder: string
  readonly imagePath: string
  readonly image: Uint8Array
  /** The journal that its jobs are in. */
  readonly kind: JournalKind
  /** One a device, in the order of the specification. */
  readonly boards: readonly BoardOnDisk[]
  newHome(): string
  /** Starts the command line or, with `driver`, a host that can pause. */
  start(kind: 'cli' | 'driver', words: readonly string[], home: string): HostProcess
  close(): Promise<void>
}

/** A virtual board whose flash another process keeps in a folder. */
export interface BoardOnDisk {
  readonly target: string
  readonly flashFolder: string
}

export interface HostProcess {
  readonly pid: number
  /** Lines of JSON on stdout so far. */
  readonly lines: readonly Record<string, unknown>[]
  /** Resolves with the first line, also an earlier one, that satisfies; null when the process ended without one. */
  line(matches: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown> | null>
  kill(): void
  readonly exited: Promise<{ readonly code: number | null; readonly stderr: string }>
}

export interface KillBenchOptions {
  readonly seed?: number
  /** Bytes of every board's file system that are in use before, to make room tight. */
  readonly usedBytes?: number
  /** `station`: the hosts do not find the simulator, so its boards are real ones to them. */
  readonly kind?: JournalKind
}

export async function openKillBench(
  spec: string,
  imageBytes: number,
  options: KillBenchOptions = {},
): Promise<KillBench> {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-kill-'))
  const image = buildDemoFirmware({ sizeBytes: imageBytes, version: '2.1.4', seed: options.seed ?? 1 })
  const imagePath = join(folder, IMAGE_NAME)
  writeFileSync(imagePath, image)
  // Simulators are found through the temporary folder: these are seen by the processes of this bench alone.
  const env = { PATH: process.env['PATH'], LANG: 'C.UTF-8', TMPDIR: folder }
  const kind = options.kind ?? 'practice'
  const hostFolder = kind === 'practice' ? folder : join(folder, 'temporary')
  mkdirSync(hostFolder, { recursive: true })
  const flashFolder = join(folder, 'flash')
  if (options.usedBytes !== undefined) fillBoards(flashFolder, spec, options.usedBytes)
  const simulator = startProcess(
    simulatorPath,
    ['--devices', spec, '--flash-dir', flashFolder, '--seed', String(options.seed ?? 1)],
    env,
  )
  const ready = await simulator.line(line => line['type'] === 'ready')
  if (ready === null) throw new Error(`the simulator did not start: ${(await simulator.exited).stderr}`)
  const boards = readDevices(ready).map(({ name, target }) => ({ target, flashFolder: join(flashFolder, name) }))
  const started: HostProcess[] = [simulator]
  let homes = 0
  return {
    folder,
    imagePath,
    image,
    kind,
    boards,
    newHome: () => join(folder, `home-${String(++homes)}`),
    start(kind, words, home) {
      const argv = kind === 'driver' ? [home, ...words] : words
      const host = startProcess(kind === 'driver' ? driverPath : cliPath, argv, {
        ...env,
        TMPDIR: hostFolder,
        FLASHPROOF_HOME: home,
      })
      started.push(host)
      return host
    },
    async close() {
      for (const host of started) host.kill()
      await Promise.all(started.map(host => host.exited))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Puts a file without content but with a size into each board's file system. */
function fillBoards(flashFolder: string, spec: string, usedBytes: number): void {
  const count = Number(/^[\w-]+:(\d+)/.exec(spec)?.[1] ?? '1')
  for (let number = 1; number <= count; number++) {
    const files = join(flashFolder, `esp32-${String(number)}`, 'fs')
    mkdirSync(files, { recursive: true })
    const path = join(files, 'filler')
    closeSync(openSync(path, 'w'))
    truncateSync(path, usedBytes)
  }
}

function readDevices(ready: Record<string, unknown>): { name: string; target: string }[] {
  const devices: unknown = ready['devices']
  if (!Array.isArray(devices)) throw new Error('the simulator named no devices')
  // What the simulator announces is checked by its own tests; here the two texts are enough.
  return devices as { name: string; target: string }[]
}

function startProcess(path: string, words: readonly string[], env: NodeJS.ProcessEnv): HostProcess {
  const child = spawn(process.execPath, [path, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: Record<string, unknown>[] = []
  const watchers = new Set<() => void>()
  let rest = ''
  let stderr = ''
  let isOver = false
  const wake = (): void => {
    for (const watcher of [...watchers]) watcher()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    // Every line of these processes is one JSON object; anything else fails the test here.
    for (const part of parts) lines.push(JSON.parse(part) as Record<string, unknown>)
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const exited = once(child, 'close').then(() => {
    isOver = true
    wake()
    return { code: child.exitCode, stderr }
  })
  return {
    pid: child.pid ?? -1,
    lines,
    line: matches =>
      new Promise(resolve => {
        const look = (): void => {
          const found = lines.find(matches)
          if (found === undefined && !isOver) return
          watchers.delete(look)
          resolve(found ?? null)
        }
        watchers.add(look)
        look()
      }),
    kill: () => {
      child.kill('SIGKILL')
    },
    exited,
  }
}

/** The worker of a host: its only child that is a Node process. Null when it has none. */
export function workerPidOf(hostPid: number): number | null {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  for (const row of table.split('\n')) {
    const [pid, parent] = row.trim().split(/\s+/).map(Number)
    if (parent === hostPid && pid !== undefined && isNode(pid)) return pid
  }
  return null
}

function isNode(pid: number): boolean {
  try {
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).includes('worker')
  } catch {
    return false
  }
}

export function isRunning(pid: number): boolean {
  try {
    // A zombie answers signals too; its state tells that it has ended.
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .startsWith('Z')
  } catch {
    return false
  }
}

/** What the board's flash holds of the upload: the finished file, or the parts by index. */
export function readBoard(
  board: BoardOnDisk,
  name = IMAGE_NAME,
): { readonly target: Uint8Array | null; readonly parts: ReadonlyMap<number, Uint8Array> } {
  const files = join(board.flashFolder, 'fs')
  const parts = new Map<number, Uint8Array>()
  let target: Uint8Array | null = null
  for (const file of existsSync(files) ? readdirSync(files) : []) {
    const path = decodeURIComponent(file)
    if (path === name) target = readFileSync(join(files, file))
    const index = /^(.*)\.part\.(\d+)$/.exec(path)
    if (index?.[1] === name) parts.set(Number(index[2]), readFileSync(join(files, file)))
  }
  return { target, parts }
}

/** How a journal stands to the board that it speaks of; every entry of `lies` is a sentence about a fault. */
export interface Judgement {
  readonly job: StoredJob | null
  readonly lies: readonly string[]
}

/**
 * Holds the one job of a home against its board. To be called when nobody writes.
 */
export function judgeHome(home: string, kind: JournalKind, board: BoardOnDisk, image: Uint8Array): Judgement {
  if (!existsSync(join(home, kind === 'station' ? 'journal.sqlite' : 'journal-practice.sqlite')))
    return { job: null, lies: [] }
  const journal = openJournal({ home, kind, clock: systemClock })
  try {
    const [job, ...others] = journal.listJobs()
    if (job === undefined) return { job: null, lies: [] }
    const lies = others.length > 0 ? ['there is more than one job'] : []
    return { job, lies: [...lies, ...judgeJob(journal, job, board, image)] }
  } finally {
    journal.close()
  }
}

function judgeJob(journal: Journal, job: StoredJob, board: BoardOnDisk, image: Uint8Array): string[] {
  const lies: string[] = []
  const { snapshot } = job
  const { target, parts } = readBoard(board)
  const isStored = target !== null && isDeepStrictEqual(Uint8Array.from(target), image)
  const ledger = journal.ledger(snapshot.jobId)
  if (ledger !== null) {
    for (let index = 0; index < ledger.totalChunks; index++) {
      const isCounted = ((ledger.have[index >> 3] ?? 0) >> (index & 7)) % 2 === 1
      const start = index * ledger.chunkBytes
      const expected = image.subarray(start, start + ledger.chunkBytes)
      const part = parts.get(index)
      const isHeld =
        isStored || holds(target, start, expected) || (part !== undefined && Buffer.compare(part, expected) === 0)
      if (isCounted && !isHeld) lies.push(`chunk ${String(index)} is in the ledger and not on the board`)
    }
  }
  const heldBytes = isStored
    ? image.length
    : Math.max(
        target?.length ?? 0,
        [...parts.values()].reduce((sum, part) => sum + part.length, 0) + (target?.length ?? 0),
      )
  if (snapshot.doneBytes > heldBytes)
    lies.push(`${String(snapshot.doneBytes)} bytes are done, the board holds ${String(heldBytes)}`)
  const wasTouched = target !== null
  if (snapshot.boardNow === 'old-firmware' && wasTouched)
    lies.push('old-firmware, but the completion has begun on the board')
  if (snapshot.boardNow === 'new-firmware' && !isStored) lies.push('new-firmware, but the board does not hold it')
  if (snapshot.completion === 'succeeded' && !isStored)
    lies.push('the completion succeeded, but the board does not hold the image')
  if (snapshot.completion === 'none' && wasTouched) lies.push('no completion was noted, but the board ran one')
  if (snapshot.verdict === 'proven' && (!isStored || snapshot.state !== 'finished')) lies.push('proven, but it is not')
  if (snapshot.state === 'finished' && job.sequence === null) lies.push('finished without a record')
  const isLive = liveStates.some(state => state === snapshot.state)
  if (isLive && job.owner !== null && isOwnerAlive(job.owner)) lies.push(`${snapshot.state}, and its owner lives`)
  return lies
}

function holds(target: Uint8Array | null, start: number, expected: Uint8Array): boolean {
  return target !== null && Buffer.compare(target.subarray(start, start + expected.length), expected) === 0
}

/** Keys of locks that somebody alive holds. */
export function heldLocks(home: string): string[] {
  if (!existsSync(join(home, 'locks.sqlite'))) return []
  const locks = openLocks({ home })
  try {
    return locks
      .heldLocks()
      .filter(lock => isOwnerAlive(lock.owner))
      .map(lock => lock.key)
  } finally {
    locks.close()
  }
}

/** Locks that were not given back, whether their holder lives or not. */
export function leftLocks(home: string): number {
  if (!existsSync(join(home, 'locks.sqlite'))) return 0
  const locks = openLocks({ home })
  try {
    return locks.heldLocks().length
  } finally {
    locks.close()
  }
}
