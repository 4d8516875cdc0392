/** How long the built command takes until its first output. */
import { spawnSync } from 'node:child_process'
import { median, row, type BenchRow } from './table.ts'

export function benchStart(rounds: number): BenchRow[] {
  const cli = new URL('../../out/cli.js', import.meta.url).pathname
  const timesMs: number[] = []
  for (let round = 0; round < 3 * rounds; round++) {
    const startedMs = performance.now()
    const run = spawnSync(process.execPath, [cli, 'help'])
    if (run.status !== 0) throw new Error(run.stderr.toString())
    timesMs.push(performance.now() - startedMs)
  }
  const wholeMs = median(timesMs)
  return [row('node out/cli.js help, start to end', '< 200 ms', `${wholeMs.toFixed(0)} ms`, wholeMs < 200)]
}
