import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { demoImage, openBench } from '../fakes/bench.ts'
import { IMAGE_NAME, judgeHome } from '../fakes/kill-bench.ts'

it('the judge of the kill tests finds a journal that says more than the board holds', async () => {
  const flashFolder = mkdtempSync(join(tmpdir(), 'flashproof-judge-'))
  const bench = await openBench()
  try {
    const image = demoImage(64 * 1024)
    const device = await bench.board({ flashDir: flashFolder, faults: [{ name: 'slow', ms: 5 }] })
    const firmwareId = await bench.firmwareId(image, IMAGE_NAME)
    const order = { firmwareId, targets: [device.target], options: { chunkBytes: 4096 } }
    const [jobId = ''] = (await bench.station.engine.start(order)).jobIds
    await bench.until(jobId, job => job.doneBytes >= 3 * 4096)
    await bench.station.close()
    await device.close()
    const board = { target: device.target, flashFolder }
    expect(judgeHome(bench.home, 'station', board, image)).toMatchObject({
      job: { snapshot: { state: 'interrupted' } },
      lies: [],
    })
    const files = join(flashFolder, 'fs')
    const part = readdirSync(files).find(name => name.endsWith('.part.1'))
    rmSync(join(files, part ?? ''))
    expect(judgeHome(bench.home, 'station', board, image).lies).toContain(
      'chunk 1 is in the ledger and not on the board',
    )
    const otherImage = demoImage(64 * 1024, 2)
    expect(judgeHome(bench.home, 'station', board, otherImage).lies.length).toBeGreaterThan(1)
    rmSync(files, { recursive: true })
    expect(judgeHome(bench.home, 'station', board, image).lies.join('; ')).toContain('the board holds 0')
  } finally {
    await bench.reopen().catch(() => undefined)
    await bench.close()
    rmSync(flashFolder, { recursive: true, force: true })
  }
})
