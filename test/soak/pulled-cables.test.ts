/** A board on a serial line whose cable is pulled at 200 moments: never a false green, and only what is missing is sent again. */
import { expect, it } from 'vitest'
import { pullCables } from '../core/transfer/esp-serial/cable-pulling.ts'
import { suitePolicy } from '../conformance/suite-policy.ts'
import { openBench } from '../fakes/bench.ts'

const MOMENTS = 200

it('pulled at 200 moments', { timeout: 600_000 }, async () => {
  const bench = await openBench({ retryPolicy: suitePolicy })
  try {
    const first = Number(process.env['FLASHPROOF_SEED'] ?? 1)
    const results = await pullCables(
      bench,
      Array.from({ length: MOMENTS }, (_, index) => first + index),
    )
    const attempts = results.reduce((sum, result) => sum + result.attempts, 0)
    console.info(`${String(results.length)} jobs, ${String(attempts)} tries`)
    expect(results.filter(({ problems }) => problems.length > 0)).toEqual([])
  } finally {
    await bench.close()
  }
})
