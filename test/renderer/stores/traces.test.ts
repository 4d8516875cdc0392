import { expect, it } from 'vitest'
import { fetchHistory, fetchTrace, type Trace } from '../../../src/renderer/stores/traces.ts'
import type { JobLogLine, RequestOf, ResponseOf, TelemetrySample } from '../../../src/shared/contract/index.ts'
import { createFakeStation } from '../fake-station.ts'

const PAGE = 2

function line(number: number): JobLogLine {
  return { at: '2026-11-21T10:00:00Z', elapsedMs: number, level: 'info', code: 'x', text: `line ${String(number)}` }
}

function sample(number: number): TelemetrySample {
  return { at: '2026-11-21T10:00:00Z', elapsedMs: number, source: 'http-json' }
}

/** A job of five lines and three samples, whose positions are their numbers. */
function answer({ before }: RequestOf<'job.trace'>): ResponseOf<'job.trace'> {
  const [lineEnd, sampleEnd] = [Math.min(5, before?.line ?? 5), Math.min(3, before?.sample ?? 3)]
  const [lineStart, sampleStart] = [Math.max(0, lineEnd - PAGE), Math.max(0, sampleEnd - PAGE)]
  const next = lineStart === 0 && sampleStart === 0 ? null : { line: lineStart, sample: sampleStart }
  const numbers = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, at) => start + at)
  return {
    lines: numbers(lineStart, lineEnd).map(line),
    samples: numbers(sampleStart, sampleEnd).map(sample),
    next,
  }
}

function begin(): ReturnType<typeof createFakeStation> {
  return createFakeStation({}, { 'job.trace': answer })
}

it('puts the pages of a trace in order, and shows the newest one at once', async () => {
  const newest: Trace[] = []
  const { station } = begin()
  const trace = await fetchTrace(station.client, 'j-1', { onNewest: page => newest.push(page) })
  expect(trace).toEqual({ lines: [0, 1, 2, 3, 4].map(line), samples: [0, 1, 2].map(sample) })
  expect(newest).toEqual([{ lines: [3, 4].map(line), samples: [1, 2].map(sample) }])
})

it('asks for no samples when only the lines are wanted, and for no more lines than that', async () => {
  const fake = begin()
  const trace = await fetchTrace(fake.station.client, 'j-1', { linesAlone: true, mostLines: 3 })
  expect(trace).toEqual({ lines: [1, 2, 3, 4].map(line), samples: [] })
  expect(fake.calls).toHaveLength(2)
})

it('puts the pages of a target in order', async () => {
  const { station } = createFakeStation(
    {},
    {
      'telemetry.history': ({ before = 3 }) => ({
        samples: [sample(before - 1)],
        next: before === 1 ? null : before - 1,
      }),
    },
  )
  const newest: (readonly TelemetrySample[])[] = []
  expect(await fetchHistory(station.client, 'http://a', page => newest.push(page))).toEqual([0, 1, 2].map(sample))
  expect(newest).toEqual([[sample(2)]])
})
