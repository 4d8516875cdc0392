/** The telemetry monitors that callers have open; each ends when it is stopped or the worker does. */
import { randomUUID } from 'node:crypto'
import type { EventName, EventOf } from '../shared/contract/events.ts'
import { asFlashproofError } from '../shared/errors.ts'
import { isoWithZone, systemClock } from '../core/clock.ts'
import type { Endpoint } from '../core/discovery/target.ts'
import { assertHasTelemetry, monitorTelemetry } from '../core/telemetry/monitor.ts'

const DEFAULT_INTERVAL_MS = 1000

export class Monitors {
  readonly #emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
  readonly #running = new Map<string, AbortController>()

  constructor(emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void) {
    this.#emit = emit
  }

  /**
   * Begins to watch and gives the id that every event of this monitor carries.
   * @throws {FlashproofError} protocol.endpoint-not-accepted
   */
  start(endpoint: Endpoint, intervalMs = DEFAULT_INTERVAL_MS): string {
    assertHasTelemetry(endpoint)
    const monitorId = `m-${randomUUID().slice(0, 8)}`
    const stop = new AbortController()
    this.#running.set(monitorId, stop)
    const target = endpoint.text
    const say = (text: string): void => {
      this.#emit('monitor.logged', { monitorId, target, at: isoWithZone(systemClock.nowMs()), text })
    }
    void monitorTelemetry(
      endpoint,
      { intervalMs, clock: systemClock, signal: stop.signal },
      {
        onSample: sample => {
          this.#emit('telemetry.sampled', { jobId: null, monitorId, target, sample })
        },
        onText: say,
      },
    )
      .catch((error: unknown) => {
        say(asFlashproofError(error).message)
      })
      .finally(() => {
        this.#running.delete(monitorId)
      })
    return monitorId
  }

  stop(monitorId: string): void {
    this.#running.get(monitorId)?.abort()
  }

  stopAll(): void {
    for (const stop of this.#running.values()) stop.abort()
  }
}
