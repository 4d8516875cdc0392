import { beforeEach, expect, it } from 'vitest'
import { SleepWatch } from '../../../src/core/jobs/sleep-watch.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'

let clock: FakeClock
/** What the system counts beside what the monotonic clock does. */
let uncountedMs: number
let told: string[]
let watch: SleepWatch

beforeEach(() => {
  clock = new FakeClock()
  uncountedMs = 0
  told = []
  watch = new SleepWatch({
    clock,
    uptimeMs: () => clock.monotonicMs() + uncountedMs,
    onSlept: sleptMs => told.push(`slept ${String(Math.round(sleptMs / 1000))}`),
    onClockSet: byMs => told.push(`set ${String(Math.round(byMs / 1000))}`),
  })
})

/** A system whose monotonic clock stands still while it sleeps, as Linux. */
function sleep(seconds: number): void {
  clock.jumpWallClock(seconds * 1000)
  uncountedMs += seconds * 1000
}

it('says nothing while time passes as it should', async () => {
  watch.start()
  await clock.advance(60_000)
  expect(told).toEqual([])
  watch.stop()
  expect(clock.sleeperCount).toBe(0)
})

it('tells a sleep that the monotonic clock does not count, once', async () => {
  watch.start()
  await clock.advance(3000)
  sleep(34)
  await clock.advance(5000)
  expect(told).toEqual(['slept 35'])
})

it('tells a sleep that the monotonic clock counts', async () => {
  watch.start()
  await clock.advance(2500)
  const held = clock.monotonicMs.bind(clock)
  clock.monotonicMs = () => held() + 40_000
  clock.jumpWallClock(40_000)
  await clock.advance(5000)
  expect(told).toEqual(['slept 41'])
})

it('tells at a look what the next tick would tell, and only then', async () => {
  watch.start()
  await clock.advance(1000)
  sleep(20)
  watch.check()
  expect(told).toEqual(['slept 20'])
  await clock.advance(3000)
  expect(told).toHaveLength(1)
})

it('takes a clock that is set for no sleep, forwards and backwards', async () => {
  watch.start()
  await clock.advance(1000)
  clock.jumpWallClock(3_600_000)
  await clock.advance(2000)
  clock.jumpWallClock(-7200_000)
  await clock.advance(2000)
  expect(told).toEqual(['set 3600', 'set -7200'])
})

it('tells both when the clock is set in a sleep', async () => {
  watch.start()
  await clock.advance(1000)
  sleep(60)
  clock.jumpWallClock(-600_000)
  await clock.advance(1000)
  expect(told).toEqual(['set -600', 'slept 61'])
})

it('lets short pauses and the steps of a time server pass', async () => {
  watch.start()
  await clock.advance(1000)
  sleep(8)
  await clock.advance(1000)
  clock.jumpWallClock(-900)
  await clock.advance(1000)
  expect(told).toEqual([])
})

it('is silent before it began and after it ended', async () => {
  sleep(60)
  watch.check()
  watch.start()
  await clock.advance(1000)
  watch.stop()
  sleep(60)
  watch.check()
  expect(told).toEqual([])
})
