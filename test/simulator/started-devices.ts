/** Virtual devices of any kind that a test file starts; they are switched off after each test, or after all of them. */
import { afterAll, afterEach } from 'vitest'

interface Closable {
  close(): Promise<void>
}

/** @returns what remembers a device and gives it back */
export function closedAfterEach(): <Device extends Closable>(device: Device) => Device {
  return closedAfter(afterEach)
}

/** For tests that run at the same time. @returns what remembers a device and gives it back */
export function closedAfterAll(): <Device extends Closable>(device: Device) => Device {
  return closedAfter(afterAll)
}

function closedAfter(hook: (close: () => Promise<void>) => void): <Device extends Closable>(device: Device) => Device {
  const running: Closable[] = []
  hook(async () => {
    await Promise.all(running.splice(0).map(device => device.close()))
  })
  return device => {
    running.push(device)
    return device
  }
}
