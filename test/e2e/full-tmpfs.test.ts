import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { demoImage, openBench } from '../fakes/bench.ts'

const MIB = 1024 * 1024
const mounted: string[] = []
afterEach(() => {
  for (const folder of mounted.splice(0)) {
    execFileSync('umount', [folder])
    rmdirSync(folder)
  }
})

/** A folder on a file system of its own; null where this user may not mount one. */
function mountTmpfs(sizeBytes: number): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(sizeBytes)}`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    rmdirSync(folder)
    return null
  }
  mounted.push(folder)
  return folder
}

/** Writes until nothing more fits. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let pieceBytes = MIB; pieceBytes >= 1;) {
      try {
        if (writeSync(file, new Uint8Array(pieceBytes)) < pieceBytes) pieceBytes >>= 1
      } catch {
        pieceBytes >>= 1
      }
    }
  } finally {
    closeSync(file)
  }
}

it('a disk that fills up pauses the jobs before their next chunk, and room lets them go on to their proof', async context => {
  const home = mountTmpfs(12 * MIB)
  if (home === null) return context.skip('mounting a small file system needs root on Linux')
  const bench = await openBench({ home })
  try {
    const boards = await Promise.all([0, 1, 2].map(() => bench.board({ faults: [{ name: 'slow', ms: 3 }] })))
    const firmwareId = await bench.firmwareId(demoImage(512 * 1024))
    const order = { firmwareId, targets: boards.map(board => board.target), options: { chunkBytes: 512 } }
    const { jobIds } = await bench.station.engine.start(order)
    await Promise.all(jobIds.map(jobId => bench.until(jobId, job => job.doneBytes > 0)))
    fill(join(home, 'filler'))
    const paused = await Promise.all(jobIds.map(jobId => bench.until(jobId, job => job.state === 'paused')))
    const journal = bench.station.journal('station')
    for (const [index, job] of paused.entries()) {
      expect(job).toMatchObject({
        verdict: null,
        boardNow: 'old-firmware',
        unplug: 'safe',
        error: { code: 'journal.disk-full' },
      })
      // What the journal counts never leads what the board took.
      const posts = boards[index]?.stats.chunkPosts.length ?? 0
      expect(journal.ledger(job.jobId)?.acknowledged).toBeLessThanOrEqual(posts)
      expect(journal.getJob(job.jobId)?.sequence).toBeNull()
      expect(boards[index]?.stats.completePosts).toBe(0)
    }
    expect(journal.state).toBe('disk-full')
    rmSync(join(home, 'filler'))
    const ended = await Promise.all(jobIds.map(jobId => bench.ended(jobId)))
    expect(ended.map(job => job.verdict)).toEqual(['proven', 'proven', 'proven'])
    expect(boards.every(board => board.stats.chunkPosts.every(count => count === 1))).toBe(true)
    expect(journal.head().sequence).toBe(3)
  } finally {
    await bench.close()
  }
})
