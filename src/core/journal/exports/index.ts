/** Exports of the sealed records: one list of formats, one way of writing them. */
import type { ExportFormat, LogFilter } from '../../../shared/contract/commands.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { JobReader } from '../job-reader.ts'
import type { JournalKind } from '../open-database.ts'
import { type Database, inSnapshot } from '../sqlite.ts'
import type { StationKey } from '../station-key.ts'
import { csvWriter } from './csv.ts'
import { ExportFile } from './export-file.ts'
import type { ExportScope, ExportWriter } from './export-writer.ts'
import { htmlWriter } from './html.ts'
import { createJsonWriter, jsonLinesWriter } from './json-lines.ts'
import { EXPORT_VERSION, type Manifest, manifestLine } from './manifest.ts'
import { isWholeChain, readSealedJobs, type SealedJob } from './record-source.ts'

const writers: Readonly<Record<ExportFormat, () => ExportWriter>> = {
  csv: () => csvWriter,
  jsonl: () => jsonLinesWriter,
  json: createJsonWriter,
  html: () => htmlWriter,
}

export interface ExportRequest {
  readonly format: ExportFormat
  readonly outputPath: string
  readonly filter?: LogFilter
  readonly kind: JournalKind
  /** ISO 8601 with zone. */
  readonly generatedAt: string
  readonly stationKey: StationKey | null
}

export interface ExportResult {
  readonly outputPath: string
  readonly records: number
  readonly headHash: string | null
}

/**
 * Writes the records that the filter lets through, in one unchanging view of the journal; the file gets its name only
 * when it is whole. Memory stays bounded whatever the size of the journal.
 * @throws journal.wrong-kind when a simulated record lies in the station's journal, file.not-writable, file.disk-full.
 */
export function exportRecords(database: Database, request: ExportRequest): ExportResult {
  return inSnapshot(database, () => {
    const filter = request.filter ?? {}
    const manifest = describe(database, request, filter)
    const scope: ExportScope = { database, manifest, records: () => readSealedJobs(database, filter) }
    const writer = writers[request.format]()
    const file = new ExportFile(request.outputPath, { isProof: true })
    try {
      for (const part of writer.begin(scope)) file.writeText(part)
      for (const job of scope.records()) for (const part of writer.record(job, scope)) file.writeText(part)
      for (const part of writer.end(scope)) file.writeText(part)
      const line = manifestLine(request.format, manifest)
      file.writeText(line.hashed)
      file.writeText(line.finish(file.digest(), request.stationKey))
    } catch (error) {
      file.discard()
      throw error
    }
    file.finish()
    return { outputPath: request.outputPath, records: manifest.records, headHash: manifest.headHash }
  })
}

function describe(database: Database, request: ExportRequest, filter: LogFilter): Manifest {
  let records = 0
  for (const job of readSealedJobs(database, filter)) {
    requireKind(job, request.kind)
    records++
  }
  const head = new JobReader(database).head()
  return {
    export: 'flashproof-log',
    version: EXPORT_VERSION,
    kind: request.kind,
    complete: isWholeChain(filter),
    filter,
    records,
    headSequence: head.sequence,
    headHash: head.hash,
    generatedAt: request.generatedAt,
    publicKey: request.stationKey?.publicKey ?? null,
  }
}

function requireKind(job: SealedJob, kind: JournalKind): void {
  const { simulated, jobId } = job.entry.record
  if (simulated === (kind === 'practice')) return
  throw new FlashproofError(
    'journal.wrong-kind',
    `Record ${String(job.link.sequence)} is ${simulated ? 'simulated' : 'real'} and has no place in the ${kind} journal`,
    { sequence: job.link.sequence, jobId, kind },
  )
}
