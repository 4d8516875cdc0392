/** The hash chain's arithmetic, pure: what a record's hash is computed from, and what a signature covers. */
import { createHash } from 'node:crypto'
import type { JobRecord } from '../../shared/contract/record.ts'
import { canonicalJson } from './canonical-json.ts'

/** What stands before the first record. */
export const FIRST_PREVIOUS_HASH = '0'.repeat(64)

/** The tables that hold a job's detail rows, each bound to the record by a digest of its rows in order. */
export const detailTables = ['evidence', 'log_lines', 'telemetry', 'sessions', 'chunks'] as const
export type DetailTable = (typeof detailTables)[number]

export interface RowsDigest {
  /** How many rows of the job the digest covers. */
  readonly count: number
  /** Row id of the last one: rows that a later resume adds come after it. */
  readonly lastId: number
  readonly sha256: string
}

export type JobDigests = Readonly<Record<DetailTable, RowsDigest>> & {
  /** SHA-256 of the job's last snapshot and of its order, as they are stored. */
  readonly snapshot: string
  readonly order: string
}

/** What one link of the chain is computed from; stored and exported as its canonical JSON. */
export interface ChainEntry {
  readonly sequence: number
  readonly record: JobRecord
  readonly digests: JobDigests
}

export interface ChainLink {
  readonly sequence: number
  readonly previousHash: string
  readonly recordHash: string
  /** Canonical JSON of the ChainEntry. */
  readonly entry: string
  /** Ed25519 in hex, or null without a station key. */
  readonly signature: string | null
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

export function writeEntry(entry: ChainEntry): string {
  return canonicalJson(entry)
}

/** SHA-256 over the previous hash in hex, a line feed, and the canonical entry, which carries its sequence number. */
export function linkHash(previousHash: string, entry: string): string {
  return createHash('sha256').update(previousHash).update('\n').update(entry).digest('hex')
}

/** The text that a station key signs for one head. */
export function headMessage(sequence: number, recordHash: string): string {
  return `flashproof-head-v1\n${String(sequence)}\n${recordHash}\n`
}

/** One detail row as the text that is hashed: its columns as a JSON array, and a line feed. */
export function rowText(columns: readonly (string | number | null)[]): string {
  return `${JSON.stringify(columns)}\n`
}
