/** The sweep of test/soak in short: every cut for the device that can be asked everything, the edges for the others. */
import { describe, expect, it } from 'vitest'
import { demoImage, openBench } from '../../../fakes/bench.ts'
import { CHUNK_BYTES, CutSweep, deviceKinds, everyCut, someCuts, type GoingOn } from './cut-sweeping.ts'

const image = demoImage(256 * 1024)
const chunkCount = Math.ceil(image.length / CHUNK_BYTES)

describe.each(['automatic', 'resumed'] as const satisfies readonly GoingOn[])('a cut connection, %s', goingOn => {
  it.each(deviceKinds)('loses nothing and promises nothing early: $name', async kind => {
    const isWhole = kind === deviceKinds[0]
    const bench = await openBench()
    const startedMs = performance.now()
    try {
      const cuts = isWhole ? everyCut(chunkCount, goingOn === 'resumed' ? 1 : 4) : someCuts(chunkCount)
      const result = await new CutSweep(bench, kind, goingOn, image).run(cuts, 32)
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
      console.info(
        `${goingOn}, ${kind.name}: ${String(result.cuts)} cuts, ${String(result.sentAgain)} sent again, ${seconds} s`,
      )
      expect(result.problems.slice(0, 20)).toEqual([])
    } finally {
      await bench.close()
    }
  })
})
