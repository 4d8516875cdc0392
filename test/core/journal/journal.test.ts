import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { doHistoryTask } from '../../../src/core/journal/history-tasks.ts'
import { UNCOMMITTED_REVISIONS } from '../../../src/core/journal/leases.ts'
import type { TracePage, TracePosition } from '../../../src/core/journal/job-reader.ts'
import { currentOwner, type Owner } from '../../../src/core/journal/owner.ts'
import { migrations, prepareSchema, schemaVersion } from '../../../src/core/journal/schema.ts'
import { inTransaction, openDatabase } from '../../../src/core/journal/sqlite.ts'
import { openJournalDatabase } from '../../../src/core/journal/open-database.ts'
import {
  makeHome,
  makeRecord,
  makeSnapshot,
  openTestJournal,
  runJob,
  startedAt,
  storedFact,
} from './journal-fixture.ts'

const owner = currentOwner()
const deadOwner: Owner = { ...owner, processStart: '1' }
const session = {
  session: 1,
  chunkBytes: 4096,
  totalChunks: 20,
  imageSha256: 'aa',
  deviceKey: null,
  targetPath: '/upload',
}
const chunk = (index: number, sessionNumber = 1) => ({
  session: sessionNumber,
  index,
  sizeBytes: 4096,
  attempt: 1,
  elapsedMs: 1.5,
  durationMs: 0.25,
})

class DiskFull extends Error {
  readonly code = 'ENOSPC'
}

describe('writing', () => {
  it('commits everything of one tick in one transaction', async () => {
    let commits = 0
    const journal = openTestJournal(makeHome(), { beforeCommit: () => commits++ })
    for (let job = 0; job < 50; job++) {
      journal.insertJob({ snapshot: makeSnapshot(`job-${String(job)}`), order: { job }, owner })
      journal.addEvidence(`job-${String(job)}`, storedFact)
    }
    const [first, second] = [journal.commit(), journal.commit()]
    await Promise.all([first, second])
    expect(commits).toBe(1)
    expect(journal.listJobs()).toHaveLength(50)
    expect(journal.listJobs({ limit: 1 })[0]).toMatchObject({
      order: { job: 49 },
      owner,
      sequence: null,
      recordHash: null,
    })
    expect(journal.evidence('job-7')).toEqual([storedFact])
  })

  it('keeps the newest revision, whatever order the snapshots come in', async () => {
    const journal = openTestJournal(makeHome())
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    journal.saveSnapshot(makeSnapshot('a', { revision: 5, state: 'verifying' }))
    journal.saveSnapshot(makeSnapshot('a', { revision: 4, state: 'transferring' }))
    await journal.commit()
    journal.saveSnapshot(makeSnapshot('a', { revision: 3, state: 'preparing' }))
    await journal.commit()
    expect(journal.getJob('a')?.snapshot).toMatchObject({ revision: 5, state: 'verifying' })
    expect(journal.listJobs({ states: ['verifying'], batchId: 'batch-1' })).toHaveLength(1)
    expect(journal.listJobs({ states: ['verifying'], batchId: 'other' })).toHaveLength(0)
  })

  it('gives rows back as they were, with Vietnamese text, a NUL and a number that is none', async () => {
    const journal = openTestJournal(makeHome())
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    const line = {
      at: startedAt,
      elapsedMs: 0.1,
      level: 'warning',
      code: 'chunk.retry',
      text: 'Gửi lại phần 7',
    } as const
    journal.addLogLine('a', line)
    journal.addLogLine('a', { ...line, elapsedMs: Number.NaN, text: 'a\0b' })
    journal.addTelemetry('a', { at: startedAt, elapsedMs: 3, source: 'http-json', rssiDbm: -61 })
    journal.addChunk('a', chunk(3))
    await journal.commit()
    expect(journal.logLines('a')).toEqual([line, { ...line, elapsedMs: 0, text: 'a\ufffdb' }])
    expect(journal.telemetry('a')).toEqual([{ at: startedAt, elapsedMs: 3, source: 'http-json', rssiDbm: -61 }])
    expect(journal.chunks('a')).toEqual([chunk(3)])
  })

  it('gives a trace page by page, the newest first, over the blocks of its index and past the rows of other jobs', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    for (const jobId of ['a', 'b']) journal.insertJob({ snapshot: makeSnapshot(jobId), order: null, owner })
    for (let index = 0; index < 5000; index++) {
      for (const jobId of ['a', 'b']) {
        journal.addLogLine(jobId, { at: startedAt, elapsedMs: index, level: 'info', code: 'x', text: jobId })
      }
      if (index % 100 === 0) journal.addTelemetry('a', { at: startedAt, elapsedMs: index, source: 'http-json' })
    }
    await journal.commit()
    const read = (before?: TracePosition): TracePage => {
      const task = { type: 'trace', jobId: 'a', limit: 700, ...(before === undefined ? {} : { before }) } as const
      // A task of this type has this result.
      return doHistoryTask(home, 'station', task) as TracePage
    }
    const pages = [read()]
    for (let next = pages[0]?.next ?? null; next !== null; next = pages[0]?.next ?? null) pages.unshift(read(next))
    expect(pages.map(page => page.lines.length)).toEqual([100, 700, 700, 700, 700, 700, 700, 700])
    expect(pages.flatMap(page => page.lines)).toEqual(journal.logLines('a'))
    expect(pages.at(-1)?.samples).toEqual(journal.telemetry('a'))
    expect(pages.at(-1)?.next?.sample).toBe(0)
  })

  it('refuses rows of a job that it does not know, and a second job of the same id', () => {
    const journal = openTestJournal(makeHome())
    expect(() => {
      journal.addChunk('nobody', chunk(0))
    }).toThrow(expect.objectContaining({ code: 'job.not-found' }))
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    expect(() => {
      journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    }).toThrow(expect.objectContaining({ code: 'job.wrong-state' }))
  })

  it('keeps simulated and real jobs apart', async () => {
    const home = makeHome()
    const station = openTestJournal(home)
    const practice = openTestJournal(home, { kind: 'practice' })
    const wrongKind = expect.objectContaining({ code: 'journal.wrong-kind' })
    expect(() => {
      station.insertJob({ snapshot: makeSnapshot('a', { simulated: true }), order: null, owner })
    }).toThrow(wrongKind)
    expect(() => {
      practice.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    }).toThrow(wrongKind)
    station.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    await expect(station.sealRecord(makeRecord('a', { simulated: true }))).rejects.toMatchObject({
      code: 'journal.wrong-kind',
    })
    expect(station.path).not.toBe(practice.path)
  })
})

describe('the ledger', () => {
  it('tells what the latest session has, chunk 0 in the lowest bit', async () => {
    const journal = openTestJournal(makeHome())
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    await journal.commit()
    expect(journal.ledger('a')).toBeNull()
    journal.startSession('a', session)
    for (const index of [0, 3, 3, 9, 25]) journal.addChunk('a', chunk(index))
    journal.addChunk('a', chunk(5, 7))
    await journal.commit()
    expect(journal.ledger('a')).toEqual({ ...session, have: Uint8Array.of(0b1001, 0b10, 0), acknowledged: 3 })
    journal.startSession('a', { ...session, session: 2, totalChunks: 9 })
    await journal.commit()
    expect(journal.ledger('a')).toMatchObject({ session: 2, have: Uint8Array.of(0, 0), acknowledged: 0 })
  })

  it('is empty after it was cleared, and counts on from there', async () => {
    const journal = openTestJournal(makeHome())
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    journal.startSession('a', session)
    journal.addChunk('a', chunk(0))
    journal.clearLedger('a', 1)
    journal.addChunk('a', chunk(1))
    await journal.commit()
    expect(journal.ledger('a')).toMatchObject({ have: Uint8Array.of(0b10, 0, 0), acknowledged: 1 })
    expect(journal.chunks('a'), 'the history stays').toHaveLength(2)
  })

  it('does not count what is queued and not committed', async () => {
    const journal = openTestJournal(makeHome())
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    journal.startSession('a', session)
    await journal.commit()
    journal.addChunk('a', chunk(0))
    expect(journal.ledger('a')?.acknowledged).toBe(0)
    await journal.commit()
    expect(journal.ledger('a')?.acknowledged).toBe(1)
  })
})

describe('a full disk', () => {
  it('keeps what is queued, in order, tells the listeners, and writes it when there is room again', async () => {
    let isFull = false
    const journal = openTestJournal(makeHome(), {
      beforeCommit: () => {
        if (isFull) throw new DiskFull('no space left on device')
      },
    })
    const states: string[] = []
    journal.onState(state => states.push(state))
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    journal.startSession('a', session)
    await journal.commit()
    isFull = true
    journal.addChunk('a', chunk(0))
    const waits = [journal.commit(), journal.commit()]
    for (const wait of waits) await expect(wait).rejects.toMatchObject({ code: 'journal.disk-full' })
    expect(journal.state).toBe('disk-full')
    journal.addChunk('a', chunk(1))
    journal.insertJob({ snapshot: makeSnapshot('b'), order: null, owner })
    journal.addChunk('b', chunk(2))
    await expect(journal.retryPending()).rejects.toMatchObject({ code: 'journal.disk-full' })
    expect(journal.ledger('a')?.acknowledged).toBe(0)
    expect(journal.getJob('b')).toBeNull()
    isFull = false
    await journal.retryPending()
    expect(journal.state).toBe('ok')
    expect(states).toEqual(['disk-full', 'ok'])
    expect(journal.chunks('a').map(row => row.index)).toEqual([0, 1])
    expect(journal.chunks('b').map(row => row.index)).toEqual([2])
  })

  it('seals nothing, and seals once when asked again', async () => {
    const home = makeHome()
    let isFull = false
    const journal = openTestJournal(home, {
      beforeCommit: () => {
        if (isFull) throw new DiskFull('no space left on device')
      },
    })
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    journal.addEvidence('a', storedFact)
    isFull = true
    await expect(journal.sealRecord(makeRecord('a'))).rejects.toMatchObject({ code: 'journal.disk-full' })
    isFull = false
    await journal.retryPending()
    expect(journal.head()).toEqual({ sequence: 0, hash: null })
    await journal.sealRecord(makeRecord('a'))
    expect(journal.head().sequence).toBe(1)
    expect(doHistoryTask(home, 'station', { type: 'verify' })).toMatchObject({ valid: true, records: 1, problems: [] })
  })
})

describe('sealing', () => {
  it('numbers records from 1 and chains them across processes', async () => {
    const home = makeHome()
    const [first, second] = [openTestJournal(home), openTestJournal(home)]
    await Promise.all([runJob(first, 'a'), runJob(second, 'b'), runJob(first, 'c')])
    await runJob(second, 'd')
    expect(first.head()).toEqual(second.head())
    expect(first.head().sequence).toBe(4)
    const report = doHistoryTask(home, 'station', { type: 'verify' })
    expect(report).toMatchObject({ valid: true, records: 4, headHash: first.head().hash, problems: [], notes: [] })
  })

  it('gives the same digests for a job that another process resumed', async () => {
    const home = makeHome()
    const first = openTestJournal(home)
    first.insertJob({ snapshot: makeSnapshot('a'), order: null, owner: deadOwner })
    first.startSession('a', session)
    for (let index = 0; index < 10; index++) first.addChunk('a', chunk(index))
    first.close()
    const second = openTestJournal(home)
    expect(second.markInterrupted(holder => holder.processStart !== '1')).toHaveLength(1)
    expect(second.claimJob('a', owner)).toBe(true)
    for (let index = 10; index < 20; index++) second.addChunk('a', chunk(index))
    second.saveSnapshot(makeSnapshot('a', { revision: 9, state: 'finished' }))
    await second.sealRecord(makeRecord('a'))
    expect(doHistoryTask(home, 'station', { type: 'verify' })).toMatchObject({ valid: true, problems: [] })
  })

  it('writes a head that a crash kept out of the log of heads at the next start', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    await runJob(journal, 'a')
    const path = join(home, 'journal.heads')
    const complete = readFileSync(path, 'latin1')
    journal.close()
    writeFileSync(path, '')
    openTestJournal(home)
    expect(readFileSync(path, 'latin1')).toBe(complete)
  })
})

describe('leases', () => {
  it('are taken by one living owner at a time', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    const other: Owner = { ...owner, pid: process.ppid, processStart: '' }
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    await journal.commit()
    expect(journal.claimJob('a', other)).toBe(false)
    expect(journal.claimJob('a', owner)).toBe(true)
    journal.releaseJob('a')
    await journal.commit()
    expect(journal.getJob('a')?.owner).toBeNull()
    expect(journal.claimJob('a', other)).toBe(true)
    expect(journal.claimJob('nobody', owner)).toBe(false)
  })

  it('survive a release that was still queued when the job was claimed again', async () => {
    const journal = openTestJournal(makeHome())
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    await journal.commit()
    journal.releaseJob('a')
    expect(journal.claimJob('a', owner)).toBe(true)
    await journal.commit()
    expect(journal.getJob('a')?.owner).toEqual(owner)
  })

  it('of dead owners leave jobs that tell every byte that was acknowledged, not only those of the last snapshot', async () => {
    const journal = openTestJournal(makeHome())
    const snapshot = makeSnapshot('a', { state: 'transferring', totalBytes: 10_000, doneBytes: 0 })
    journal.insertJob({ snapshot, order: null, owner: deadOwner })
    journal.startSession('a', {
      session: 1,
      chunkBytes: 4096,
      totalChunks: 3,
      imageSha256: 'ab'.repeat(32),
      deviceKey: null,
      targetPath: 'a.bin',
    })
    const add = (index: number): void => {
      journal.addChunk('a', { session: 1, index, sizeBytes: 4096, attempt: 1, elapsedMs: 0, durationMs: 0 })
    }
    for (const index of [0, 0, 1]) add(index)
    await journal.commit()
    expect(journal.markInterrupted(() => false)).toMatchObject([{ jobId: 'a', doneBytes: 8192 }])
  })

  it('of dead owners leave interrupted jobs; paused jobs without owner and living ones stay', async () => {
    const journal = openTestJournal(makeHome())
    const states = { dead: 'transferring', alive: 'transferring', parked: 'paused', ended: 'finished' } as const
    for (const [jobId, state] of Object.entries(states)) {
      const holder = jobId === 'alive' ? owner : deadOwner
      journal.insertJob({ snapshot: makeSnapshot(jobId, { state, revision: 4 }), order: null, owner: holder })
    }
    await journal.commit()
    journal.releaseJob('parked')
    await journal.commit()
    const interrupted = journal.markInterrupted(holder => holder.processStart !== '1')
    expect(interrupted).toEqual([
      expect.objectContaining({
        jobId: 'dead',
        state: 'interrupted',
        revision: 4 + UNCOMMITTED_REVISIONS,
        bytesPerSecond: null,
      }),
    ])
    expect(journal.getJob('dead')).toMatchObject({ owner: null, snapshot: { state: 'interrupted' } })
    expect(journal.listJobs().map(job => job.snapshot.state)).toEqual([
      'finished',
      'paused',
      'transferring',
      'interrupted',
    ])
  })
})

describe('opening', () => {
  it.each([
    ['garbage', Buffer.alloc(8192, 0x5a)],
    ['a text file', Buffer.from('this is no database at all\n'.repeat(100))],
  ])('sets %s aside, begins anew and notes it', async (_, content) => {
    const home = makeHome()
    writeFileSync(join(home, 'journal.sqlite'), content)
    const journal = openTestJournal(home)
    await runJob(journal, 'a')
    const kept = readdirSync(home).filter(name => name.startsWith('journal.sqlite.unreadable-'))
    expect(kept).toHaveLength(1)
    expect(readFileSync(join(home, kept[0] ?? ''))).toEqual(content)
    expect(journal.notes().join()).toContain('An unreadable journal was set aside')
    expect(doHistoryTask(home, 'station', { type: 'verify' })).toMatchObject({
      valid: true,
      notes: [expect.stringContaining('set aside')],
    })
  })

  it('takes no database of another program', () => {
    const home = makeHome()
    const foreign = openDatabase(join(home, 'journal.sqlite'))
    foreign.exec('CREATE TABLE recipes (id INTEGER)')
    foreign.close()
    expect(openTestJournal(home).notes()).toHaveLength(1)
  })

  it('opens what a newer version wrote for reading only', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    await runJob(journal, 'a')
    journal.close()
    const database = openDatabase(join(home, 'journal.sqlite'))
    database.exec(`PRAGMA user_version = ${String(migrations.length + 1)}`)
    database.close()
    const reader = openTestJournal(home)
    expect(reader).toMatchObject({ readOnly: true, state: 'read-only' })
    expect(reader.getJob('a')?.sequence).toBe(1)
    expect(() => {
      reader.saveSnapshot(makeSnapshot('a'))
    }).toThrow(expect.objectContaining({ code: 'journal.newer-version' }))
    await expect(reader.sealRecord(makeRecord('a'))).rejects.toMatchObject({ code: 'journal.newer-version' })
    await reader.commit()
    expect(existsSync(join(home, 'journal.sqlite.unreadable'))).toBe(false)
  })

  it('migrates an older version after a backup copy', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    await runJob(journal, 'a')
    journal.close()
    const steps = [...migrations, 'ALTER TABLE jobs ADD COLUMN bench TEXT']
    const opened = openJournalDatabase(home, 'station', () => Date.UTC(2026, 10, 21, 3), steps)
    expect(schemaVersion(opened.database)).toBe(steps.length)
    expect(opened.database.prepare('SELECT job_id, bench FROM jobs').all()).toMatchObject([
      { job_id: 'a', bench: null },
    ])
    opened.database.close()
    const backup = openDatabase(join(home, `journal.sqlite.version-${String(migrations.length)}-20261121T030000000Z`), {
      readOnly: true,
    })
    expect(schemaVersion(backup)).toBe(migrations.length)
    expect(backup.prepare('SELECT job_id FROM jobs').all()).toMatchObject([{ job_id: 'a' }])
    backup.close()
  })

  it('changes nothing when a migration fails half-way', () => {
    const database = openDatabase(join(makeHome(), 'journal.sqlite'))
    prepareSchema(database, () => undefined)
    const steps = [...migrations, 'CREATE TABLE extra (id INTEGER); SELECT * FROM missing_table']
    expect(() => prepareSchema(database, () => undefined, steps)).toThrow('missing_table')
    expect(schemaVersion(database)).toBe(migrations.length)
    expect(database.prepare("SELECT name FROM sqlite_schema WHERE name = 'extra'").all()).toEqual([])
    database.close()
  })

  it('waits for another process that is writing', async () => {
    const home = makeHome()
    const journal = openTestJournal(home)
    const other = openTestJournal(home)
    journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner })
    other.insertJob({ snapshot: makeSnapshot('b'), order: null, owner })
    await Promise.all([journal.commit(), other.commit()])
    const database = openDatabase(join(home, 'journal.sqlite'))
    inTransaction(database, () => database.exec("UPDATE jobs SET batch_id = 'x'"))
    database.close()
    expect(journal.listJobs({ batchId: 'x' })).toHaveLength(2)
  })
})

describe('retention', () => {
  it('prunes the oldest sealed jobs first until the journal is small enough', async () => {
    const journal = openTestJournal(makeHome())
    for (const jobId of ['a', 'b', 'c']) await runJob(journal, jobId, { chunks: 400 })
    const { usedBytes } = journal.prune({})
    const result = journal.prune({ maximumBytes: usedBytes - 1 })
    expect(result.prunedJobs).toBe(1)
    expect(result.usedBytes).toBeLessThan(usedBytes)
    expect(journal.telemetry('a')).toHaveLength(0)
    expect(journal.logLines('a')).toHaveLength(0)
    expect(journal.chunks('a')).toHaveLength(400)
    expect(journal.telemetry('b')).toHaveLength(400)
  })
})
