/** The only place that touches `node:sqlite`: opening, transactions, typed columns, and what an SQLite failure means. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { FlashproofError } from '../../shared/errors.ts'

export type Database = DatabaseSync
export type Statement = StatementSync
export type SqlValue = SQLInputValue
export type Row = Readonly<Record<string, SQLOutputValue>>

const BUSY_TIMEOUT_MS = 5_000

/**
 * Opens a database file with the settings that every Flashproof database uses.
 * @throws journal.unavailable when this Node has no `node:sqlite`; SQLite's own error when the file cannot be opened.
 */
export function openDatabase(path: string, options: { readonly readOnly?: boolean } = {}): Database {
  const sqlite = loadSqlite()
  const readOnly = options.readOnly ?? false
  const database = new sqlite.DatabaseSync(path, {
    readOnly,
    timeout: BUSY_TIMEOUT_MS,
    enableForeignKeyConstraints: true,
  })
  try {
    if (!readOnly) {
      database.exec('PRAGMA auto_vacuum = INCREMENTAL')
      switchToWal(database)
      database.exec('PRAGMA synchronous = NORMAL')
    }
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function loadSqlite(): typeof import('node:sqlite') {
  // `undefined` at run time in a Node that was built without it or is too old; the types of Node 24 do not say so.
  const sqlite = process.getBuiltinModule('node:sqlite') as typeof import('node:sqlite') | undefined
  if (sqlite === undefined) {
    throw new FlashproofError(
      'journal.unavailable',
      `This runtime (Node ${process.versions.node}) has no node:sqlite, so there is no journal. Use Node 24 or newer.`,
      { nodeVersion: process.versions.node },
    )
  }
  return sqlite
}

// The switch to WAL needs the file alone for a moment and SQLite's busy handler is not asked, so two processes that begin
// a home together would make one of them fail.
function switchToWal(database: Database): void {
  const deadline = performance.now() + BUSY_TIMEOUT_MS
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

/** Runs `work` in one write transaction that is taken at once (BEGIN IMMEDIATE); rolls back when it throws. */
export function inTransaction<Result>(database: Database, work: () => Result, beforeCommit?: () => void): Result {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    beforeCommit?.()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite has already rolled back after some failures, such as a full disk.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Runs `work` on one unchanging view of the database, whatever other processes commit meanwhile. */
export function inSnapshot<Result>(database: Database, work: () => Result): Result {
  database.exec('BEGIN')
  try {
    return work()
  } finally {
    if (database.isTransaction) database.exec('ROLLBACK')
  }
}

// Primary result codes: https://www.sqlite.org/rescode.html
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

function primaryCode(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('errcode' in thrown) || typeof thrown.errcode !== 'number') return null
  return thrown.errcode & 0xff
}

export function isBusy(thrown: unknown): boolean {
  const code = primaryCode(thrown)
  return code === SQLITE_BUSY || code === SQLITE_LOCKED
}

export function isUnreadable(thrown: unknown): boolean {
  const code = primaryCode(thrown)
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB
}

/** Whether the storage has no room or failed: SQLITE_FULL, SQLITE_IOERR, or the file system's ENOSPC, EDQUOT and EIO. */
export function isStorageFailure(thrown: unknown): boolean {
  const code = primaryCode(thrown)
  if (code !== null) return code === SQLITE_FULL || code === SQLITE_IOERR
  return thrown instanceof Error && 'code' in thrown && ['ENOSPC', 'EDQUOT', 'EIO'].includes(String(thrown.code))
}

/** Gives a failed write its journal code; anything unexpected keeps its text as cause. */
export function asJournalError(thrown: unknown, path: string): FlashproofError {
  if (thrown instanceof FlashproofError) return thrown
  const details = { path }
  if (isStorageFailure(thrown)) {
    return new FlashproofError('journal.disk-full', `Writing ${path} failed: ${textOf(thrown)}`, details, {
      cause: thrown,
    })
  }
  if (isUnreadable(thrown)) {
    return new FlashproofError('journal.unreadable', `${path} is damaged: ${textOf(thrown)}`, details, {
      cause: thrown,
    })
  }
  if (primaryCode(thrown) === SQLITE_READONLY) {
    return new FlashproofError('journal.read-only', `${path} cannot be written: ${textOf(thrown)}`, details, {
      cause: thrown,
    })
  }
  return new FlashproofError('internal.unexpected', `The journal ${path} failed: ${textOf(thrown)}`, details, {
    cause: thrown,
  })
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** A text column; the column's declared type (STRICT tables) makes anything else a damaged row. */
export function textColumn(row: Row, name: string): string {
  const value = row[name]
  if (typeof value !== 'string') throw wrongColumn(name, value)
  return value
}

export function nullableText(row: Row, name: string): string | null {
  const value = row[name]
  if (value === null || value === undefined) return null
  if (typeof value !== 'string') throw wrongColumn(name, value)
  return value
}

export function numberColumn(row: Row, name: string): number {
  const value = row[name]
  if (typeof value !== 'number') throw wrongColumn(name, value)
  return value
}

export function nullableNumber(row: Row, name: string): number | null {
  const value = row[name]
  if (value === null || value === undefined) return null
  if (typeof value !== 'number') throw wrongColumn(name, value)
  return value
}

function wrongColumn(name: string, value: unknown): FlashproofError {
  return new FlashproofError('journal.unreadable', `Column ${name} holds ${typeof value}, which it never should`, {
    column: name,
  })
}
