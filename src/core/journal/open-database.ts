/** Opens a journal's file: sets an unreadable one aside, migrates an older one after a backup, leaves a newer one alone. */
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { isoWithZone } from '../clock.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { headLogPath, lastLoggedSequence } from './head-log.ts'
import { migrations, prepareSchema } from './schema.ts'
import { type Database, isUnreadable, openDatabase } from './sqlite.ts'

export type JournalKind = 'station' | 'practice'

export interface OpenedDatabase {
  readonly database: Database
  readonly path: string
  /** The file was written by a newer program: it is open for reading alone. */
  readonly isNewer: boolean
}

export function journalPath(home: string, kind: JournalKind): string {
  return join(home, kind === 'station' ? 'journal.sqlite' : 'journal-practice.sqlite')
}

/**
 * Opens the journal of `kind` in `home`, creating both where needed. An unreadable file is renamed, never deleted.
 * @throws journal.unavailable, journal.disk-full, journal.unreadable when a file cannot even be set aside.
 */
export function openJournalDatabase(
  home: string,
  kind: JournalKind,
  nowMs: () => number,
  steps: readonly string[] = migrations,
): OpenedDatabase {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const path = journalPath(home, kind)
  try {
    return openReadable(path, nowMs, steps)
  } catch (error) {
    const isDamaged = isUnreadable(error) || (error instanceof FlashproofError && error.code === 'journal.unreadable')
    if (!isDamaged || !existsSync(path)) throw error
    const note = setAside(path, nowMs(), error instanceof Error ? error.message : String(error))
    const opened = openReadable(path, nowMs, steps)
    opened.database.prepare('INSERT INTO notes (at, text) VALUES (?, ?)').run(isoWithZone(nowMs()), note)
    return opened
  }
}

function openReadable(path: string, nowMs: () => number, steps: readonly string[]): OpenedDatabase {
  const database = openDatabase(path)
  try {
    const backUp = (fromVersion: number): void => {
      const copy = `${path}.version-${String(fromVersion)}-${fileTime(nowMs())}`
      database.prepare('VACUUM INTO ?').run(copy)
    }
    const isNewer = prepareSchema(database, backUp, steps) === 'newer'
    // Damage in the first pages of any table shows here already; `verify` reads all of it.
    database.prepare('SELECT name FROM sqlite_schema').all()
    if (!isNewer) return { database, path, isNewer }
    database.close()
    return { database: openDatabase(path, { readOnly: true }), path, isNewer }
  } catch (error) {
    if (database.isOpen) database.close()
    throw error
  }
}

function setAside(path: string, nowMs: number, reason: string): string {
  const suffix = `.unreadable-${fileTime(nowMs)}`
  const lastSequence = lastLoggedSequence(headLogPath(path))
  for (const file of [path, `${path}-wal`, `${path}-shm`, headLogPath(path)]) {
    if (existsSync(file)) renameSync(file, `${file}${suffix}`)
  }
  return (
    `An unreadable journal was set aside as ${path}${suffix} (${reason}); a new chain begins here. ` +
    `The last head that was logged for the old one has number ${String(lastSequence)}.`
  )
}

function fileTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').replace('.', '')
}
