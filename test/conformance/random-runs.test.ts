/**
 * Some of the ten thousand runs of test/soak. `FLASHPROOF_SEED=n` runs one of them again and tells its log;
 * `FLASHPROOF_PROTOCOL=id` draws from that protocol's harnesses alone.
 */
import { expect, it } from 'vitest'
import { openBench } from '../fakes/bench.ts'
import { harnesses } from './harnesses/index.ts'
import { describeRun, runSeeds } from './random-runs.ts'
import { suitePolicy } from './suite-policy.ts'

const wanted = process.env['FLASHPROOF_SEED']
const protocolId = process.env['FLASHPROOF_PROTOCOL']
const seeds = wanted === undefined ? Array.from({ length: 120 }, (_, index) => 1 + index) : [Number(wanted)]
const among = harnesses.filter(harness => protocolId === undefined || harness.protocolId === protocolId)

it(
  'runs over all protocols with random faults end neither falsely green nor falsely red',
  { timeout: 180_000 },
  async () => {
    const bench = await openBench({ retryPolicy: suitePolicy })
    try {
      if (wanted !== undefined) bench.watchLog((_job, line) => console.info(line.elapsedMs, line.code, line.text))
      const results = await runSeeds(bench, seeds, { atOnce: 8, among })
      if (wanted !== undefined) console.info(results.map(describeRun).join('\n'))
      expect(results.filter(result => result.problems.length > 0).map(describeRun)).toEqual([])
    } finally {
      await bench.close()
    }
  },
)
