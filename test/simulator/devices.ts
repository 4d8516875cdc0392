/** Virtual devices of one test file, switched off after each test. */
import { afterEach } from 'vitest'
import {
  instantTimes,
  startVirtualEsp32,
  type VirtualEsp32,
  type VirtualEsp32Options,
} from '../../src/simulator/virtual-esp32.ts'

/** Gives a starter of devices without modelled times, whatever the options do not set. */
export function devicesOfThisFile(): (options?: VirtualEsp32Options) => Promise<VirtualEsp32> {
  const running: VirtualEsp32[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map(device => device.close()))
  })
  return async options => {
    const device = await startVirtualEsp32({ ...instantTimes, ...options })
    running.push(device)
    return device
  }
}
