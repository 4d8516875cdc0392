/**
 * Repairs a fault of serialport 13 on Linux and macOS: a write that found the system's buffer full waits until the port
 * takes bytes again, but the next wait for a reading replaces that wait instead of joining it. When the device then waits
 * for the rest of its block, both wait for ever. (`Poller.poll` calls `uv_poll_start` with the new event alone, which
 * replaces the events of the call before; docs/decisions/0018-serial-ports-and-rfc2217.md has the measurements.)
 */
import { hasMethods } from './object-shape.ts'

/** libuv: readable, writable, disconnect. */
const flags = { readable: 1, writable: 2, disconnect: 4 } as const

/** What the binding's poller is known to have. */
interface PollerShape {
  poll(eventFlag?: number): void
  listenerCount(event: string): number
  readonly poller: { poll(eventFlag: number): void }
}

const repaired = new WeakSet<object>()

/**
 * Makes every wait ask for all events that somebody waits for. Done once for all ports of the process; does nothing where
 * the binding has no such poller (Windows), or a later one that looks different.
 * @param binding what `SerialPort.port` holds while the port is open
 * @returns whether the poller of this port is repaired
 */
export function repairPoller(binding: unknown): boolean {
  if (typeof binding !== 'object' || binding === null || !('poller' in binding)) return false
  const { poller } = binding
  if (!isPoller(poller)) return false
  const prototype: unknown = Object.getPrototypeOf(poller)
  if (typeof prototype !== 'object' || prototype === null || !Object.hasOwn(prototype, 'poll')) return false
  if (repaired.has(prototype)) return true
  repaired.add(prototype)
  Object.defineProperty(prototype, 'poll', {
    configurable: true,
    writable: true,
    value(this: PollerShape, eventFlag = 0) {
      let events = eventFlag
      for (const [event, flag] of Object.entries(flags)) if (this.listenerCount(event) > 0) events |= flag
      this.poller.poll(events)
    },
  })
  return true
}

function isPoller(poller: unknown): poller is PollerShape {
  return hasMethods(poller, 'poll', 'listenerCount') && 'poller' in poller && hasMethods(poller.poller, 'poll')
}
