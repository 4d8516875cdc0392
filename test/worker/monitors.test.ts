import { afterEach, beforeEach, expect, it } from 'vitest'
import { parseTarget, isEndpoint, type Endpoint } from '../../src/core/discovery/target.ts'
import type { TelemetrySample } from '../../src/shared/contract/models.ts'
import { instantTimes, startVirtualEsp32, type VirtualEsp32 } from '../../src/simulator/virtual-esp32.ts'
import { Monitors } from '../../src/worker/monitors.ts'

let board: VirtualEsp32
let monitors: Monitors
let samples: TelemetrySample[]
let isBusy = false
let onSample: () => void

beforeEach(async () => {
  board = await startVirtualEsp32({ ...instantTimes })
  samples = []
  isBusy = false
  onSample = () => undefined
  monitors = new Monitors({
    emit: () => undefined,
    onSample: (_target, sample) => {
      samples.push(sample)
      onSample()
    },
    isTransferring: () => isBusy,
    decodeCrash: () => Promise.reject(new Error('not asked for')),
  })
})
afterEach(async () => {
  await monitors.stopAll()
  await board.close()
})

function endpoint(text = board.target): Endpoint {
  const target = parseTarget(text)
  if (!isEndpoint(target)) throw new Error('no endpoint')
  return target
}

function nextSample(): Promise<void> {
  return new Promise(resolve => {
    onSample = resolve
  })
}

it('one target has one monitor, which ends with its last holder', async () => {
  const first = monitors.start(endpoint(), { intervalMs: 20 })
  await nextSample()
  expect(monitors.start(endpoint(`${board.target}/`), { intervalMs: 5000 })).toBe(first)
  monitors.stop(first)
  await nextSample()
  monitors.stop(first)
  const again = monitors.start(endpoint(), { intervalMs: 20 })
  expect(again).not.toBe(first)
  monitors.stop('m-unknown')
})

it('asks nothing while a job speaks with the board, and goes on afterwards', async () => {
  isBusy = true
  monitors.start(endpoint(), { intervalMs: 5 })
  // What a request needs to reach a board of this process takes a few turns of the loop.
  for (let round = 0; round < 20; round++) await new Promise(resolve => setImmediate(resolve))
  expect(board.stats.requests).toBe(0)
  isBusy = false
  await nextSample()
  expect(samples.length).toBeGreaterThan(0)
})
