/** All log lines as CSV, for a spreadsheet or another program; made page by page inside SQLite, which is the fastest way. */
import { inSnapshot, type Database, nullableNumber, numberColumn } from '../sqlite.ts'
import { ExportFile } from './export-file.ts'
import { BYTE_ORDER_MARK } from './csv.ts'

const PAGE_ROWS = 1_000

// As `csv-text.ts` does it, in SQL: quotes doubled, and an apostrophe before what a spreadsheet would calculate. Those
// first characters (tab, CR, ' + - = @) all sort before 'A', which spares most rows the list.
function guardedCell(column: string): string {
  return (
    `CASE WHEN ${column} < 'A' AND unicode(${column}) IN (9, 13, 39, 43, 45, 61, 64) THEN '"''' ELSE '"' END || ` +
    `replace(${column}, '"', '""') || '"'`
  )
}

const PAGE = `
  SELECT CAST(group_concat(line, '') AS BLOB) AS page, max(id) AS last_id, count(*) AS row_count FROM (
    SELECT log_lines.id AS id, jobs.job_id || ',' || at || ',' || elapsed_ms || ',' || level || ',' ||
      ${guardedCell('code')} || ',' || ${guardedCell('text')} || char(13, 10) AS line
    FROM log_lines CROSS JOIN jobs ON jobs.id = log_lines.job
    WHERE log_lines.id > ? ORDER BY log_lines.id LIMIT ${String(PAGE_ROWS)})`

/**
 * Writes every log line of the journal, oldest first.
 * @throws file.not-writable, file.disk-full.
 */
export function exportEventsCsv(
  database: Database,
  outputPath: string,
): { readonly outputPath: string; readonly events: number } {
  return inSnapshot(database, () => {
    const file = new ExportFile(outputPath, { isProof: false })
    let events = 0
    try {
      file.writeText(`${BYTE_ORDER_MARK}job_id,at,elapsed_ms,level,code,text\r\n`)
      const statement = database.prepare(PAGE)
      for (let last: number | null = 0; last !== null;) {
        const row = statement.get(last)
        if (row === undefined) break
        last = nullableNumber(row, 'last_id')
        events += numberColumn(row, 'row_count')
        const page = row['page']
        if (page instanceof Uint8Array) file.writeBytes(page)
      }
    } catch (error) {
      file.discard()
      throw error
    }
    file.finish()
    return { outputPath, events }
  })
}
