/** Sixty of the thousand runs of test/soak; `FLASHPROOF_SEED=n` runs one of them again. */
import { expect, it } from 'vitest'
import { openBench } from '../../../fakes/bench.ts'
import { describeRun, randomPolicy, runSeeds } from './random-faults.ts'

const wanted = process.env['FLASHPROOF_SEED']
const seeds = wanted === undefined ? Array.from({ length: 60 }, (_, index) => 1 + index) : [Number(wanted)]

it('uploads with random faults end neither falsely green nor falsely red', { timeout: 120_000 }, async () => {
  const bench = await openBench({ retryPolicy: randomPolicy })
  try {
    if (wanted !== undefined) bench.watchLog((_job, line) => console.info(line.elapsedMs, line.code, line.text))
    const results = await runSeeds(bench, seeds, 6)
    if (wanted !== undefined) console.info(results.map(describeRun).join('\n'))
    expect(results.filter(result => result.problems.length > 0).map(describeRun)).toEqual([])
  } finally {
    await bench.close()
  }
})
