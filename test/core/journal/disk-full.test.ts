import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { doHistoryTask } from '../../../src/core/journal/history-tasks.ts'
import { openImageStore } from '../../../src/core/journal/image-store.ts'
import { currentOwner } from '../../../src/core/journal/owner.ts'
import { makeHome, makeRecord, makeSnapshot, openTestJournal } from './journal-fixture.ts'

/** Mounts a file system of 1 MiB; null, with a printed line, where this user may not mount. */
function mountTinyDisk(): string | null {
  const folder = makeHome()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    console.log('skipped: mounting a tmpfs needs root on Linux')
    return null
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', folder], { stdio: 'ignore' })
  })
  return folder
}

it('keeps every queued write on a disk that is really full, and writes all of them when there is room', async context => {
  const home = mountTinyDisk()
  if (home === null) {
    context.skip()
    return
  }
  const journal = openTestJournal(home)
  const states: string[] = []
  journal.onState(state => states.push(state))
  journal.insertJob({ snapshot: makeSnapshot('a'), order: null, owner: currentOwner() })
  await journal.commit()
  const ballast = join(home, 'ballast')
  try {
    writeFileSync(ballast, Buffer.alloc(1 << 20))
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  }
  let queued = 0
  let failure: unknown = null
  while (failure === null && queued < 10_000) {
    for (let index = 0; index < 50; index++) {
      journal.addChunk('a', { session: 1, index: queued++, sizeBytes: 1, attempt: 1, elapsedMs: 0, durationMs: 0 })
    }
    failure = await journal.commit().then(
      () => null,
      (error: unknown) => error,
    )
  }
  expect(failure).toMatchObject({ code: 'journal.disk-full' })
  await expect(journal.sealRecord(makeRecord('a'))).rejects.toMatchObject({ code: 'journal.disk-full' })
  await expect(openImageStore({ home }).put(Buffer.alloc(400_000, 7))).rejects.toMatchObject({
    code: 'journal.disk-full',
  })
  rmSync(ballast)
  await journal.retryPending()
  expect(journal.chunks('a').map(chunk => chunk.index)).toEqual(Array.from({ length: queued }, (_, index) => index))
  await journal.sealRecord(makeRecord('a'))
  expect(states).toEqual(['disk-full', 'ok'])
  const outputPath = join(home, 'log.csv')
  writeFileSync(join(home, 'fill'), Buffer.alloc(1000))
  expect(doHistoryTask(home, 'station', { type: 'verify' })).toMatchObject({ valid: true, problems: [] })
  try {
    writeFileSync(ballast, Buffer.alloc(1 << 20))
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  }
  expect(() =>
    doHistoryTask(home, 'station', { type: 'export', format: 'jsonl', outputPath, generatedAt: 'now' }),
  ).toThrow(expect.objectContaining({ code: 'file.disk-full' }))
})
