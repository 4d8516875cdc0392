import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { forkWorker } from '../../src/host/worker-process.ts'
import type { JobSnapshot } from '../../src/shared/contract/models.ts'
import { createClient } from '../../src/shared/rpc/client.ts'
import { instantTimes, startVirtualEsp32 } from '../../src/simulator/virtual-esp32.ts'
import { demoImage } from '../fakes/bench.ts'
import type { LoopReport } from '../fakes/measure-loop.ts'

const MIB = 1024 * 1024
const BOARDS = 8
const measuring = new URL('../fakes/measure-loop.ts', import.meta.url).href

it('a worker that sends 16 MiB to eight boards while it exports keeps its loop free', async () => {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-loop-'))
  const reportPath = join(home, 'loop.json')
  const boards = await Promise.all(
    Array.from({ length: BOARDS }, (_, number) =>
      startVirtualEsp32({
        ...instantTimes,
        apply: 'none',
        fileSystemBytes: 64 * MIB,
        slotBytes: 20 * MIB,
        identity: { id: `board-${String(number)}` },
      }),
    ),
  )
  const worker = await forkWorker({
    home,
    execArgv: ['--import', measuring],
    env: { FLASHPROOF_LOOP_REPORT: reportPath },
  })
  const client = createClient(worker.link, { caller: 'host' })
  try {
    const path = join(home, 'app.bin')
    writeFileSync(path, demoImage(16 * MIB))
    await client.call('worker.hello', {})
    const { firmwareId } = await client.call('firmware.open', { path })
    // The start of a process is not measured: modules are compiled in it.
    process.kill(worker.pid, 'SIGUSR2')
    const newest = new Map<string, JobSnapshot>()
    const ended = new Promise<void>(resolve => {
      client.subscribe('jobs.changed', ({ jobs }) => {
        for (const job of jobs) newest.set(job.jobId, job)
        const isOver = [...newest.values()].every(job => job.endedAt !== null)
        if (newest.size === BOARDS && isOver) resolve()
      })
    })
    await client.call('job.start', { firmwareId, targets: boards.map(board => board.target) })
    const sending = { isOver: false }
    const exporting = (async () => {
      while (!sending.isOver) await client.call('log.export', { format: 'html', outputPath: join(home, 'log.html') })
    })()
    await ended
    sending.isOver = true
    await exporting
    expect([...newest.values()].map(job => job.verdict)).toEqual(boards.map(() => 'proven'))
    await client.call('worker.stop', {})
    await worker.exited
    // Written by the preloaded module of this very type.
    const report = JSON.parse(readFileSync(reportPath, 'utf8')) as LoopReport
    process.stdout.write(`worker loop: ${JSON.stringify(report)}\n`)
    expect(report.turns.count).toBeGreaterThan(100)
    expect(report.turns.p99Ms).toBeLessThan(5)
  } finally {
    worker.kill()
    await worker.exited
    await Promise.all(boards.map(board => board.close()))
    rmSync(home, { recursive: true, force: true })
  }
}, 120_000)
