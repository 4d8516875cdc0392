/**
 * The last line of every export: what the file holds, and a SHA-256 over all bytes before that hash, so that a change
 * anywhere shows. With a station key the hash is signed too.
 */
import type { ExportFormat, LogFilter } from '../../../shared/contract/commands.ts'
import type { JournalKind } from '../open-database.ts'
import type { StationKey } from '../station-key.ts'
import { canonicalJson } from '../canonical-json.ts'
import { readCsvRow, writeCsvRow } from './csv-text.ts'
import { escapeHtml, unescapeHtml } from './html-text.ts'

export const EXPORT_VERSION = 1

export interface Manifest {
  readonly export: 'flashproof-log'
  readonly version: typeof EXPORT_VERSION
  readonly kind: JournalKind
  /** Whether the file holds the chain from its first record to the head; false when a filter left records out. */
  readonly complete: boolean
  readonly filter: LogFilter
  readonly records: number
  /** Of the whole chain when the export was made, also when the file holds a part of it. */
  readonly headSequence: number
  readonly headHash: string | null
  readonly generatedAt: string
  /** The station's public key, raw, in hex; null without one. */
  readonly publicKey: string | null
}

/** What the key signs for an export. */
export function exportMessage(sha256: string): string {
  return `flashproof-export-v1\n${sha256}\n`
}

/** How a format dresses its last line: the manifest, the hash and the signature between fixed texts. */
interface Dress {
  before(manifest: string): string
  readonly between: string
  readonly after: string
  /** Gets the manifest back from the text before the hash; null when the line is none of ours. */
  manifestOf(before: string): string | null
}

const jsonBetween = '","signature":"'

const dresses: Readonly<Record<ExportFormat, Dress>> = {
  csv: {
    before: manifest => writeCsvRow(['#manifest', manifest, '']).slice(0, -2),
    between: ',',
    after: '\r\n',
    manifestOf: before => {
      const cells = readCsvRow(before)
      return cells?.[0] === '#manifest' ? (cells[1] ?? null) : null
    },
  },
  jsonl: {
    before: manifest => `{"type":"manifest","manifest":${manifest},"sha256":"`,
    between: jsonBetween,
    after: '"}\n',
    manifestOf: before => /^\{"type":"manifest","manifest":(.*),"sha256":"$/.exec(before)?.[1] ?? null,
  },
  json: {
    before: manifest => `],"manifest":${manifest},"sha256":"`,
    between: jsonBetween,
    after: '"}\n',
    manifestOf: before => /^\],"manifest":(.*),"sha256":"$/.exec(before)?.[1] ?? null,
  },
  html: {
    // Escaped, so that no text of a device can end the comment.
    before: manifest => `<!-- flashproof-manifest ${escapeHtml(manifest)} sha256=`,
    between: ' signature=',
    after: ' -->\n',
    manifestOf: before => {
      const text = /^<!-- flashproof-manifest (.*) sha256=$/.exec(before)?.[1]
      return text === undefined ? null : unescapeHtml(text)
    },
  },
}

/** The last line in two parts: the first is hashed with all before it, the second is made from that hash. */
export function manifestLine(
  format: ExportFormat,
  manifest: Manifest,
): { readonly hashed: string; finish(sha256: string, key: StationKey | null): string } {
  const dress = dresses[format]
  return {
    hashed: dress.before(canonicalJson(manifest)),
    finish: (sha256, key) => `${sha256}${dress.between}${key?.signText(exportMessage(sha256)) ?? ''}${dress.after}`,
  }
}

export interface FoundManifest {
  readonly format: ExportFormat
  readonly manifest: Manifest
  /** How many bytes of the line come before the hash. */
  readonly hashedBytes: number
  readonly sha256: string
  readonly signature: string | null
}

/** Reads an export's last line; null when it is no manifest, as when the end of the file was cut off. */
export function readManifestLine(format: ExportFormat, line: string): FoundManifest | null {
  const dress = dresses[format]
  if (!line.endsWith(dress.after)) return null
  const body = line.slice(0, line.length - dress.after.length)
  const cut = body.lastIndexOf(dress.between)
  if (cut < 64) return null
  const sha256 = body.slice(cut - 64, cut)
  const signature = body.slice(cut + dress.between.length)
  const before = body.slice(0, cut - 64)
  if (!/^[0-9a-f]{64}$/.test(sha256) || !/^([0-9a-f]{128})?$/.test(signature)) return null
  const text = dress.manifestOf(before)
  const manifest = text === null ? null : parseManifest(text)
  if (manifest === null) return null
  return {
    format,
    manifest,
    hashedBytes: Buffer.byteLength(before, 'utf8'),
    sha256,
    signature: signature === '' ? null : signature,
  }
}

function parseManifest(text: string): Manifest | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    const fields = new Map<string, unknown>(Object.entries(value))
    if (fields.get('export') !== 'flashproof-log' || fields.get('version') !== EXPORT_VERSION) return null
    const isSound =
      typeof fields.get('complete') === 'boolean' &&
      typeof fields.get('records') === 'number' &&
      typeof fields.get('headSequence') === 'number' &&
      (fields.get('kind') === 'station' || fields.get('kind') === 'practice')
    // Checked above for every field that a decision rests on.
    return isSound ? (value as Manifest) : null
  } catch {
    return null
  }
}
