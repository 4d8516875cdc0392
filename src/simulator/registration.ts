/** A file by which other processes of the same user find running simulators; it is there exactly while they run. */
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
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
  const file = join(folder, `${String(process.pid)}.json`)
  const content = JSON.stringify({ pid: process.pid, startedAt, devices })
  // A reader sees the whole file or none.
  writeFileSync(`${file}.new`, content, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return { file, remove: () => rmSync(file, { force: true }) }
}

// The temporary folder is shared: a link or a folder of another user could show devices that are not there.
function isOurs(folder: string): boolean {
  const entry = lstatSync(folder, { throwIfNoEntry: false })
  if (entry?.isDirectory() !== true) return false
  return process.getuid === undefined || entry.uid === process.getuid()
}
