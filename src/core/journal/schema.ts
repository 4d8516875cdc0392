/** The journal's tables, their version, and how an older version becomes the present one. */
import { FlashproofError } from '../../shared/errors.ts'
import { type Database, inTransaction, numberColumn } from './sqlite.ts'

/** Marks the file as ours ("FLPF"), so that another program's database is never taken for a journal. */
const APPLICATION_ID = 0x464c5046

/**
 * Rows of the large detail tables are indexed by blocks of row ids, then by job. With the job first, one commit for 256
 * devices would touch 256 places of the index; this way it touches the end of it, and a job's rows are still found with
 * one look a block.
 */
export const ROW_BLOCK_BITS = 12

/** Each statement list leads from the version that is its index to the next one. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE notes (id INTEGER PRIMARY KEY, at TEXT NOT NULL, text TEXT NOT NULL) STRICT;
  CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, job_id TEXT NOT NULL UNIQUE, batch_id TEXT NOT NULL, state TEXT NOT NULL,
    revision INTEGER NOT NULL, snapshot TEXT NOT NULL, job_order TEXT NOT NULL, owner TEXT,
    sealed_sequence INTEGER, pruned_at TEXT,
    after_log_line INTEGER NOT NULL, after_telemetry INTEGER NOT NULL, after_chunk INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX jobs_by_state ON jobs (state);
  CREATE INDEX jobs_by_batch ON jobs (batch_id);
  CREATE TABLE evidence (id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs (id), fact TEXT NOT NULL) STRICT;
  CREATE INDEX evidence_by_job ON evidence (job);
  CREATE TABLE log_lines (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs (id), at TEXT NOT NULL, elapsed_ms REAL NOT NULL,
    level TEXT NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL
  ) STRICT;
  CREATE INDEX log_lines_by_job ON log_lines (id >> ${String(ROW_BLOCK_BITS)}, job);
  CREATE TABLE telemetry (id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs (id), sample TEXT NOT NULL) STRICT;
  CREATE INDEX telemetry_by_job ON telemetry (id >> ${String(ROW_BLOCK_BITS)}, job);
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs (id), session INTEGER NOT NULL, kind TEXT NOT NULL,
    chunk_bytes INTEGER, total_chunks INTEGER, image_sha256 TEXT, device_key TEXT, target_path TEXT,
    after_chunk INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX sessions_by_job ON sessions (job);
  CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs (id), session INTEGER NOT NULL,
    chunk_index INTEGER NOT NULL, size_bytes INTEGER NOT NULL, attempt INTEGER NOT NULL, elapsed_ms REAL NOT NULL,
    duration_ms REAL NOT NULL
  ) STRICT;
  CREATE INDEX chunks_by_job ON chunks (id >> ${String(ROW_BLOCK_BITS)}, job);
  CREATE TABLE records (
    sequence INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs (id), previous_hash TEXT NOT NULL,
    record_hash TEXT NOT NULL, entry TEXT NOT NULL, snapshot TEXT NOT NULL, signature TEXT
  ) STRICT;
  CREATE INDEX records_by_job ON records (job);
  PRAGMA application_id = ${String(APPLICATION_ID)};
  `,
]

export type SchemaState = 'ready' | 'newer'

/**
 * Brings the database to the newest version that `steps` know. Before a change of existing tables `backUp` is called
 * with the version found.
 * @returns `newer` when the file was written by a newer program: it may be read, never written.
 * @throws journal.unreadable when the file holds another program's tables.
 */
export function prepareSchema(
  database: Database,
  backUp: (fromVersion: number) => void,
  steps: readonly string[] = migrations,
): SchemaState {
  const found = schemaVersion(database)
  if (found > steps.length) return 'newer'
  if (found === 0) refuseForeignTables(database)
  if (found === steps.length) return 'ready'
  if (found > 0) backUp(found)
  inTransaction(database, () => {
    // Another process may have migrated between our look and our lock.
    for (let version = schemaVersion(database); version < steps.length; version++) {
      const step = steps[version]
      if (step === undefined) break
      database.exec(step)
      database.exec(`PRAGMA user_version = ${String(version + 1)}`)
    }
  })
  return 'ready'
}

export function schemaVersion(database: Database): number {
  const row = database.prepare('PRAGMA user_version').get()
  return row === undefined ? 0 : numberColumn(row, 'user_version')
}

function refuseForeignTables(database: Database): void {
  // Counted and compared in one statement: another process may be creating the tables at this moment.
  const row = database
    .prepare(
      'SELECT (SELECT count(*) FROM sqlite_schema) AS tables, (SELECT user_version FROM pragma_user_version) AS version',
    )
    .get()
  if (row === undefined || numberColumn(row, 'tables') === 0 || numberColumn(row, 'version') !== 0) return
  throw new FlashproofError('journal.unreadable', 'The file is a database of another program', {})
}
