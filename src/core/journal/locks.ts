/** Locks of devices and ports across all Flashproof processes that share a home. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { FlashproofError } from '../../shared/errors.ts'
import { isOwnerAlive, isSameOwner, type Owner, parseOwner } from './owner.ts'
import { asJournalError, type Database, inTransaction, nullableText, openDatabase, textColumn } from './sqlite.ts'

export interface LockInfo {
  /** What the holder does, for the person who is refused, such as `flashproof flash app.bin`. */
  readonly command: string
  /** ISO 8601 with zone. */
  readonly since: string
  readonly jobId: string | null
}

export interface HeldLock extends LockInfo {
  readonly key: string
  readonly owner: Owner
}

export interface Locks {
  /**
   * Takes the lock, also from an owner that is dead. Taking a lock that `owner` holds for the same job renews it.
   * @throws device.busy with `{key, pid, command, since, jobId}` of the holder.
   */
  acquireLock(key: string, owner: Owner, info: LockInfo): void
  /** Gives the lock back; nothing happens when `owner` does not hold it. */
  releaseLock(key: string, owner: Owner): void
  heldLocks(): HeldLock[]
  close(): void
}

export interface LocksOptions {
  readonly home: string
  /** Whether a holder still runs; the system decides unless a test does. */
  readonly isAlive?: (owner: Owner) => boolean
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS locks (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, command TEXT NOT NULL, since TEXT NOT NULL, job_id TEXT
  ) STRICT, WITHOUT ROWID`

export function openLocks(options: LocksOptions): Locks {
  mkdirSync(options.home, { recursive: true, mode: 0o700 })
  const path = join(options.home, 'locks.sqlite')
  try {
    const database = openDatabase(path)
    inTransaction(database, () => {
      database.exec(SCHEMA)
    })
    return new SqliteLocks(database, path, options.isAlive ?? isOwnerAlive)
  } catch (error) {
    throw asJournalError(error, path)
  }
}

class SqliteLocks implements Locks {
  readonly #database: Database
  readonly #path: string
  readonly #isAlive: (owner: Owner) => boolean

  constructor(database: Database, path: string, isAlive: (owner: Owner) => boolean) {
    this.#database = database
    this.#path = path
    this.#isAlive = isAlive
  }

  acquireLock(key: string, owner: Owner, info: LockInfo): void {
    this.#run(() => {
      const holder = this.#holderOf(key)
      if (holder !== null && this.#blocks(holder, owner, info)) throw busy(holder)
      this.#database
        .prepare(
          `INSERT INTO locks (key, owner, command, since, job_id) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, command = excluded.command,
             since = excluded.since, job_id = excluded.job_id`,
        )
        .run(key, JSON.stringify(owner), info.command, info.since, info.jobId)
    })
  }

  releaseLock(key: string, owner: Owner): void {
    this.#run(() => {
      const holder = this.#holderOf(key)
      if (holder !== null && isSameOwner(holder.owner, owner)) {
        this.#database.prepare('DELETE FROM locks WHERE key = ?').run(key)
      }
    })
  }

  heldLocks(): HeldLock[] {
    const keys = this.#database.prepare('SELECT key FROM locks ORDER BY key').all()
    return keys.map(row => this.#holderOf(textColumn(row, 'key'))).filter(lock => lock !== null)
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #holderOf(key: string): HeldLock | null {
    const row = this.#database.prepare('SELECT * FROM locks WHERE key = ?').get(key)
    if (row === undefined) return null
    const owner = parseOwner(textColumn(row, 'owner'))
    if (owner === null) return null
    return {
      key,
      owner,
      command: textColumn(row, 'command'),
      since: textColumn(row, 'since'),
      jobId: nullableText(row, 'job_id'),
    }
  }

  // Two jobs of one process block each other as two processes do.
  #blocks(holder: HeldLock, owner: Owner, info: LockInfo): boolean {
    if (isSameOwner(holder.owner, owner)) return holder.jobId !== info.jobId
    return this.#isAlive(holder.owner)
  }

  #run(work: () => void): void {
    try {
      inTransaction(this.#database, work)
    } catch (error) {
      throw asJournalError(error, this.#path)
    }
  }
}

/** Says who holds it. */
export function busy(holder: HeldLock): FlashproofError {
  const { key, owner, command, since, jobId } = holder
  return new FlashproofError(
    'device.busy',
    `${key} is used by process ${String(owner.pid)} (${command}) since ${since}`,
    { key, pid: owner.pid, command, since, jobId },
  )
}
