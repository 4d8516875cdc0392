/** Rows of the bench: what was measured, beside its goal. */

export interface BenchRow {
  readonly what: string
  readonly goal: string
  readonly measured: string
  /** Null where there is no goal to reach. */
  readonly isReached: boolean | null
}

export function row(what: string, goal: string, measured: string, isReached: boolean | null = null): BenchRow {
  return { what, goal, measured, isReached }
}

/** A ratio that should be at least `goal`. */
export function ratioRow(what: string, goal: number, ratio: number): BenchRow {
  return row(what, `≥ ${String(goal)}×`, `${ratio.toFixed(2)}×`, ratio >= goal)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

export function printRows(title: string, rows: readonly BenchRow[]): void {
  const width = Math.max(...rows.map(entry => entry.what.length))
  const goalWidth = Math.max(...rows.map(entry => entry.goal.length))
  console.log(`\n${title}`)
  for (const entry of rows) {
    const mark = entry.isReached === null ? ' ' : entry.isReached ? '✓' : '✗'
    console.log(`  ${mark} ${entry.what.padEnd(width)}  ${entry.goal.padEnd(goalWidth)}  ${entry.measured}`)
  }
}
