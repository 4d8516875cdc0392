/** The telemetry monitors that callers have open, one a target; each ends when its last caller stops it or the worker does. */
import { randomUUID } from 'node:crypto'
import type { EventName, EventOf } from '../shared/contract/events.ts'
import type { TelemetrySample } from '../shared/contract/models.ts'
import { asFlashproofError } from '../shared/errors.ts'
import { isoWithZone, systemClock, type Clock } from '../core/clock.ts'
import type { Endpoint } from '../core/discovery/target.ts'
import { endpointKey } from '../core/jobs/endpoint-key.ts'
import { assertHasTelemetry, monitorTelemetry } from '../core/telemetry/monitor.ts'

const DEFAULT_INTERVAL_MS = 1000

export interface MonitorWorld {
  readonly emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
  readonly onSample: (target: string, sample: TelemetrySample) => void
  /** A job speaks with the target now, and measures it itself: nothing is sent beside its requests. */
  readonly isTransferring: (target: string) => boolean
  readonly clock?: Clock
}

interface Monitor {
  readonly monitorId: string
  readonly key: string
  readonly stop: AbortController
  intervalMs: number
  /** How many callers began it and did not stop it. */
  holders: number
}

export class Monitors {
  readonly #world: MonitorWorld
  readonly #running = new Map<string, Monitor>()

  constructor(world: MonitorWorld) {
    this.#world = world
  }

  /**
   * Begins to watch and gives the id that every event of this monitor carries. A target that is watched already keeps its
   * monitor, at the shorter of the two intervals.
   * @throws {FlashproofError} protocol.endpoint-not-accepted
   */
  start(endpoint: Endpoint, intervalMs = DEFAULT_INTERVAL_MS): string {
    assertHasTelemetry(endpoint)
    const key = endpointKey(endpoint)
    const known = [...this.#running.values()].find(monitor => monitor.key === key && !monitor.stop.signal.aborted)
    if (known !== undefined) {
      known.holders++
      known.intervalMs = Math.min(known.intervalMs, intervalMs)
      return known.monitorId
    }
    const monitorId = `m-${randomUUID().slice(0, 8)}`
    const monitor: Monitor = { monitorId, key, stop: new AbortController(), intervalMs, holders: 1 }
    this.#running.set(monitorId, monitor)
    this.#watch(monitor, endpoint)
    return monitorId
  }

  /** Lets one caller go; the monitor ends with the last one. An id that is not known is stopped already. */
  stop(monitorId: string): void {
    const monitor = this.#running.get(monitorId)
    if (monitor === undefined) return
    monitor.holders--
    if (monitor.holders <= 0) monitor.stop.abort()
  }

  stopAll(): void {
    for (const { stop } of this.#running.values()) stop.abort()
  }

  #watch(monitor: Monitor, endpoint: Endpoint): void {
    const { emit, onSample, isTransferring } = this.#world
    const clock = this.#world.clock ?? systemClock
    const { monitorId } = monitor
    const target = endpoint.text
    const say = (text: string): void => {
      emit('monitor.logged', { monitorId, target, at: isoWithZone(clock.nowMs()), text })
    }
    const options = {
      intervalMs: () => monitor.intervalMs,
      mayAsk: () => !isTransferring(target),
      clock,
      signal: monitor.stop.signal,
    }
    const onNewSample = (sample: TelemetrySample): void => {
      onSample(target, sample)
      emit('telemetry.sampled', { jobId: null, monitorId, target, sample })
    }
    void monitorTelemetry(endpoint, options, { onSample: onNewSample, onText: say })
      .catch((error: unknown) => {
        say(asFlashproofError(error).message)
      })
      .finally(() => {
        this.#running.delete(monitorId)
      })
  }
}
