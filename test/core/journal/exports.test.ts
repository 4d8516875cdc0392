import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ExportFormat, LogFilter } from '../../../src/shared/contract/commands.ts'
import { readCsvRow, writeCsvRow } from '../../../src/core/journal/exports/csv-text.ts'
import { doHistoryTask } from '../../../src/core/journal/history-tasks.ts'
import { runHistoryTask } from '../../../src/core/journal/history-thread.ts'
import { openDatabase } from '../../../src/core/journal/sqlite.ts'
import { verifyExport } from '../../../src/core/journal/verify.ts'
import { makeHome, openTestJournal, runJob } from './journal-fixture.ts'

const generatedAt = '2026-11-21T10:00:00.000+07:00'
const hostile = '<script>alert(1)</script><img src=x onerror=alert(2)> --> "&\' \u202e'

function exportText(
  home: string,
  format: ExportFormat,
  filter: LogFilter = {},
  kind: 'station' | 'practice' = 'station',
): string {
  const outputPath = join(makeHome(), `log.${format}`)
  doHistoryTask(home, kind, { type: 'export', format, outputPath, filter, generatedAt })
  expect(verifyExport(outputPath)).toMatchObject({ valid: true, problems: [] })
  return readFileSync(outputPath, 'utf8')
}

describe('CSV', () => {
  it('gives every cell back and lets none be taken for a formula', () => {
    const cells = [
      '=1+1',
      '+1',
      '-1',
      '@x',
      '\tx',
      '\rx',
      "'quoted",
      "''",
      'a,b',
      'say "x"',
      'two\r\nlines',
      '',
      ' edge ',
      'Nguyễn',
    ]
    const row = writeCsvRow(cells)
    expect(row.endsWith('\r\n')).toBe(true)
    expect(readCsvRow(row.slice(0, -2))).toEqual(cells)
    for (const cell of row.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)) expect(cell).not.toMatch(/^"?[=+\-@\t\r]/)
    expect(readCsvRow('a,"b')).toBeNull()
    expect(readCsvRow('"a"b')).toBeNull()
  })

  it('has a byte order mark, a header, one row a record, and guards hostile notes', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    await runJob(journal, 'a', { record: { note: '=HYPERLINK("http://x")', operator: '-2' } })
    const text = exportText(home, 'csv')
    expect(text.startsWith('\ufeffsequence,previous_hash,record_hash,signature,watermark,job_id')).toBe(true)
    expect(text).toContain(`,"'=HYPERLINK(""http://x"")",`)
    expect(text).toContain(",'-2,")
    expect(text.split('\r\n')).toHaveLength(4)
  })

  it('is found out when a cell was changed and the manifest made anew', async () => {
    const home = makeHome()
    await runJob(openTestJournal(home), 'a', { record: { verdict: 'unproven', provenLevel: null } })
    const path = join(makeHome(), 'log.csv')
    const forged = exportText(home, 'csv').replace(',unproven,', ',proven,')
    const cut = forged.length - '\r\n'.length - 1 - 64
    const hash = createHash('sha256').update(forged.slice(0, cut)).digest('hex')
    writeFileSync(path, `${forged.slice(0, cut)}${hash},\r\n`)
    expect(verifyExport(path).problems.map(problem => problem.text)).toEqual([
      'Record 1: the cells verdict do not say what was sealed',
    ])
  })
})

describe('HTML', () => {
  it('shows what devices said without interpreting it, has no script and loads nothing', async () => {
    const home = makeHome()
    await runJob(openTestJournal(home), 'a', {
      record: { note: hostile, device: { name: hostile }, warnings: [hostile] },
      text: hostile,
    })
    const text = exportText(home, 'html')
    expect(text).not.toMatch(/<script|<img|<link|<iframe|\son\w+=["']|\sstyle=|url\(|@import/i)
    expect(text).not.toMatch(/\s(?:src|href)=["']/i)
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(text).toContain("default-src 'none'; style-src 'sha256-")
    const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? ''
    expect(text).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`)
    expect(text.match(/-->/g), 'one comment: the manifest').toHaveLength(1)
  })

  it('says what is proven, why the rest is not, and prints the head hash', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    await runJob(journal, 'a')
    await runJob(journal, 'b', { record: { verdict: 'unproven', provenLevel: null, reason: 'not-answered' } })
    await runJob(journal, 'c', { record: { verdict: 'acknowledged', provenLevel: null } })
    const text = exportText(home, 'html')
    expect(text).toContain('<span class="pill green">Proven: checked in flash</span>')
    expect(text).toContain('<span class="pill red">Not proven</span><span class="sub">the device did not answer</span>')
    expect(text).toContain('<span class="pill amber">Device says OK</span>')
    expect(text).toContain(journal.head().hash ?? 'no head')
    expect(text.match(/<svg/g)).toHaveLength(9)
    expect(text).not.toContain('PRACTICE')
  })
})

describe.each(['csv', 'jsonl', 'json', 'html'] as const)('%s', format => {
  it('is watermarked PRACTICE when its devices are virtual', async () => {
    const home = makeHome()
    await runJob(openTestJournal(home, { kind: 'practice' }), 'a', { record: { simulated: true } })
    expect(exportText(home, format, {}, 'practice')).toContain('PRACTICE')
  })

  it('of the station refuses a simulated record that got into its journal', async () => {
    const home = makeHome()
    await runJob(openTestJournal(home, { kind: 'practice' }), 'a', { record: { simulated: true } })
    const station = makeHome()
    const database = openDatabase(join(home, 'journal-practice.sqlite'))
    database.prepare('VACUUM INTO ?').run(join(station, 'journal.sqlite'))
    database.close()
    const folder = makeHome()
    const task = { type: 'export', format, outputPath: join(folder, 'log'), generatedAt } as const
    expect(() => doHistoryTask(station, 'station', task)).toThrow(
      expect.objectContaining({ code: 'journal.wrong-kind' }),
    )
    expect(readdirSync(folder)).toEqual([])
  })
})

it('filters by job, batch, order and time, all at once', async () => {
  const home = makeHome()
  const journal = openTestJournal(home)
  await runJob(journal, 'a', { record: { endedAt: '2026-11-20T23:59:59.000Z', order: 'WO-1' } })
  await runJob(journal, 'b', { record: { endedAt: '2026-11-21T12:00:00.000Z', order: 'WO-1', batchId: 'other' } })
  await runJob(journal, 'c', { record: { endedAt: '2026-11-22T12:00:00.000Z', order: 'WO-2' } })
  const jobsOf = (filter: LogFilter): unknown[] => {
    const found = doHistoryTask(home, 'station', { type: 'list', filter })
    if (found === null || !('entries' in found)) throw new Error('no list')
    return found.entries.map(entry => entry.snapshot.jobId)
  }
  expect(jobsOf({})).toEqual(['a', 'b', 'c'])
  expect(jobsOf({ order: 'WO-1', batchId: 'other' })).toEqual(['b'])
  expect(jobsOf({ jobIds: ['a', 'c'], order: 'WO-2' })).toEqual(['c'])
  expect(jobsOf({ since: '2026-11-21T12:00:00.000Z', until: '2026-11-22T11:59:59Z' })).toEqual(['b'])
  expect(jobsOf({ since: '2026-11-25' })).toEqual([])
})

it('writes all log lines as CSV, in order and guarded', async () => {
  const home = makeHome()
  const journal = openTestJournal(home)
  for (const [index, text] of ['=1+1', 'say "x"', "'a", 'plain', ''].entries())
    await runJob(journal, `j${String(index)}`, { text })
  const outputPath = join(makeHome(), 'events.csv')
  expect(doHistoryTask(home, 'station', { type: 'export-events', outputPath })).toMatchObject({ events: 5 })
  const rows = readFileSync(outputPath, 'utf8').slice(1).split('\r\n').slice(1, -1)
  expect(rows.map(row => readCsvRow(row)?.at(-1))).toEqual(['=1+1', 'say "x"', "'a", 'plain', ''])
  expect(rows[0]).toContain(`"'=1+1"`)
})

describe('the history thread', () => {
  it('exports and verifies while the journal is being written', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    await runJob(journal, 'a')
    const outputPath = join(makeHome(), 'log.json')
    const exported = await runHistoryTask(home, 'station', { type: 'export', format: 'json', outputPath, generatedAt })
    expect(exported).toEqual({ outputPath, records: 1, headHash: journal.head().hash })
    await runJob(journal, 'b')
    expect(await runHistoryTask(home, 'station', { type: 'verify' })).toMatchObject({ valid: true, records: 2 })
    expect(await runHistoryTask(home, 'station', { type: 'verify-export', path: outputPath })).toMatchObject({
      valid: true,
    })
    const entry = await runHistoryTask(home, 'station', { type: 'record', jobId: 'b' })
    expect(entry?.record.jobId).toBe('b')
  })

  it('hands errors over with their code, and stops when asked', async () => {
    const home = makeHome()
    const missing = { type: 'verify-export', path: join(home, 'none') } as const
    await expect(runHistoryTask(home, 'station', missing)).rejects.toMatchObject({ code: 'file.not-found' })
    const controller = new AbortController()
    const outputPath = join(home, 'log.csv')
    const work = runHistoryTask(
      home,
      'station',
      { type: 'export', format: 'csv', outputPath, generatedAt },
      { signal: controller.signal },
    )
    controller.abort()
    await expect(work).rejects.toMatchObject({ code: 'call.aborted' })
    expect(existsSync(outputPath)).toBe(false)
  })
})
