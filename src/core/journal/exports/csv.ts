/**
 * The CSV export: UTF-8 with a byte order mark (spreadsheets need it to read Vietnamese), one row a record, the canonical
 * entry in the last column, the manifest as the last row.
 */
import type { JobRecord } from '../../../shared/contract/record.ts'
import type { ChainEntry, ChainLink } from '../chain.ts'
import { writeCsvRow } from './csv-text.ts'
import type { ExportWriter } from './export-writer.ts'

type CellValue = string | number | boolean | null | undefined

/** Every column and how it follows from the record; `verify` computes the cells again and compares. */
const recordColumns: readonly (readonly [name: string, value: (record: JobRecord) => CellValue])[] = [
  ['watermark', record => (record.simulated ? 'PRACTICE' : '')],
  ['job_id', record => record.jobId],
  ['batch_id', record => record.batchId],
  ['started_at', record => record.startedAt],
  ['ended_at', record => record.endedAt],
  ['target', record => record.target],
  ['device_id', record => record.device?.id],
  ['device_mac', record => record.device?.mac],
  ['device_name', record => record.device?.name],
  ['protocol', record => record.protocol],
  ['file', record => record.source.fileName],
  ['source_sha256', record => record.source.sha256],
  ['image_sha256', record => record.image.sha256],
  ['image_bytes', record => record.image.sizeBytes],
  ['version_before', record => record.versionBefore],
  ['version_after', record => record.versionAfter],
  ['state', record => record.state],
  ['verdict', record => record.verdict],
  ['proven_level', record => record.provenLevel],
  ['required', record => record.required],
  ['reason', record => record.reason],
  ['error', record => record.error?.code],
  ['board_now', record => record.boardNow],
  ['unplug', record => record.unplug],
  ['done_bytes', record => record.doneBytes],
  ['total_bytes', record => record.totalBytes],
  ['attempts', record => record.attempts],
  ['retries', record => record.retries],
  ['station', record => record.station],
  ['operator', record => record.operator],
  ['order', record => record.order],
  ['unit_serial', record => record.unitSerial],
  ['note', record => record.note],
  ['os_user', record => record.osUser],
  ['host', record => record.host],
  ['app_version', record => record.appVersion],
]

const chainColumns = ['sequence', 'previous_hash', 'record_hash', 'signature'] as const

export const csvHeader: readonly string[] = [...chainColumns, ...recordColumns.map(([name]) => name), 'entry']

export function csvCells(link: ChainLink, entry: ChainEntry): string[] {
  const values = recordColumns.map(([, value]) => value(entry.record))
  return [
    String(link.sequence),
    link.previousHash,
    link.recordHash,
    link.signature ?? '',
    ...values.map(value => String(value ?? '').toWellFormed()),
    link.entry,
  ]
}

export const BYTE_ORDER_MARK = '\ufeff'

export const csvWriter: ExportWriter = {
  begin: () => [`${BYTE_ORDER_MARK}${writeCsvRow(csvHeader)}`],
  *record(job) {
    yield writeCsvRow(csvCells(job.link, job.entry))
  },
  end: () => [],
}
