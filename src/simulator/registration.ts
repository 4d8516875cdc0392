/** A file by which other processes of the same user find running simulators; it is there exactly while they run. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AnnouncedDevice } from './fleet.ts'

export interface Registration {
  readonly file: string
  remove(): void
}

/** Writes `<tmp>/flashproof-simulators-<uid>/<pid>.json`; null when that folder belongs to somebody else. */
export function registerSimulator(devices: readonly AnnouncedDevice[], startedAt: string): Registration | null {
  const folder = join(tmpdir(), `flashproof-simulators-${String(process.getuid?.() ?? 'user')}`)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch {
    if (!isOurs(folder)) return null
  }
  chmodSync(folder, 0o700)
  removeDeadEntries(folder)
  const file = join(folder, `${String(process.pid)}.json`)
  const content = JSON.stringify({ pid: process.pid, startedAt, devices })
  // A reader sees the whole file or none.
  writeFileSync(`${file}.new`, content, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return { file, remove: () => rmSync(file, { force: true }) }
}

/** A simulator that was killed could not remove its file. */
function removeDeadEntries(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(/^(\d+)\.json$/.exec(name)?.[1] ?? Number.NaN)
    if (Number.isInteger(pid) && !isAlive(pid)) rmSync(join(folder, name), { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM'
  }
}

// The temporary folder is shared: a link or a folder of another user could show devices that are not there.
function isOurs(folder: string): boolean {
  const entry = lstatSync(folder, { throwIfNoEntry: false })
  if (entry?.isDirectory() !== true) return false
  return process.getuid === undefined || entry.uid === process.getuid()
}
