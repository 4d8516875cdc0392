/** What is left of four hours of readings on a screen of some hundred pixels. */
import { describe, expect, it } from 'vitest'
import { flashSeriesOf, reduceForPlot, wholeSpan } from '../../../src/renderer/components/memory-graph/graph-data.ts'
import { follow, pan, timeTicks, zoom } from '../../../src/renderer/components/memory-graph/graph-view.ts'
import { courseOf } from '../../../src/renderer/stores/job-marks.ts'
import { ProgressTrack } from '../../../src/renderer/stores/progress-track.ts'
import { SampleRing } from '../../../src/renderer/stores/sample-ring.ts'

const START_MS = Date.UTC(2026, 10, 21, 3, 0, 0)

function ringWith(count: number, freeAt: (second: number) => number, skip: (second: number) => boolean): SampleRing {
  const ring = new SampleRing()
  for (let second = 0; second < count; second++) {
    if (skip(second)) continue
    const at = new Date(START_MS + second * 1000).toISOString()
    ring.add({ at, elapsedMs: second * 1000, source: 'http-json', heapFreeBytes: freeAt(second) })
  }
  return ring
}
const nothing = (): boolean => false

describe('reducing for the plot', () => {
  it('keeps every dip however short, with at most two points a column of pixels', () => {
    const ring = ringWith(14_400, second => (second === 7000 ? 1000 : 180_000), nothing)
    const span = wholeSpan(ring, []) ?? { minimumS: 0, maximumS: 1 }
    const data = reduceForPlot(ring, [], span, 600)
    expect(data.timesS.length).toBeLessThanOrEqual(1210)
    expect(Math.min(...data.free.map(value => value ?? Number.POSITIVE_INFINITY))).toBe(1000)
    expect(data.timesS).toEqual(data.timesS.toSorted((left, right) => left - right))
  })

  it('shows a gap as a gap, wide or narrow on the screen', () => {
    const ring = ringWith(
      3000,
      () => 180_000,
      second => second > 1000 && second < 1100,
    )
    const span = wholeSpan(ring, []) ?? { minimumS: 0, maximumS: 1 }
    for (const columns of [100, 5000]) {
      const data = reduceForPlot(ring, [], span, columns)
      expect(data.free.filter(value => value === null)).toHaveLength(1)
    }
  })

  it('puts written bytes on the same axis without interrupting the lines', () => {
    const ring = ringWith(10, () => 180_000, nothing)
    const written = [
      { timeMs: START_MS + 2500, doneBytes: 4096 },
      { timeMs: START_MS + 20_000, doneBytes: 8192 },
    ]
    const span = wholeSpan(ring, written) ?? { minimumS: 0, maximumS: 1 }
    const data = reduceForPlot(ring, written, span, 600)
    expect(flashSeriesOf(ring, written)).toBe('written')
    expect(data.timesS).toHaveLength(12)
    expect(data.flash[2]).toBeNull()
    expect(data.flash[3]).toBe(4096)
    expect(data.free[3]).toBeUndefined()
    expect(data.flash[4]).toBe(4096)
    expect(data.flash.at(-1)).toBe(8192)
  })

  it('has nothing to show of nothing', () => {
    expect(wholeSpan(new SampleRing(), [])).toBeNull()
    expect(flashSeriesOf(new SampleRing(), [])).toBe('none')
  })
})

describe('looking around', () => {
  const whole = { minimumS: 0, maximumS: 1000 }

  it('zooms around the pointer and never beyond the whole', () => {
    expect(zoom(whole, whole, 0.5, 0)).toEqual({ minimumS: 0, maximumS: 500 })
    expect(zoom(whole, whole, 0.5, 1)).toEqual({ minimumS: 500, maximumS: 1000 })
    expect(zoom({ minimumS: 400, maximumS: 600 }, whole, 100, 0.5)).toEqual(whole)
    const closest = zoom(whole, whole, 0.000_01, 0.5)
    expect(closest.maximumS - closest.minimumS).toBeCloseTo(5)
  })

  it('pans to the edges and no further', () => {
    expect(pan({ minimumS: 0, maximumS: 100 }, whole, -3)).toEqual({ minimumS: 0, maximumS: 100 })
    expect(pan({ minimumS: 0, maximumS: 100 }, whole, 50)).toEqual({ minimumS: 900, maximumS: 1000 })
  })

  it('goes along with new readings only when the end was in view', () => {
    const later = { minimumS: 0, maximumS: 1010 }
    expect(follow({ minimumS: 900, maximumS: 1000 }, whole, later)).toEqual({ minimumS: 910, maximumS: 1010 })
    expect(follow({ minimumS: 100, maximumS: 200 }, whole, later)).toEqual({ minimumS: 100, maximumS: 200 })
    expect(follow(null, whole, later)).toBeNull()
  })

  it('puts ticks on round times', () => {
    expect(timeTicks({ minimumS: 7, maximumS: 100 }, 0, 8)).toEqual({ ticksS: [15, 30, 45, 60, 75, 90], stepS: 15 })
  })
})

describe('the course of a job', () => {
  const line = (second: number, code: string, text: string) => ({
    at: new Date(START_MS + second * 1000).toISOString(),
    elapsedMs: second * 1000,
    level: 'debug' as const,
    code,
    text,
  })

  it('has marks for connecting, erasing, checking and restarting, and the time of sending', () => {
    const course = courseOf([
      line(0, 'job.state', 'connecting'),
      line(1, 'flash.erase', 'sector 4'),
      line(2, 'job.state', 'transferring'),
      line(9, 'job.state', 'paused'),
      line(12, 'job.state', 'transferring'),
      line(20, 'job.state', 'verifying'),
      line(22, 'job.state', 'rebooting'),
    ])
    expect(course.marks.map(mark => mark.kind)).toEqual(['connect', 'erase', 'verify', 'reboot'])
    expect(course.windows).toEqual([
      { startMs: START_MS + 2000, endMs: START_MS + 9000 },
      { startMs: START_MS + 12_000, endMs: START_MS + 20_000 },
    ])
  })

  it('leaves the time of sending open while it lasts', () => {
    expect(courseOf([line(2, 'job.state', 'transferring')]).windows).toEqual([
      { startMs: START_MS + 2000, endMs: null },
    ])
  })
})

describe('the track of written bytes', () => {
  it('takes a point a second, and every change of state', () => {
    const track = new ProgressTrack()
    for (let tenth = 0; tenth <= 30; tenth++) track.add({ timeMs: tenth * 100, doneBytes: tenth * 10 }, false)
    track.add({ timeMs: 3050, doneBytes: 305 }, true)
    expect(track.points.map(point => point.timeMs)).toEqual([0, 1000, 2000, 3000, 3050])
  })

  it('stays bounded over a long job and keeps its last point', () => {
    const track = new ProgressTrack()
    for (let second = 0; second < 20_000; second++) track.add({ timeMs: second * 1000, doneBytes: second }, false)
    track.add({ timeMs: 20_000_000, doneBytes: 20_000 }, true)
    expect(track.points.length).toBeLessThanOrEqual(2048)
    expect(track.points.at(-1)?.doneBytes).toBe(20_000)
    expect(track.points[0]?.doneBytes).toBe(0)
  })
})
