/** Virtual devices of any kind that a test file starts; they are switched off after each test. */
import { afterEach } from 'vitest'

interface Closable {
  close(): Promise<void>
}

/** @returns what remembers a device and gives it back */
export function closedAfterEach(): <Device extends Closable>(device: Device) => Device {
  const running: Closable[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map(device => device.close()))
  })
  return device => {
    running.push(device)
    return device
  }
}
