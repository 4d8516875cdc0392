/** Draws a memory picture with uPlot: two axes, three lines, one filled series, marks and the shaded time of sending. */
import uPlot from 'uplot'
import { formatBytes } from '../../../shared/units.ts'
import type { MarkKind } from '../../stores/job-marks.ts'
import type { MemoryPicture } from '../../stores/telemetry.ts'
import type { FlashSeries, PlotData, TimeSpan } from './graph-data.ts'
import { translucent, type GraphColours } from './graph-colours.ts'
import { placeMarks, marksOf } from './graph-scene.ts'
import { sizeTicks, timeTicks } from './graph-view.ts'

/** What the plot asks while it draws: always the newest. */
export interface PlotScene {
  readonly colours: GraphColours
  readonly picture: MemoryPicture
  readonly span: TimeSpan
  readonly memoryBytes: number
  readonly flashBytes: number
  readonly flash: FlashSeries
  /** Where elapsed time begins; null for the time of day. */
  readonly originMs: number | null
  readonly markName: (kind: MarkKind) => string
}

export interface PlotListeners {
  /** @param index of the point under the cursor in the data last drawn; null when the cursor left */
  onCursor(index: number | null): void
}

const FONT = '11px system-ui, sans-serif'
const HEADROOM = 1.12

/** Where an axis ends whose greatest value is this one. */
export const topOf = (greatestBytes: number): number => Math.max(1024, greatestBytes * HEADROOM)

export function createMemoryPlot(
  parent: HTMLElement,
  size: { readonly width: number; readonly height: number },
  scene: () => PlotScene,
  listeners: PlotListeners,
): uPlot {
  const line = (scale: string, colour: 'free' | 'minimum' | 'largest'): uPlot.Series => ({
    scale,
    stroke: () => scene().colours[colour],
    width: 1.5,
    points: { show: false },
    spanGaps: false,
  })
  const stepped = uPlot.paths.stepped?.({ align: 1 })
  const options: uPlot.Options = {
    ...size,
    padding: [16, 4, 0, 0],
    legend: { show: false },
    // Panning and zooming are the page's own: the plot only shows where the pointer is.
    cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { size: 6 } },
    scales: {
      x: { time: false, auto: false },
      memory: { auto: false },
      flash: { auto: false },
    },
    series: [
      {},
      {
        scale: 'flash',
        stroke: () => scene().colours.flash,
        fill: () => translucent(scene().colours.flash, 0.24),
        width: 1,
        points: { show: false },
        spanGaps: false,
        ...(stepped === undefined ? {} : { paths: stepped }),
      },
      line('memory', 'largest'),
      line('memory', 'minimum'),
      line('memory', 'free'),
    ],
    // The library names its sides in an enum that exists for the compiler alone; 1 is the right one.
    axes: [timeAxis(scene), sizeAxis(scene, 'memory'), Object.assign(sizeAxis(scene, 'flash'), { side: 1 })],
    hooks: {
      drawAxes: [
        plot => {
          drawWindows(plot, scene())
        },
      ],
      draw: [
        plot => {
          drawMarks(plot, scene())
        },
      ],
      setCursor: [
        plot => {
          listeners.onCursor(plot.cursor.idx ?? null)
        },
      ],
    },
  }
  return new uPlot(options, [[], [], [], [], []], parent)
}

/** Many points in few pixels look like a band whatever their line is like, and dashes along all of them cost dearly. */
const MOST_DASHED_POINTS = 800
const dashes = { 2: [2, 3], 3: [6, 3] } as const

/** Tells the lines apart by their dashes as long as that can be seen. */
export function setDashes(plot: uPlot, points: number): void {
  for (const [index, dash] of Object.entries(dashes)) {
    const series = plot.series[Number(index)]
    if (series !== undefined) series.dash = points > MOST_DASHED_POINTS ? [] : [...dash]
  }
}

/** The columns in the order of the plot's series: what is filled lies behind the lines. */
export function plotColumns(data: PlotData): uPlot.AlignedData {
  // uPlot reads the arrays and keeps them as they are.
  return [data.timesS, data.flash, data.largest, data.minimum, data.free] as unknown as uPlot.AlignedData
}

function timeAxis(scene: () => PlotScene): uPlot.Axis {
  const ticksOf = (plot: uPlot, minimum: number, maximum: number): { ticksS: number[]; stepS: number } => {
    const { originMs } = scene()
    const originS = originMs === null ? midnightBefore(minimum * 1000) / 1000 : originMs / 1000
    return timeTicks({ minimumS: minimum, maximumS: maximum }, originS, Math.max(2, plot.width / 90))
  }
  return {
    stroke: () => scene().colours.text,
    font: FONT,
    size: 24,
    gap: 4,
    grid: { stroke: () => scene().colours.grid, width: 1 },
    ticks: { show: false },
    splits: (plot, _axis, minimum, maximum) => ticksOf(plot, minimum, maximum).ticksS,
    values: (_plot, splits) => {
      const stepS = (splits[1] ?? 0) - (splits[0] ?? 0)
      return splits.map(tickS => timeText(tickS * 1000, stepS < 60, scene().originMs))
    },
  }
}

function sizeAxis(scene: () => PlotScene, scale: 'memory' | 'flash'): uPlot.Axis {
  const greatest = (): number => (scale === 'memory' ? scene().memoryBytes : scene().flashBytes)
  return {
    scale,
    stroke: () => (scale === 'memory' ? scene().colours.text : scene().colours.flash),
    font: FONT,
    size: 62,
    gap: 6,
    grid: { show: scale === 'memory', stroke: () => scene().colours.grid, width: 1 },
    ticks: { show: false },
    splits: plot => (greatest() === 0 ? [] : sizeTicks(greatest(), Math.max(2, plot.height / 44))),
    values: (_plot, splits) => splits.map(shortBytes),
  }
}

/** Round sizes without needless digits. */
export function shortBytes(bytes: number): string {
  return bytes === 0 ? '0' : formatBytes(bytes).replace(/\.0+ /, ' ')
}

/** @param originMs null: the time of day; else the time since then */
export function timeText(timeMs: number, hasSeconds: boolean, originMs: number | null): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  if (originMs === null) {
    const date = new Date(timeMs)
    const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`
    return hasSeconds ? `${minutes}:${two(date.getSeconds())}` : minutes
  }
  const totalSeconds = Math.round(Math.abs(timeMs - originMs) / 1000)
  const sign = timeMs < originMs - 500 ? '−' : ''
  const hours = Math.floor(totalSeconds / 3600)
  const rest = `${two(Math.floor(totalSeconds / 60) % 60)}:${two(totalSeconds % 60)}`
  return `${sign}${hours > 0 ? `${String(hours)}:` : ''}${rest}`
}

function midnightBefore(timeMs: number): number {
  return new Date(timeMs).setHours(0, 0, 0, 0)
}

function drawWindows(plot: uPlot, { picture, span, colours }: PlotScene): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.fillStyle = translucent(colours.flash, 0.13)
  for (const window of picture.course.windows) {
    const startS = Math.max(span.minimumS, window.startMs / 1000)
    const endS = Math.min(span.maximumS, window.endMs === null ? span.maximumS : window.endMs / 1000)
    if (endS <= startS) continue
    const [left, right] = [plot.valToPos(startS, 'x', true), plot.valToPos(endS, 'x', true)]
    ctx.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height)
  }
  ctx.restore()
}

function drawMarks(plot: uPlot, { picture, span, colours, markName }: PlotScene): void {
  const { ctx, bbox } = plot
  const ratio = uPlot.pxRatio
  const nameShare = (62 * ratio) / bbox.width
  ctx.save()
  ctx.strokeStyle = colours.mark
  ctx.fillStyle = colours.text
  ctx.font = `${String(11 * ratio)}px system-ui, sans-serif`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'bottom'
  ctx.lineWidth = ratio
  ctx.setLineDash([3 * ratio, 3 * ratio])
  for (const mark of placeMarks(marksOf(picture), span, nameShare)) {
    const x = Math.round(bbox.left + mark.position * bbox.width) + 0.5
    ctx.beginPath()
    ctx.moveTo(x, bbox.top - 2 * ratio)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    if (mark.hasName) ctx.fillText(markName(mark.kind), x - 2 * ratio, bbox.top - 2 * ratio)
  }
  ctx.restore()
}
