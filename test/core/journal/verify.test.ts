import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ExportFormat } from '../../../src/shared/contract/commands.ts'
import { doHistoryTask } from '../../../src/core/journal/history-tasks.ts'
import { openDatabase } from '../../../src/core/journal/sqlite.ts'
import { createStationKey } from '../../../src/core/journal/station-key.ts'
import { verifyExport } from '../../../src/core/journal/verify.ts'
import { makeHome, makeRecord, makeSnapshot, openTestJournal, runJob, transferRows } from './journal-fixture.ts'

const formats = ['csv', 'jsonl', 'json', 'html'] as const
const generatedAt = '2026-11-21T10:00:00.000+07:00'

async function makeStation(options: { readonly key?: boolean } = {}): Promise<string> {
  const home = makeHome()
  if (options.key === true) createStationKey(home)
  const journal = openTestJournal(home)
  for (const jobId of ['a', 'b', 'c']) await runJob(journal, jobId)
  journal.close()
  return home
}

function tamper(home: string, sql: string): void {
  const database = openDatabase(join(home, 'journal.sqlite'))
  database.exec('PRAGMA foreign_keys = OFF')
  const before = database.prepare('SELECT total_changes() AS n').get()
  database.exec(sql)
  const after = database.prepare('SELECT total_changes() AS n').get()
  database.close()
  expect(after?.['n'], `${sql} changed nothing`).not.toBe(before?.['n'])
}

function verify(home: string): { valid: boolean; text: string; signature: string; notes: string[] } {
  const report = doHistoryTask(home, 'station', { type: 'verify' })
  if (report === null || !('problems' in report)) throw new Error('no report')
  const { valid, problems, signature, notes } = report
  return { valid, text: problems.map(problem => problem.text).join('\n'), signature, notes }
}

describe('verification of a journal', () => {
  it('finds nothing wrong with an untouched one', async () => {
    const home = await makeStation()
    expect(verify(home)).toEqual({ valid: true, text: '', signature: 'none', notes: [] })
  })

  it('finds nothing wrong with an empty home', () => {
    const home = makeHome()
    expect(verify(home)).toEqual({ valid: true, text: '', signature: 'none', notes: ['There is no journal yet'] })
  })

  it.each([
    ['a deleted record', 'DELETE FROM records WHERE sequence = 2', 'Record 2 is missing'],
    [
      'a job and all its rows deleted',
      "DELETE FROM records WHERE sequence = 2; DELETE FROM jobs WHERE job_id = 'b'",
      'Record 2 is missing',
    ],
    ['a deleted job row', "DELETE FROM jobs WHERE job_id = 'b'", 'Job b of record 2 is missing'],
    ['a cut tail', 'DELETE FROM records WHERE sequence = 3', 'the end was cut off'],
    [
      'a cut tail with the kept head moved',
      "DELETE FROM records WHERE sequence = 3; UPDATE meta SET value = (SELECT '2 ' || record_hash FROM records WHERE sequence = 2)",
      'Record 3 was logged and is missing',
    ],
    ['a cut tail with the kept head removed', 'DELETE FROM records; DELETE FROM meta', 'was logged and is missing'],
    [
      'a changed record',
      "UPDATE records SET entry = replace(entry, 'Bench 4', 'Bench 5') WHERE sequence = 1",
      'Record 1 was changed',
    ],
    [
      'a changed record hash',
      "UPDATE records SET record_hash = replace(record_hash, substr(record_hash, 1, 1), 'f') WHERE sequence = 3",
      'Record 3',
    ],
    [
      'a changed previous hash',
      "UPDATE records SET previous_hash = 'e' || substr(previous_hash, 2) WHERE sequence = 2",
      'Record 2',
    ],
    [
      'a sealed snapshot',
      "UPDATE records SET snapshot = replace(snapshot, 'proven', 'sent') WHERE sequence = 1",
      'sealed snapshot of job a',
    ],
    [
      'a present snapshot',
      "UPDATE jobs SET snapshot = replace(snapshot, 'proven', 'sent') WHERE job_id = 'a'",
      'snapshot of job a was changed',
    ],
    [
      'a reopened snapshot',
      "UPDATE jobs SET sealed_sequence = NULL WHERE job_id = 'a'",
      'Job a was changed after its record',
    ],
    ['a state column', "UPDATE jobs SET state = 'failed' WHERE job_id = 'a'", 'row of job a disagrees'],
    ['an order', "UPDATE jobs SET job_order = '{}' WHERE job_id = 'a'", 'order of job a was changed'],
    [
      'an evidence fact',
      "UPDATE evidence SET fact = replace(fact, 'true', 'false') WHERE job = 1",
      'evidence of job a were changed',
    ],
    ['a log line', "UPDATE log_lines SET text = 'Connectee' WHERE job = 2", 'log lines of job b were changed'],
    ['a log time', 'UPDATE log_lines SET elapsed_ms = 0.2500001 WHERE job = 2', 'log lines of job b were changed'],
    [
      'a telemetry sample',
      "UPDATE telemetry SET sample = replace(sample, '180000', '180001') WHERE job = 3",
      'telemetry of job c were changed',
    ],
    ['a chunk', 'UPDATE chunks SET duration_ms = duration_ms + 1 WHERE id = 5', 'chunks of job b were changed'],
    [
      'a session',
      "UPDATE sessions SET target_path = '/uploae' WHERE job = 1",
      'transfer sessions of job a were changed',
    ],
    ['a deleted chunk', 'DELETE FROM chunks WHERE id = 5', 'Job b has 3 rows of chunks, and 4 were sealed'],
    ['a chunk moved to another job', 'UPDATE chunks SET job = 3 WHERE id = 5', 'Job b has 3 rows of chunks'],
    [
      'added evidence',
      'INSERT INTO evidence (job, fact) SELECT 1, fact FROM evidence WHERE job = 2',
      'rows of evidence were added to job a',
    ],
  ])('finds %s', async (_, sql, text) => {
    const home = await makeStation()
    tamper(home, sql)
    const report = verify(home)
    expect(report.valid).toBe(false)
    expect(report.text).toContain(text)
  })

  it('finds a change of any single character in any row of a finished job', async () => {
    const home = await makeStation()
    const columns = [
      ['jobs', ['job_id', 'batch_id', 'state', 'snapshot', 'job_order']],
      ['records', ['previous_hash', 'record_hash', 'entry', 'snapshot']],
      ['evidence', ['fact']],
      ['telemetry', ['sample']],
      ['log_lines', ['at', 'level', 'code', 'text']],
      ['sessions', ['kind', 'image_sha256', 'device_key', 'target_path']],
    ] as const
    let random = 7
    for (const [table, names] of columns) {
      for (const name of names) {
        for (let round = 0; round < 3; round++) {
          random = (random * 1_103_515_245 + 12_345) % 2_147_483_648
          const copy = makeHome()
          for (const file of ['journal.sqlite', 'journal.heads']) copyFileSync(join(home, file), join(copy, file))
          const at = `(${String(random)} % length(${name})) + 1`
          tamper(
            copy,
            `UPDATE ${table} SET ${name} = substr(${name}, 1, ${at} - 1) ||
             CASE WHEN substr(${name}, ${at}, 1) = '~' THEN '!' ELSE '~' END || substr(${name}, ${at} + 1)
             WHERE rowid = 2`,
          )
          expect(verify(copy).valid, `${table}.${name}, random ${String(random)}`).toBe(false)
        }
      }
    }
  })

  it('says that a journal is gone when heads were logged for it', async () => {
    const home = await makeStation()
    const empty = makeHome()
    copyFileSync(join(home, 'journal.heads'), join(empty, 'journal.heads'))
    expect(verify(empty).text).toContain('is missing, and 3 records were logged')
  })

  it('finds a changed line in the log of heads', async () => {
    const home = await makeStation()
    const path = join(home, 'journal.heads')
    writeFileSync(path, readFileSync(path, 'latin1').replace(/^2 ./m, '2 x'))
    expect(verify(home).text).toContain('1 lines of the log of heads are damaged')
  })

  it('says when a damaged page makes the journal unreadable', async () => {
    const home = await makeStation()
    const path = join(home, 'journal.sqlite')
    const bytes = readFileSync(path)
    bytes.fill(0xa5, bytes.length - 3 * 4096, bytes.length - 4096)
    writeFileSync(path, bytes)
    expect(verify(home).valid).toBe(false)
  })

  it('follows a job that was sealed, resumed and sealed again', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    await runJob(journal, 'a', { record: { state: 'failed', verdict: 'unproven' } })
    journal.saveSnapshot(makeSnapshot('a', { revision: 20, state: 'transferring' }))
    await journal.commit()
    expect(verify(home)).toMatchObject({ valid: true, notes: ['1 jobs went on after their last record'] })
    transferRows(journal, 'a', 2)
    journal.saveSnapshot(makeSnapshot('a', { revision: 30, state: 'finished' }))
    await journal.sealRecord(makeRecord('a'))
    expect(journal.getJob('a')?.sequence).toBe(2)
    expect(verify(home)).toMatchObject({ valid: true, text: '', notes: [] })
    tamper(home, "UPDATE log_lines SET text = 'other' WHERE id = 1")
    expect(verify(home).text).toContain('log lines of job a were changed')
  })

  it('notes that old details were pruned and still checks everything else', async () => {
    const home = await makeStation()
    const journal = openTestJournal(home)
    expect(journal.prune({ maximumAgeMs: 0 }).prunedJobs).toBe(3)
    expect(journal.telemetry('a')).toEqual([])
    expect(journal.evidence('a')).toHaveLength(1)
    const report = verify(home)
    expect(report).toMatchObject({ valid: true, text: '' })
    expect(report.notes.join()).toContain('3 old jobs were pruned')
    tamper(home, 'UPDATE chunks SET attempt = 2 WHERE id = 1')
    expect(verify(home).text).toContain('chunks of job a were changed')
  })

  it('checks the signatures of a station key and finds a removed, a foreign and a missing one', async () => {
    const home = await makeStation({ key: true })
    expect(verify(home)).toMatchObject({ valid: true, signature: 'valid' })
    const foreign = makeHome()
    copyFileSync(join(home, 'journal.sqlite'), join(foreign, 'journal.sqlite'))
    createStationKey(foreign)
    expect(verify(foreign)).toMatchObject({ valid: false, signature: 'invalid' })
    tamper(home, 'UPDATE records SET signature = NULL WHERE sequence = 3')
    expect(verify(home)).toMatchObject({ valid: false, signature: 'invalid' })
  })
})

function exportTo(home: string, format: ExportFormat, filter = {}): string {
  const folder = makeHome()
  const outputPath = join(folder, `log.${format}`)
  doHistoryTask(home, 'station', { type: 'export', format, outputPath, filter, generatedAt })
  return outputPath
}

describe.each(formats)('verification of a %s export', format => {
  it('finds nothing wrong with an untouched one, on a machine without the journal', async () => {
    const path = exportTo(await makeStation(), format)
    expect(verifyExport(path)).toMatchObject({
      valid: true,
      records: 3,
      headSequence: 3,
      signature: 'none',
      problems: [],
      notes: [],
    })
  })

  it('finds a change of any single byte', async () => {
    const path = exportTo(await makeStation({ key: true }), format)
    expect(verifyExport(path)).toMatchObject({ valid: true, signature: 'valid' })
    const original = readFileSync(path)
    // Every byte of the first and the last part, and every 97th in between.
    for (let at = 0; at < original.length; at += at < 300 || at > original.length - 1_400 ? 1 : 97) {
      const changed = Buffer.from(original)
      changed[at] = (changed[at] ?? 0) ^ 0x01
      writeFileSync(path, changed)
      expect(isFoundInvalid(path), `byte ${String(at)} of ${String(original.length)}`).toBe(true)
    }
  })

  it('finds a cut tail at any place', async () => {
    const path = exportTo(await makeStation(), format)
    const original = readFileSync(path)
    for (let length = original.length - 1; length > 300; length -= length > original.length - 200 ? 1 : 411) {
      writeFileSync(path, original.subarray(0, length))
      expect(isFoundInvalid(path), `cut to ${String(length)} of ${String(original.length)}`).toBe(true)
    }
    writeFileSync(path, Buffer.concat([original, Buffer.from('x')]))
    expect(isFoundInvalid(path)).toBe(true)
  })

  it('says that a filtered one holds a part of the chain and checks that part', async () => {
    const path = exportTo(await makeStation(), format, { jobIds: ['b'] })
    const report = verifyExport(path)
    expect(report).toMatchObject({ valid: true, records: 1, headSequence: 3 })
    expect(report.notes.join()).toContain('a part of the chain, chosen by {"jobIds":["b"]}')
  })

  it('holds an empty journal', () => {
    const home = makeHome()
    mkdirSync(home, { recursive: true })
    expect(verifyExport(exportTo(home, format))).toMatchObject({ valid: true, records: 0, headHash: null })
  })
})

describe('verification of what is no export', () => {
  function makeFiles(): string {
    const home = makeHome()
    writeFileSync(join(home, 'empty.csv'), '')
    writeFileSync(join(home, 'other.csv'), 'sequence,name\n1,board\n')
    writeFileSync(join(home, 'binary.html'), Uint8Array.of(0, 255, 254, 1, 2))
    return home
  }

  it.each([
    ['a missing file', 'none.csv', 'file.not-found'],
    ['a file below a file', 'other.csv/x', 'file.not-found'],
    ['a folder', '.', 'file.is-directory'],
    ['a device', '/dev/null', 'file.not-readable'],
    ['a name that the system cannot open', 'x'.repeat(300), 'file.not-readable'],
    ['an empty file', 'empty.csv', 'journal.export-invalid'],
    ['another table', 'other.csv', 'journal.export-invalid'],
    ['binary data', 'binary.html', 'journal.export-invalid'],
  ])('refuses %s with its code, naming it', (_, name, code) => {
    const path = resolve(makeFiles(), name)
    expect(() => verifyExport(path)).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringContaining(path) as unknown,
        traits: expect.objectContaining({ exitCode: 2 }) as unknown,
      }),
    )
  })

  it.skipIf(process.getuid?.() === 0)('refuses a file that this user may not read', () => {
    const path = join(makeHome(), 'locked.csv')
    writeFileSync(path, 'x', { mode: 0o000 })
    expect(() => verifyExport(path)).toThrow(expect.objectContaining({ code: 'file.not-readable' }))
  })
})

function isFoundInvalid(path: string): boolean {
  try {
    return !verifyExport(path).valid
  } catch (error) {
    expect(error).toMatchObject({ code: 'journal.export-invalid' })
    return true
  }
}
