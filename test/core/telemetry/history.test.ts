import { expect, it } from 'vitest'
import { SAMPLES_A_TARGET, TelemetryHistory } from '../../../src/core/telemetry/history.ts'
import type { TelemetrySample } from '../../../src/shared/contract/models.ts'
import { isoWithZone } from '../../../src/core/clock.ts'

const START_MS = Date.UTC(2026, 10, 21, 3)

function sample(second: number, more: Partial<TelemetrySample> = {}): TelemetrySample {
  return {
    at: isoWithZone(START_MS + second * 1000),
    elapsedMs: second * 1000,
    source: 'http-json',
    heapFreeBytes: 200_000 - second,
    ...more,
  }
}

function all(history: TelemetryHistory, target: string): TelemetrySample[] {
  return history.read(target, { limit: 100_000 }).samples
}

it('gives back exactly what it was given, oldest first, fields that come and go included', () => {
  const history = new TelemetryHistory()
  const given = [
    sample(0),
    sample(1, { appVersion: '1.0.0', device: { mac: '24:0a:c4:00:00:01' }, rssiDbm: -60 }),
    sample(2, { appVersion: '1.0.0', device: { mac: '24:0a:c4:00:00:01' }, bootCount: 0 }),
    sample(3),
  ]
  for (const each of given) history.add('http://a', each)
  expect(all(history, 'http://a')).toEqual(given)
  expect(all(history, 'http://b')).toEqual([])
})

it('holds four hours at one sample a second, and then drops the oldest', () => {
  const history = new TelemetryHistory()
  for (let second = 0; second < SAMPLES_A_TARGET + 10; second++) history.add('http://a', sample(second))
  const kept = all(history, 'http://a')
  expect(kept).toHaveLength(14_400)
  expect(kept[0]).toEqual(sample(10))
  expect(kept.at(-1)).toEqual(sample(14_409))
})

it('drops the target that is silent longest when there are too many', () => {
  const history = new TelemetryHistory({ targets: 2 })
  for (const target of ['a', 'b', 'a', 'c']) history.add(target, sample(1))
  expect(all(history, 'a').length).toBe(2)
  expect(all(history, 'b')).toEqual([])
  expect(all(history, 'c').length).toBe(1)
})

it('keeps within all samples together, but never drops the target that speaks', () => {
  const history = new TelemetryHistory({ samples: 5, samplesATarget: 100 })
  for (let second = 0; second < 4; second++) history.add('a', sample(second))
  for (let second = 0; second < 8; second++) history.add('b', sample(second))
  expect(all(history, 'a')).toEqual([])
  expect(all(history, 'b')).toHaveLength(8)
})

it('is read page by page, the newest first, while new samples come and old ones go', () => {
  const history = new TelemetryHistory({ samplesATarget: 10 })
  for (let second = 0; second < 10; second++) history.add('a', sample(second))
  const newest = history.read('a', { limit: 4 })
  expect(newest.samples).toEqual([6, 7, 8, 9].map(second => sample(second)))
  history.add('a', sample(10))
  const older = history.read('a', { limit: 4, before: newest.next ?? -1 })
  expect(older.samples).toEqual([2, 3, 4, 5].map(second => sample(second)))
  // The first one has gone meanwhile.
  expect(history.read('a', { limit: 4, before: older.next ?? -1 })).toEqual({ samples: [sample(1)], next: null })
  for (let second = 11; second < 30; second++) history.add('a', sample(second))
  expect(history.read('a', { limit: 4, before: older.next ?? -1 })).toEqual({ samples: [], next: null })
  expect(history.read('b', { limit: 4 })).toEqual({ samples: [], next: null })
})
