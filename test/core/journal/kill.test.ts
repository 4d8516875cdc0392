import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { doHistoryTask } from '../../../src/core/journal/history-tasks.ts'
import { currentOwner, isOwnerAlive } from '../../../src/core/journal/owner.ts'
import { makeHome, openTestJournal } from './journal-fixture.ts'

const childPath = fileURLToPath(new URL('./journaling-child.ts', import.meta.url))

interface Spoken {
  readonly child: ChildProcess
  /** Resolves when the child said this many chunks are done. */
  reaches(done: number): Promise<void>
  lines(): string[]
}

function startChild(home: string, jobId: string): Spoken {
  const child = spawn(process.execPath, [childPath, home, jobId], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let text = ''
  const listeners = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    for (const listener of listeners) listener()
  })
  return {
    child,
    lines: () => text.split('\n').slice(0, -1),
    reaches: done =>
      new Promise(resolve => {
        const look = (): void => {
          if (!text.includes(done === 0 ? 'ready\n' : `done ${String(done - 1)}\n`)) return
          listeners.delete(look)
          resolve()
        }
        listeners.add(look)
        look()
      }),
  }
}

function countSaid(lines: readonly string[], word: string): number {
  return lines.filter(line => line.startsWith(`${word} `)).length
}

it('never leads nor lags what was said to be committed, at whatever moment the process is killed', async () => {
  const home = makeHome()
  let random = 20_261_121
  for (let round = 0; round < 8; round++) {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648
    const jobId = `job-${String(round)}`
    const { child, reaches, lines } = startChild(home, jobId)
    await reaches(random % 120)
    // A few more turns of the loop, so that the kill falls anywhere inside one.
    for (let turn = 0; turn < random % 7; turn++) await new Promise(resolve => setImmediate(resolve))
    child.kill('SIGKILL')
    await once(child, 'close')
    const journal = openTestJournal(home)
    const ledger = journal.ledger(jobId)
    const acknowledged = ledger?.acknowledged ?? 0
    expect(acknowledged, 'not behind').toBeGreaterThanOrEqual(countSaid(lines(), 'done'))
    expect(acknowledged, 'not ahead').toBeLessThanOrEqual(countSaid(lines(), 'try'))
    for (let index = 0; index < acknowledged; index++) {
      expect((ledger?.have[index >> 3] ?? 0) & (1 << (index & 7)), `chunk ${String(index)}`).not.toBe(0)
    }
    const owner = journal.getJob(jobId)?.owner
    expect(owner?.pid).toBe(child.pid)
    expect(owner !== null && owner !== undefined && isOwnerAlive(owner)).toBe(false)
    expect(journal.markInterrupted(isOwnerAlive).map(snapshot => snapshot.jobId)).toEqual([jobId])
    expect(journal.claimJob(jobId, currentOwner())).toBe(true)
    journal.close()
  }
  expect(doHistoryTask(home, 'station', { type: 'verify' })).toMatchObject({ valid: true, problems: [] })
}, 120_000)

it('lets two processes journal into one home at the same time', async () => {
  const home = makeHome()
  const children = ['left', 'right'].map(jobId => ({ jobId, ...startChild(home, jobId) }))
  await Promise.all(children.map(child => child.reaches(40)))
  const journal = openTestJournal(home)
  expect(journal.markInterrupted(isOwnerAlive), 'both owners live').toEqual([])
  expect(journal.claimJob('left', currentOwner())).toBe(false)
  for (const { child, jobId, lines } of children) {
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(journal.ledger(jobId)?.acknowledged).toBeGreaterThanOrEqual(countSaid(lines(), 'done'))
  }
}, 60_000)
