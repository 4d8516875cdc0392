/** A 256 KiB image, the connection cut before, in and after every chunk and the completion, for every kind of device. */
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, CutSweep, deviceKinds, everyCut, type GoingOn } from '../core/transfer/esp-parts/cut-sweeping.ts'
import { demoImage, openBench } from '../fakes/bench.ts'

const image = demoImage(256 * 1024)
const cuts = everyCut(Math.ceil(image.length / CHUNK_BYTES))

describe.each(['automatic', 'resumed'] as const satisfies readonly GoingOn[])('every cut, %s', goingOn => {
  it.each(deviceKinds)('loses nothing and promises nothing early: $name', { timeout: 120_000 }, async kind => {
    const bench = await openBench()
    const startedMs = performance.now()
    try {
      const result = await new CutSweep(bench, kind, goingOn, image).run(cuts, 48)
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
      console.info(`${goingOn}, ${kind.name}: ${result.cuts} cuts, ${result.sentAgain} sent again, ${seconds} s`)
      expect(result.problems.slice(0, 20)).toEqual([])
    } finally {
      await bench.close()
    }
  })
})
