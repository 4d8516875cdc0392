/** What helps those who help: versions, settings, states, the last records and log files; secrets are taken out. */
import { mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { homedir, release } from 'node:os'
import { join } from 'node:path'
import { toWireError } from '../../shared/errors.ts'
import type { Engine } from '../engine.ts'
import { homeFoldersOf } from '../home-folders.ts'
import { redactSecrets } from './redact.ts'
import type { ZipEntry } from './zip.ts'

export interface SupportBundleOptions {
  readonly engine: Pick<Engine, 'client' | 'state'>
  readonly home: string
  readonly version: string
  readonly now: () => Date
}

const MOST_LOG_FILES = 8
const MOST_BYTES_A_FILE = 2 * 1024 * 1024
const RECORD_DAYS = 30
const MOST_JOBS = 200

/** A part that cannot be made becomes a file that says why: a broken engine is when a bundle is needed most. */
export async function collectSupportBundle(
  options: SupportBundleOptions,
  signal: AbortSignal,
): Promise<readonly ZipEntry[]> {
  const { client } = options.engine
  const parts: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['about.json', () => Promise.resolve(describeStation(options))],
    ['worker.json', () => client.call('worker.hello', {}, { signal })],
    ['settings.json', () => client.call('settings.get', {}, { signal })],
    ['pc-check.json', () => client.call('pc.check', {}, { signal })],
    ['discovery.json', () => client.call('discovery.status', {}, { signal })],
    ['devices.json', () => client.call('device.list', {}, { signal })],
    ['jobs.json', () => client.call('job.list', { limit: MOST_JOBS }, { signal })],
    ['chain.json', () => client.call('log.check', {}, { signal })],
    ['records.jsonl', () => exportRecords(options, signal)],
  ]
  const collected: TextEntry[] = []
  for (const [path, make] of parts) {
    signal.throwIfAborted()
    collected.push(await makePart(path, make))
  }
  collected.push(...(await readLogFiles(homeFoldersOf(options.home).logs)))
  return [explain(collected), ...collected].map(({ path, content }) => ({ path, content: clean(content) }))
}

interface TextEntry {
  readonly path: string
  readonly content: string
}

async function makePart(path: string, make: () => Promise<unknown>): Promise<TextEntry> {
  try {
    const made = await make()
    return { path, content: typeof made === 'string' ? made : `${JSON.stringify(made, null, 2)}\n` }
  } catch (thrown) {
    return { path: `${path}.error.json`, content: `${JSON.stringify(toWireError(thrown), null, 2)}\n` }
  }
}

function describeStation({ engine, home, version, now }: SupportBundleOptions): object {
  return {
    flashproof: version,
    madeAt: now().toISOString(),
    engine: engine.state(),
    node: process.versions.node,
    electron: Object.entries(process.versions).find(([name]) => name === 'electron')?.[1] ?? null,
    platform: process.platform,
    systemRelease: release(),
    processor: process.arch,
    home,
    uptimeSeconds: Math.round(process.uptime()),
    memoryBytes: process.memoryUsage.rss(),
  }
}

async function exportRecords({ engine, home, now }: SupportBundleOptions, signal: AbortSignal): Promise<string> {
  const { temporary } = homeFoldersOf(home)
  await mkdir(temporary, { recursive: true, mode: 0o700 })
  const folder = await mkdtemp(join(temporary, 'records-'))
  try {
    const outputPath = join(folder, 'records.jsonl')
    const since = new Date(now().getTime() - RECORD_DAYS * 24 * 60 * 60_000).toISOString()
    await engine.client.call('log.export', { format: 'jsonl', outputPath, filter: { since } }, { signal })
    return await readEnd(outputPath)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function readLogFiles(folder: string): Promise<readonly TextEntry[]> {
  const names = await readdir(folder).catch(() => [])
  const logs = names.filter(name => name.endsWith('.log')).toSorted()
  const read: TextEntry[] = []
  for (const name of logs.slice(-MOST_LOG_FILES)) {
    read.push(await makePart(`logs/${name}`, () => readEnd(join(folder, name))))
  }
  return read
}

/** The last of a file, whole lines only where it was cut. */
async function readEnd(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size <= MOST_BYTES_A_FILE) return await readFile(path, 'utf8')
    const bytes = Buffer.alloc(MOST_BYTES_A_FILE)
    const { bytesRead } = await file.read(bytes, 0, MOST_BYTES_A_FILE, size - MOST_BYTES_A_FILE)
    const end = bytes.toString('utf8', 0, bytesRead)
    return `[the beginning is left out: ${String(size)} bytes in all]\n${end.slice(end.indexOf('\n') + 1)}`
  } finally {
    await file.close()
  }
}

function explain(entries: readonly TextEntry[]): TextEntry {
  const lines = [
    'Flashproof support bundle',
    '',
    'Versions, settings, the state of this station, its last records and log files. Passwords, keys and tokens were',
    'taken out where their names or places tell them; the kept secrets of devices are never put in. Records hold names of',
    'operators, orders, boards and addresses in the network: read it before it leaves the house.',
    '',
    ...entries.map(({ path }) => `  ${path}`),
    '',
  ]
  return { path: 'README.txt', content: lines.join('\n') }
}

function clean(content: string): string {
  const userFolder = homedir()
  const withoutUser = userFolder.length > 1 ? content.replaceAll(userFolder, '~') : content
  return redactSecrets(withoutUser)
}
