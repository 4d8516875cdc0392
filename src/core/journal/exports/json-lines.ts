/** The JSON exports: every record with its link of the chain, and its detail rows, which its digests cover. */
import { detailTables } from '../chain.ts'
import type { ChainLink, DetailTable } from '../chain.ts'
import { type DetailValue, readDetailRows } from '../detail-rows.ts'
import type { ExportScope, ExportWriter } from './export-writer.ts'
import type { SealedJob } from './record-source.ts'

const PAGE_ROWS = 200

/** A record as one JSON object on one line; the entry stands as it was hashed. */
export function recordLine(link: ChainLink, isSimulated: boolean): string {
  const watermark = isSimulated ? '"watermark":"PRACTICE",' : ''
  return (
    `{"type":"record",${watermark}"sequence":${String(link.sequence)},"previousHash":"${link.previousHash}",` +
    `"recordHash":"${link.recordHash}","signature":${link.signature === null ? 'null' : `"${link.signature}"`},` +
    `"entry":${link.entry}}`
  )
}

function* itemLines(job: SealedJob, scope: ExportScope): Generator<string> {
  yield recordLine(job.link, job.entry.record.simulated)
  if (!job.isNewest) return
  for (const table of detailTables) {
    const { lastId } = job.entry.digests[table]
    let page: DetailValue[][] = []
    for (const row of readDetailRows(scope.database, table, job.jobKey, lastId)) {
      page.push(row)
      if (page.length < PAGE_ROWS) continue
      yield rowsLine(job, table, page)
      page = []
    }
    if (page.length > 0) yield rowsLine(job, table, page)
  }
}

function rowsLine(job: SealedJob, table: DetailTable, rows: readonly DetailValue[][]): string {
  return `{"type":"rows","sequence":${String(job.link.sequence)},"table":"${table}","rows":${JSON.stringify(rows)}}`
}

function header(scope: ExportScope): string {
  const { kind, complete, generatedAt } = scope.manifest
  const watermark = kind === 'practice' ? '"watermark":"PRACTICE",' : ''
  return `"schema":1,"type":"flashproof-log",${watermark}"kind":"${kind}","complete":${String(complete)},"generatedAt":${JSON.stringify(generatedAt)}`
}

export const jsonLinesWriter: ExportWriter = {
  begin: scope => [`{${header(scope)}}\n`],
  *record(job, scope) {
    for (const line of itemLines(job, scope)) yield `${line}\n`
  },
  end: () => [],
}

/** One JSON document; every item stands on a line of its own, so that a file of any size is checked line by line. */
export function createJsonWriter(): ExportWriter {
  let separator = ''
  return {
    begin: scope => [`{${header(scope)},"items":[\n`],
    *record(job, scope) {
      for (const line of itemLines(job, scope)) {
        yield `${separator}${line}`
        separator = ',\n'
      }
    },
    end: () => (separator === '' ? [] : ['\n']),
  }
}
