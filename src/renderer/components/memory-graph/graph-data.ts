/**
 * Reduces a memory picture to what a graph of a given width can show: the least and the greatest value of each column
 * of pixels, with gaps as gaps. Pure.
 */
import type { ProgressPoint } from '../../stores/progress-track.ts'
import type { SampleColumn, SampleRing } from '../../stores/sample-ring.ts'

/** Null: nothing was measured, and the line is interrupted. Undefined: another series has a point here. */
export type PlotValue = number | null | undefined

export interface PlotData {
  /** Seconds since the epoch. */
  readonly timesS: readonly number[]
  readonly free: readonly PlotValue[]
  readonly minimum: readonly PlotValue[]
  readonly largest: readonly PlotValue[]
  readonly flash: readonly PlotValue[]
}

export interface TimeSpan {
  readonly minimumS: number
  readonly maximumS: number
}

export type FlashSeries = 'written' | 'used' | 'none'

const memoryColumns = ['freeBytes', 'minimumBytes', 'largestBytes'] as const
type MemoryColumn = (typeof memoryColumns)[number]

interface PlotRow {
  readonly timeMs: number
  readonly values: readonly [PlotValue, PlotValue, PlotValue, PlotValue]
}

/** What the filled series shows: what the job wrote when that was seen, else what the device says is used. */
export function flashSeriesOf(ring: SampleRing, written: readonly ProgressPoint[]): FlashSeries {
  if (written.length > 0) return 'written'
  for (let index = 0; index < ring.length; index++) {
    if (!Number.isNaN(ring.at('flashUsedBytes', index))) return 'used'
  }
  return 'none'
}

/** The time that all points together take; null while there are none. */
export function wholeSpan(ring: SampleRing, written: readonly ProgressPoint[]): TimeSpan | null {
  const times = [
    ...(ring.length === 0 ? [] : [ring.at('timeMs', 0), ring.at('timeMs', ring.length - 1)]),
    ...[written[0], written.at(-1)].flatMap(point => (point === undefined ? [] : [point.timeMs])),
  ]
  if (times.length === 0) return null
  const [firstMs, lastMs] = [Math.min(...times), Math.max(...times)]
  // A single point has no width of its own.
  return { minimumS: firstMs / 1000, maximumS: Math.max(lastMs, firstMs + 1000) / 1000 }
}

/** @param columns how many columns of pixels there are; at most two points come for each */
export function reduceForPlot(
  ring: SampleRing,
  written: readonly ProgressPoint[],
  span: TimeSpan,
  columns: number,
): PlotData {
  const flash = flashSeriesOf(ring, written)
  const samples = sampleRows(ring, span, columns, flash === 'used')
  const rows = flash === 'written' ? mergeWritten(samples, written, span) : samples
  return {
    timesS: rows.map(row => row.timeMs / 1000),
    free: rows.map(row => row.values[0]),
    minimum: rows.map(row => row.values[1]),
    largest: rows.map(row => row.values[2]),
    flash: rows.map(row => row.values[3]),
  }
}

function sampleRows(ring: SampleRing, span: TimeSpan, columns: number, hasFlash: boolean): PlotRow[] {
  // One reading beyond each edge, so that lines run out of the picture instead of ending inside.
  const first = Math.max(0, ring.indexAt(span.minimumS * 1000) - 1)
  const end = Math.min(ring.length, ring.indexAt(span.maximumS * 1000) + 1)
  const rows: PlotRow[] = []
  const isThin = end - first <= columns * 2
  const columnMs = ((span.maximumS - span.minimumS) * 1000) / Math.max(1, columns)
  for (let index = first; index < end;) {
    if (index > first && ring.isAfterGap(index)) rows.push(gapRow(ring, index, hasFlash))
    const next = isThin ? index + 1 : endOfColumn(ring, index, end, columnMs)
    rows.push(...columnRows(ring, index, next, hasFlash))
    index = next
  }
  return rows
}

/** The first reading that no longer belongs to the column of pixels that begins at `index`. */
function endOfColumn(ring: SampleRing, index: number, end: number, columnMs: number): number {
  const column = Math.floor(ring.at('timeMs', index) / columnMs)
  let next = index + 1
  while (next < end && !ring.isAfterGap(next) && Math.floor(ring.at('timeMs', next) / columnMs) === column) next++
  return next
}

function columnRows(ring: SampleRing, first: number, end: number, hasFlash: boolean): PlotRow[] {
  const series: readonly (SampleColumn | null)[] = [...memoryColumns, hasFlash ? 'flashUsedBytes' : null]
  const pairs = series.map(column => (column === null ? null : extremes(ring, column, first, end)))
  const valuesAt = (side: 0 | 1): PlotRow['values'] => {
    const at = (index: number): PlotValue => pairs[index]?.[side] ?? null
    return [at(0), at(1), at(2), hasFlash ? at(3) : undefined]
  }
  const opening = { timeMs: ring.at('timeMs', first), values: valuesAt(0) }
  return end - first === 1 ? [opening] : [opening, { timeMs: ring.at('timeMs', end - 1), values: valuesAt(1) }]
}

/** The least and the greatest value in the order in which they came; null where nothing was measured. */
function extremes(
  ring: SampleRing,
  column: SampleColumn,
  first: number,
  end: number,
): readonly [number, number] | null {
  let [least, greatest, leastAt, greatestAt] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -1]
  for (let index = first; index < end; index++) {
    const value = ring.at(column, index)
    if (value < least) [least, leastAt] = [value, index]
    if (value > greatest) [greatest, greatestAt] = [value, index]
  }
  if (leastAt === -1) return null
  return leastAt <= greatestAt ? [least, greatest] : [greatest, least]
}

function gapRow(ring: SampleRing, index: number, hasFlash: boolean): PlotRow {
  const timeMs = (ring.at('timeMs', index - 1) + ring.at('timeMs', index)) / 2
  return { timeMs, values: [null, null, null, hasFlash ? null : undefined] }
}

/** Puts the written bytes on the same time axis; what was written stays until more is. */
function mergeWritten(samples: readonly PlotRow[], written: readonly ProgressPoint[], span: TimeSpan): PlotRow[] {
  const rows: PlotRow[] = []
  let next = 0
  let doneBytes: number | null = null
  const take = (untilMs: number): void => {
    for (let point = written[next]; point !== undefined && point.timeMs <= untilMs; point = written[++next]) {
      doneBytes = point.doneBytes
      const isInside = point.timeMs >= span.minimumS * 1000 && point.timeMs <= span.maximumS * 1000
      if (isInside) rows.push({ timeMs: point.timeMs, values: [undefined, undefined, undefined, doneBytes] })
    }
  }
  for (const row of samples) {
    take(row.timeMs - Number.EPSILON)
    const [free, minimum, largest] = row.values
    // A point of the job at the very time of a reading would give one time twice.
    if (rows.at(-1)?.timeMs === row.timeMs) rows.pop()
    rows.push({ timeMs: row.timeMs, values: [free, minimum, largest, doneBytes] })
  }
  take(Number.POSITIVE_INFINITY)
  return rows
}

/** The greatest values of all that is kept, for axes that do not jump while people look around. */
export function greatestOf(
  ring: SampleRing,
  written: readonly ProgressPoint[],
): { readonly memoryBytes: number; readonly flashBytes: number } {
  const memoryBytes = Math.max(0, ...memoryColumns.map(column => greatestIn(ring, column)))
  const writtenBytes = written.reduce((greatest, point) => Math.max(greatest, point.doneBytes), 0)
  const flashBytes = written.length > 0 ? writtenBytes : Math.max(0, greatestIn(ring, 'flashUsedBytes'))
  return { memoryBytes, flashBytes }
}

function greatestIn(ring: SampleRing, column: MemoryColumn | 'flashUsedBytes'): number {
  return extremes(ring, column, 0, ring.length)?.reduce((left, right) => Math.max(left, right)) ?? 0
}
