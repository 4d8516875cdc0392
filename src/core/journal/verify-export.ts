/** Checks an export by itself, on any computer: its manifest over every byte, its links, its rows, its cells. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import type { ChainReport, ExportFormat } from '../../shared/contract/commands.ts'
import { JobRecord } from '../../shared/contract/record.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { canonicalJson } from './canonical-json.ts'
import { type ChainEntry, type ChainLink, type DetailTable, detailTables, rowText } from './chain.ts'
import { ChainChecker } from './chain-checker.ts'
import type { DetailValue } from './detail-rows.ts'
import { BYTE_ORDER_MARK, csvCells, csvHeader } from './exports/csv.ts'
import { readCsvRow } from './exports/csv-text.ts'
import { htmlRecordLine } from './exports/html.ts'
import { unescapeHtml } from './exports/html-text.ts'
import { exportMessage, type FoundManifest, readManifestLine } from './exports/manifest.ts'
import { isSignatureValid } from './station-key.ts'

const PIECE_BYTES = 1 << 18
/** The manifest's line is far shorter, unless a filter names very many jobs. */
const MAXIMUM_LAST_LINE_BYTES = 1 << 22

/**
 * Checks the export at `path`. An export of a part of the chain is checked for what it holds, and a note says so.
 * @throws file.not-found, file.is-directory, file.not-readable; journal.export-invalid when the file is no export of
 *   Flashproof at all.
 */
export function verifyExport(path: string): ChainReport {
  const file = openExport(path)
  try {
    return verifyOpenFile(file, path)
  } catch (error) {
    throw isSystemError(error) ? unreadable(path, error) : error
  } finally {
    closeSync(file)
  }
}

function openExport(path: string): number {
  try {
    // Before opening: opening a FIFO would wait for a writer.
    const stats = statSync(path)
    if (stats.isDirectory()) throw new FlashproofError('file.is-directory', `${path} is a folder`, { path })
    if (!stats.isFile()) throw new FlashproofError('file.not-readable', `${path} is no regular file`, { path })
    if (stats.size === 0) throw noExport(path, 'is empty, so it')
    return openSync(path, 'r')
  } catch (error) {
    throw isSystemError(error) ? unreadable(path, error) : error
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

function unreadable(path: string, error: NodeJS.ErrnoException): FlashproofError {
  const systemCode = error.code ?? 'unknown'
  const details = { path, systemCode }
  if (systemCode === 'ENOENT' || systemCode === 'ENOTDIR') {
    return new FlashproofError('file.not-found', `${path} does not exist`, details, { cause: error })
  }
  return new FlashproofError('file.not-readable', `${path} cannot be read (${systemCode})`, details, { cause: error })
}

function noExport(path: string, because = ''): FlashproofError {
  const words = [path, because, 'is no export of the Flashproof log'].filter(word => word !== '')
  return new FlashproofError('journal.export-invalid', words.join(' '), { path })
}

function verifyOpenFile(file: number, path: string): ChainReport {
  const format = recogniseFormat(file)
  if (format === null) throw noExport(path)
  const sizeBytes = fstatSync(file).size
  const lastLine = readLastLine(file, sizeBytes)
  const found = readManifestLine(format, lastLine)
  const checker = new ChainChecker({
    isWhole: found?.manifest.complete ?? false,
    publicKey: found?.manifest.publicKey ?? null,
  })
  const reader = new ExportReader(format, checker)
  const hashedBytes = found === null ? sizeBytes : sizeBytes - Buffer.byteLength(lastLine) + found.hashedBytes
  const hash = createHash('sha256')
  // The last line itself is no record; what cannot be read as one is left to the checks below.
  readLines(file, sizeBytes - (found === null ? 0 : Buffer.byteLength(lastLine)), line => {
    reader.readLine(line)
  })
  reader.finish()
  hashRange(file, hashedBytes, hash)
  if (found === null) {
    checker.problem('The manifest at the end of the file is missing or damaged: the end was cut off or changed')
    return checker.report({ hash: null, sequence: checker.last.sequence })
  }
  checkManifest(found, hash.digest('hex'), checker)
  return checker.report({ hash: found.manifest.headHash, sequence: found.manifest.headSequence })
}

function checkManifest(found: FoundManifest, sha256: string, checker: ChainChecker): void {
  const { manifest } = found
  if (found.sha256 !== sha256) checker.problem('The file was changed: its bytes do not fit the hash in its manifest')
  if (manifest.records !== checker.records) {
    checker.problem(`The file holds ${String(checker.records)} records, its manifest says ${String(manifest.records)}`)
  }
  if (manifest.complete) {
    const { sequence, hash } = checker.last
    const isHead = sequence === manifest.headSequence && (sequence === 0 || hash === manifest.headHash)
    if (!isHead)
      checker.problem(`The last record is number ${String(sequence)}, not the head ${String(manifest.headSequence)}`)
  } else {
    checker.note(
      `This export is a part of the chain, chosen by ${canonicalJson(manifest.filter)}: records that it leaves out are not checked`,
    )
  }
  if (manifest.kind === 'practice') checker.note('PRACTICE: these records are of virtual devices')
  checkSignature(found, sha256, checker)
}

function checkSignature(found: FoundManifest, sha256: string, checker: ChainChecker): void {
  const { publicKey } = found.manifest
  if (publicKey === null) {
    if (found.signature !== null) checker.problem('The file is signed, but its manifest names no key')
    return
  }
  if (found.signature === null || !isSignatureValid(publicKey, exportMessage(sha256), found.signature)) {
    checker.problem("The signature of the file is not the station key's")
  } else {
    checker.note(`Signed by the station key ${publicKey}: compare it with the one that the station told you`)
  }
}

function recogniseFormat(file: number): ExportFormat | null {
  const start = Buffer.alloc(256)
  const text = start.subarray(0, readSync(file, start, 0, start.length, 0)).toString('utf8')
  if (text.startsWith(`${BYTE_ORDER_MARK}sequence,`)) return 'csv'
  if (text.startsWith('<!doctype html>')) return 'html'
  const [first] = text.split('\n')
  if (first?.startsWith('{"schema":1,"type":"flashproof-log",') !== true) return null
  return first.endsWith('"items":[') ? 'json' : 'jsonl'
}

function readLastLine(file: number, sizeBytes: number): string {
  const length = Math.min(sizeBytes, MAXIMUM_LAST_LINE_BYTES)
  const tail = Buffer.alloc(length)
  readSync(file, tail, 0, length, sizeBytes - length)
  // The line's own end is not searched.
  const start = tail.lastIndexOf(0x0a, Math.max(0, length - 2)) + 1
  return tail.subarray(start).toString('utf8')
}

function hashRange(file: number, sizeBytes: number, hash: Hash): void {
  const piece = Buffer.alloc(PIECE_BYTES)
  for (let offset = 0; offset < sizeBytes;) {
    const count = readSync(file, piece, 0, Math.min(PIECE_BYTES, sizeBytes - offset), offset)
    if (count === 0) return
    hash.update(piece.subarray(0, count))
    offset += count
  }
}

function readLines(file: number, sizeBytes: number, onLine: (line: string) => void): void {
  const piece = Buffer.alloc(PIECE_BYTES)
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for (let offset = 0; offset < sizeBytes;) {
    const count = readSync(file, piece, 0, Math.min(PIECE_BYTES, sizeBytes - offset), offset)
    if (count === 0) break
    offset += count
    const lines = (rest + decoder.write(piece.subarray(0, count))).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  }
  if (rest !== '') onLine(rest)
}

interface OpenRows {
  readonly entry: ChainEntry
  readonly tables: Map<DetailTable, { readonly hash: Hash; count: number }>
}

/** Understands an export's lines and hands what they say to the checker. */
class ExportReader {
  readonly #format: ExportFormat
  readonly #checker: ChainChecker
  #lineNumber = 0
  #csvRow = ''
  #rows: OpenRows | null = null
  #bareRecords = 0

  constructor(format: ExportFormat, checker: ChainChecker) {
    this.#format = format
    this.#checker = checker
  }

  readLine(line: string): void {
    this.#lineNumber++
    if (this.#format === 'csv') this.#readCsvLine(line)
    else if (this.#format === 'html') this.#readHtmlLine(line)
    // The first line describes the file; the manifest repeats it.
    else if (this.#lineNumber > 1) this.#readItem(line.endsWith(',') ? line.slice(0, -1) : line)
  }

  finish(): void {
    this.#closeRows()
    if (this.#bareRecords > 0) {
      this.#checker.note(
        `${String(this.#bareRecords)} records come without some detail rows: pruned ones, and records of jobs that went on later`,
      )
    }
    if (this.#csvRow !== '') this.#checker.problem('The last row is not complete')
  }

  // A quoted cell may hold line feeds: a row goes on while its quotes are odd.
  #readCsvLine(line: string): void {
    this.#csvRow = this.#csvRow === '' ? line : `${this.#csvRow}\n${line}`
    if (this.#csvRow.split('"').length % 2 === 0) return
    const row = this.#csvRow.replace(/\r$/, '')
    this.#csvRow = ''
    const isHeader = this.#checker.records === 0 && row.startsWith(BYTE_ORDER_MARK)
    if (isHeader) {
      if (row.slice(1) !== csvHeader.join(',')) this.#checker.problem('The header row was changed')
      return
    }
    const cells = readCsvRow(row)
    const [sequence, previousHash, recordHash, signature] = cells ?? []
    const entryText = cells?.at(-1)
    if (cells?.length !== csvHeader.length || entryText === undefined) {
      this.#checker.problem(`Line ${String(this.#lineNumber)} is no record`)
      return
    }
    const link: ChainLink = {
      sequence: Number(sequence),
      previousHash: previousHash ?? '',
      recordHash: recordHash ?? '',
      entry: entryText,
      signature: signature === undefined || signature === '' ? null : signature,
    }
    const entry = this.#checker.follow(link)
    if (entry === null) return
    if (!JobRecord.safeParse(entry.record).success) {
      this.#checker.problem(`Record ${String(link.sequence)} lacks fields that every record has`, link.sequence)
      return
    }
    const expected = csvCells(link, entry)
    const wrong = csvHeader.filter((_, index) => cells[index] !== expected[index])
    if (wrong.length > 0) {
      this.#checker.problem(
        `Record ${String(link.sequence)}: the cells ${wrong.join(', ')} do not say what was sealed`,
        link.sequence,
        entry.record.jobId,
      )
    }
  }

  #readHtmlLine(line: string): void {
    const { before, after } = htmlRecordLine
    if (!line.startsWith(before)) return
    if (line.endsWith(after)) this.#readItem(unescapeHtml(line.slice(before.length, line.length - after.length)))
    else this.#checker.problem(`Line ${String(this.#lineNumber)} is damaged`)
  }

  #readItem(line: string): void {
    const item = parseItem(line)
    if (item === null) {
      this.#checker.problem(`Line ${String(this.#lineNumber)} is no record`)
      return
    }
    if (item.get('type') === 'rows') {
      this.#addRows(item)
      return
    }
    this.#closeRows()
    const signature = item.get('signature')
    const entry = this.#checker.follow({
      sequence: Number(item.get('sequence')),
      previousHash: String(item.get('previousHash')),
      recordHash: String(item.get('recordHash')),
      // Canonical JSON written again from its value is the same text; a change of it shows in the hash.
      entry: canonicalJson(item.get('entry')),
      signature: typeof signature === 'string' ? signature : null,
    })
    if (entry !== null) this.#rows = { entry, tables: new Map() }
  }

  #addRows(item: ReadonlyMap<string, unknown>): void {
    const table = detailTables.find(name => name === item.get('table'))
    const rows = item.get('rows')
    if (this.#rows === null || table === undefined || !Array.isArray(rows)) {
      this.#checker.problem(`Line ${String(this.#lineNumber)} holds rows of no record`)
      return
    }
    if (item.get('sequence') !== this.#rows.entry.sequence) {
      this.#checker.problem(`Line ${String(this.#lineNumber)} holds rows of another record`)
      return
    }
    const digest = this.#rows.tables.get(table) ?? { hash: createHash('sha256'), count: 0 }
    this.#rows.tables.set(table, digest)
    for (const row of rows) {
      // Whatever a changed file holds here, its JSON is hashed and compared.
      digest.hash.update(rowText(row as DetailValue[]))
      digest.count++
    }
  }

  // A record without any rows in the file is an older one of a job that went on, or its rows were pruned.
  #closeRows(): void {
    if (this.#rows === null) return
    const { entry, tables } = this.#rows
    this.#rows = null
    const isBare = detailTables.some(table => entry.digests[table].count > 0 && !tables.has(table))
    if (isBare && this.#format !== 'html') this.#bareRecords++
    for (const [table, found] of tables) {
      const sealed = entry.digests[table]
      if (found.count === sealed.count && found.hash.digest('hex') === sealed.sha256) continue
      this.#checker.problem(
        `The ${table} rows of record ${String(entry.sequence)} are not the ones that were sealed`,
        entry.sequence,
        entry.record.jobId,
      )
    }
  }
}

function parseItem(line: string): ReadonlyMap<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : null
  } catch {
    return null
  }
}
