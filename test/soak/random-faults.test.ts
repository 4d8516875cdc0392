/**
 * A thousand uploads with faults drawn at random. `FLASHPROOF_SEED=n` runs one of them again,
 * `FLASHPROOF_BASE_SEED=n` another thousand.
 */
import { expect, it } from 'vitest'
import { countEnds, describeRun, randomPolicy, runSeeds } from '../core/transfer/esp-parts/random-faults.ts'
import { openBench } from '../fakes/bench.ts'

const RUNS = 1000
const only = process.env['FLASHPROOF_SEED']
const base = Number(process.env['FLASHPROOF_BASE_SEED'] ?? 1000)
const seeds = only === undefined ? Array.from({ length: RUNS }, (_, index) => base + index) : [Number(only)]

it('1,000 uploads with random faults: 0 false greens, 0 false reds', { timeout: 600_000 }, async () => {
  const bench = await openBench({ retryPolicy: randomPolicy })
  const startedMs = performance.now()
  try {
    const results = await runSeeds(bench, seeds, 8)
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    console.info(`${results.length} runs from seed ${String(seeds[0])} in ${seconds} s`)
    console.table(countEnds(results))
    expect(results.filter(result => result.problems.length > 0).map(describeRun)).toEqual([])
  } finally {
    await bench.close()
  }
})
