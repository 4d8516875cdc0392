/**
 * Ten thousand uploads over all protocols with faults drawn at random. `FLASHPROOF_SEED=n` runs one of them again,
 * `FLASHPROOF_BASE_SEED=n` another ten thousand, `FLASHPROOF_PROTOCOL=id` draws from that protocol's harnesses alone.
 */
import { expect, it } from 'vitest'
import { harnesses } from '../conformance/harnesses/index.ts'
import { countEnds, describeRun, runSeeds, type RunResult } from '../conformance/random-runs.ts'
import { suitePolicy } from '../conformance/suite-policy.ts'
import { openBench } from '../fakes/bench.ts'

const RUNS = Number(process.env['FLASHPROOF_RUNS'] ?? 10_000)
/** A bench keeps every job's journal: a fresh one now and then keeps the measured work the same. */
const RUNS_A_BENCH = 500
const only = process.env['FLASHPROOF_SEED']
const protocolId = process.env['FLASHPROOF_PROTOCOL']
const base = Number(process.env['FLASHPROOF_BASE_SEED'] ?? 100_000)
const seeds = only === undefined ? Array.from({ length: RUNS }, (_, index) => base + index) : [Number(only)]
const among = harnesses.filter(harness => protocolId === undefined || harness.protocolId === protocolId)

it('10,000 uploads with random faults: 0 false greens, 0 false reds', { timeout: 3_600_000 }, async () => {
  const startedMs = performance.now()
  const results: RunResult[] = []
  for (let at = 0; at < seeds.length; at += RUNS_A_BENCH) {
    const bench = await openBench({ retryPolicy: suitePolicy })
    try {
      results.push(...(await runSeeds(bench, seeds.slice(at, at + RUNS_A_BENCH), { atOnce: 8, among })))
    } finally {
      await bench.close()
    }
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.info(`${String(results.length)} runs from seed ${String(seeds[0])} in ${seconds} s`)
  console.info(JSON.stringify(countEnds(results), null, 1))
  expect(results.filter(result => result.problems.length > 0).map(describeRun)).toEqual([])
})
