/** Journal figures: grouped commits against one transaction an event, and the export of a million events. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { doHistoryTask } from '../../src/core/journal/history-tasks.ts'
import { openJournal, type Journal } from '../../src/core/journal/journal.ts'
import { currentOwner } from '../../src/core/journal/owner.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'
import { requireTool } from '../reference/tools.ts'
import { median, ratioRow, row, type BenchRow } from './table.ts'

const EVENTS = 50_000
const EXPORTED_EVENTS = 1_000_000
const BATCH = 256

function openWithJob(home: string): { journal: Journal; jobId: string } {
  const journal = openJournal({ home, kind: 'station', clock: systemClock })
  const snapshot = fakeSnapshot({ jobId: `j-${String(Date.now())}` })
  journal.insertJob({ snapshot, order: {}, owner: currentOwner() })
  return { journal, jobId: snapshot.jobId }
}

function addChunk(journal: Journal, jobId: string, index: number): void {
  journal.addChunk(jobId, { session: 1, index, sizeBytes: 4096, attempt: 1, elapsedMs: index, durationMs: 0.4 })
}

async function eventsPerSecond(groupSize: number, events: number): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  const { journal, jobId } = openWithJob(home)
  await journal.commit()
  const startedMs = performance.now()
  for (let index = 0; index < events; index++) {
    addChunk(journal, jobId, index)
    if ((index + 1) % groupSize === 0) await journal.commit()
  }
  await journal.commit()
  const rate = events / ((performance.now() - startedMs) / 1000)
  journal.close()
  rmSync(home, { recursive: true, force: true })
  return rate
}

async function benchExport(): Promise<BenchRow[]> {
  const sqlite3 = requireTool('sqlite3')
  const home = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  try {
    const { journal, jobId } = openWithJob(home)
    for (let index = 0; index < EXPORTED_EVENTS; index++) {
      const text = `chunk ${String(index)} acknowledged`
      journal.addLogLine(jobId, {
        at: '2026-01-01T10:00:00.000+00:00',
        elapsedMs: index,
        level: 'info',
        code: 'chunk',
        text,
      })
      if (index % 10_000 === 0) await journal.commit()
    }
    await journal.commit()
    const path = journal.path
    journal.close()
    const outputPath = join(home, 'events.csv')
    const ours: number[] = []
    const theirs: number[] = []
    for (let round = 0; round < 3; round++) {
      let startedMs = performance.now()
      doHistoryTask(home, 'station', { type: 'export-events', outputPath })
      ours.push(performance.now() - startedMs)
      if (sqlite3 === null) continue
      const sql =
        'SELECT jobs.job_id, at, elapsed_ms, level, code, text FROM log_lines JOIN jobs ON jobs.id = log_lines.job ORDER BY log_lines.id'
      startedMs = performance.now()
      spawnSync('sh', ['-c', `"${sqlite3}" -csv "${path}" "${sql}" > "${join(home, 'reference.csv')}"`])
      theirs.push(performance.now() - startedMs)
    }
    const seconds = `${(median(ours) / 1000).toFixed(2)} s`
    const rows = [row('1,000,000 events exported as csv', 'reported', seconds)]
    if (theirs.length > 0) rows.push(ratioRow('… against the sqlite3 command', 1, median(theirs) / median(ours)))
    return rows
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

export async function benchJournal(rounds: number): Promise<BenchRow[]> {
  const ratios: number[] = []
  const grouped: number[] = []
  for (let round = 0; round < rounds; round++) {
    const single = await eventsPerSecond(1, EVENTS / 10)
    const many = await eventsPerSecond(BATCH, EVENTS)
    grouped.push(many)
    ratios.push(many / single)
  }
  return [
    row(`events committed in groups of ${String(BATCH)}`, 'reported', `${(median(grouped) / 1000).toFixed(0)} k/s`),
    ratioRow('… against one transaction an event', 9, median(ratios)),
    ...(await benchExport()),
  ]
}
