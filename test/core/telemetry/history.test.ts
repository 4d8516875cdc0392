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

it('gives back exactly what it was given, oldest first, fields that come and go included', async () => {
  const history = new TelemetryHistory()
  const given = [
    sample(0),
    sample(1, { appVersion: '1.0.0', device: { mac: '24:0a:c4:00:00:01' }, rssiDbm: -60 }),
    sample(2, { appVersion: '1.0.0', device: { mac: '24:0a:c4:00:00:01' }, bootCount: 0 }),
    sample(3),
  ]
  for (const each of given) history.add('http://a', each)
  expect(await history.read('http://a')).toEqual(given)
  expect(await history.read('http://b')).toEqual([])
})

it('holds four hours at one sample a second, and then drops the oldest', async () => {
  const history = new TelemetryHistory()
  for (let second = 0; second < SAMPLES_A_TARGET + 10; second++) history.add('http://a', sample(second))
  const kept = await history.read('http://a')
  expect(kept).toHaveLength(14_400)
  expect(kept[0]).toEqual(sample(10))
  expect(kept.at(-1)).toEqual(sample(14_409))
})

it('drops the target that is silent longest when there are too many', async () => {
  const history = new TelemetryHistory({ targets: 2 })
  for (const target of ['a', 'b', 'a', 'c']) history.add(target, sample(1))
  expect((await history.read('a')).length).toBe(2)
  expect(await history.read('b')).toEqual([])
  expect((await history.read('c')).length).toBe(1)
})

it('keeps within all samples together, but never drops the target that speaks', async () => {
  const history = new TelemetryHistory({ samples: 5, samplesATarget: 100 })
  for (let second = 0; second < 4; second++) history.add('a', sample(second))
  for (let second = 0; second < 8; second++) history.add('b', sample(second))
  expect(await history.read('a')).toEqual([])
  expect(await history.read('b')).toHaveLength(8)
})
