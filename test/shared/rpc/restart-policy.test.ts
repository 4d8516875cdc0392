import { expect, it } from 'vitest'
import { RestartPolicy } from '../../../src/shared/rpc/restart-policy.ts'

it('pauses longer with each crash of the last minute and gives up at the fifth', () => {
  const policy = new RestartPolicy()
  expect([0, 1_000, 3_000, 6_000, 59_999].map(nowMs => policy.pauseAfterCrashMs(nowMs))).toEqual([
    500,
    1_000,
    2_000,
    4_000,
    null,
  ])
})

it('forgets each crash a minute after it', () => {
  const policy = new RestartPolicy()
  expect([0, 30_000, 60_000, 90_000, 300_000].map(nowMs => policy.pauseAfterCrashMs(nowMs))).toEqual([
    500, 1_000, 1_000, 1_000, 500,
  ])
})
