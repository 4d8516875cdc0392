/** The monitors that callers have open, one a target; each ends when its last caller stops it or the worker does. */
import { randomUUID } from 'node:crypto'
import type { EventName, EventOf } from '../shared/contract/events.ts'
import type { MonitorEntry, TelemetrySample } from '../shared/contract/models.ts'
import { asFlashproofError, FlashproofError } from '../shared/errors.ts'
import { isoWithZone, systemClock, type Clock } from '../core/clock.ts'
import type { Endpoint } from '../core/discovery/target.ts'
import { endpointKey } from '../core/jobs/endpoint-key.ts'
import type { CrashDecoder } from '../core/telemetry/backtrace/thread-decoder.ts'
import { telemetrySourceFor } from '../core/telemetry/index.ts'
import { EntryFeed } from '../core/telemetry/serial-log/entry-feed.ts'
import { MonitorNotes, type NotesRequest } from '../core/telemetry/serial-log/monitor-notes.ts'
import type { LineControl, Watch, WatchListeners } from '../core/telemetry/telemetry-source.ts'

const DEFAULT_INTERVAL_MS = 1000
/** What boards print with where nobody changed it (ESP32’s ROM and its frameworks). */
const DEFAULT_BAUD_RATE = 115_200
/** Targets whose last lines are kept after their monitors ended. */
const MOST_FEEDS = 32

export interface MonitorWorld {
  readonly emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
  readonly onSample: (target: string, sample: TelemetrySample) => void
  /** A job speaks with the target now, and measures it itself: nothing is sent beside its requests. */
  readonly isTransferring: (target: string) => boolean
  readonly decodeCrash: CrashDecoder
  readonly clock?: Clock
}

export interface MonitorSettings {
  /** 100 to 60,000. */
  readonly intervalMs?: number
  /** Of a serial line: 300 to 5,000,000. */
  readonly baudRate?: number
}

interface Monitor {
  readonly monitorId: string
  readonly key: string
  readonly target: string
  readonly stop: AbortController
  readonly feed: EntryFeed
  readonly notes: MonitorNotes
  watch: Watch | null
  /** Resolves when its port and its files are closed. */
  ended: Promise<void>
  intervalMs: number
  /** How many callers began it and did not stop it. */
  holders: number
}

export class Monitors {
  readonly #world: MonitorWorld
  readonly #clock: Clock
  readonly #running = new Map<string, Monitor>()
  /** By endpoint; the map's order is the order in which they were used last. */
  readonly #feeds = new Map<string, EntryFeed>()

  constructor(world: MonitorWorld) {
    this.#world = world
    this.#clock = world.clock ?? systemClock
  }

  /**
   * Begins to watch and gives the id that every event of this monitor carries. A target that is watched already keeps its
   * monitor, at the shorter of the two intervals and with the rate that was said last.
   * @throws {FlashproofError} protocol.endpoint-not-accepted
   */
  start(endpoint: Endpoint, { intervalMs = DEFAULT_INTERVAL_MS, baudRate }: MonitorSettings = {}): string {
    const source = telemetrySourceFor(endpoint)
    const key = endpointKey(endpoint)
    const former = [...this.#running.values()].filter(monitor => monitor.key === key)
    const known = former.find(monitor => !monitor.stop.signal.aborted)
    if (known !== undefined) {
      known.holders++
      known.intervalMs = Math.min(known.intervalMs, intervalMs)
      if (baudRate !== undefined) known.watch?.line?.setBaudRate(baudRate)
      return known.monitorId
    }
    const monitor = this.#create(key, endpoint.text, intervalMs)
    const { monitorId, stop } = monitor
    this.#running.set(monitorId, monitor)
    const options = {
      intervalMs: () => monitor.intervalMs,
      mayAsk: () => !this.#world.isTransferring(endpoint.text),
      baudRate: baudRate ?? DEFAULT_BAUD_RATE,
      clock: this.#clock,
      signal: stop.signal,
      after: Promise.all(former.map(({ ended }) => ended)).then(() => undefined),
    }
    monitor.watch = source.watch(endpoint, options, this.#listenersOf(monitor))
    monitor.ended = monitor.watch.ended
      .catch((error: unknown) => {
        this.#say(monitor, asFlashproofError(error).message)
      })
      .then(() => this.#end(monitor))
    return monitorId
  }

  /** Lets one caller go; the monitor ends with the last one. An id that is not known is stopped already. */
  stop(monitorId: string): void {
    const monitor = this.#running.get(monitorId)
    if (monitor === undefined) return
    monitor.holders--
    if (monitor.holders <= 0) monitor.stop.abort()
  }

  /** Ends all of them; resolves when their ports and files are closed. */
  async stopAll(): Promise<void> {
    const monitors = [...this.#running.values()]
    for (const { stop } of monitors) stop.abort()
    await Promise.all(monitors.map(({ ended }) => ended))
  }

  /**
   * Writes a monitor's lines into a file, decodes its crashes with an ELF file; what is not given stays as it is.
   * @throws {FlashproofError} target.unknown for a monitor that ended, file.*
   */
  async attach(monitorId: string, request: NotesRequest): Promise<void> {
    const { notes, feed } = this.#find(monitorId)
    await notes.attach(request, () => feed.own())
  }

  /** @throws {FlashproofError} target.unknown, protocol.endpoint-not-accepted, serial.*, network.* */
  async send(monitorId: string, text: string, lineEnd: string): Promise<void> {
    await this.#lineOf(monitorId).send(Buffer.from(`${text}${lineEnd}`, 'utf8'), text)
  }

  /** @throws {FlashproofError} target.unknown, protocol.endpoint-not-accepted */
  async restart(monitorId: string): Promise<void> {
    await this.#lineOf(monitorId).restart()
  }

  /** The newest lines and events of a target that is or was watched; empty for one that never was. */
  history(endpoint: Endpoint): MonitorEntry[] {
    return this.#feeds.get(endpointKey(endpoint))?.history() ?? []
  }

  #find(monitorId: string): Monitor {
    const monitor = this.#running.get(monitorId)
    if (monitor !== undefined) return monitor
    throw new FlashproofError('target.unknown', `no monitor “${monitorId}” runs`, { monitorId })
  }

  #lineOf(monitorId: string): LineControl {
    const { watch, target } = this.#find(monitorId)
    const line = watch?.line ?? null
    if (line !== null) return line
    throw new FlashproofError('protocol.endpoint-not-accepted', `${target} has no line that text can be sent on`, {
      target,
    })
  }

  #create(key: string, target: string, intervalMs: number): Monitor {
    const monitorId = `m-${randomUUID().slice(0, 8)}`
    const feed = new EntryFeed(entries => {
      this.#world.emit('monitor.heard', { monitorId, target, entries })
    }, this.#clock)
    this.#keepFeed(key, feed)
    const notes = new MonitorNotes({
      decode: this.#world.decodeCrash,
      now: () => isoWithZone(this.#clock.nowMs()),
      onEvent: event => {
        feed.add({ type: 'event', event })
      },
    })
    return {
      monitorId,
      key,
      target,
      stop: new AbortController(),
      feed,
      notes,
      watch: null,
      ended: Promise.resolve(),
      intervalMs,
      holders: 1,
    }
  }

  /** Lines of the monitor before, if there was one, come first: the history of a target is one. */
  #keepFeed(key: string, feed: EntryFeed): void {
    for (const entry of this.#feeds.get(key)?.history() ?? []) feed.remember(entry)
    this.#feeds.delete(key)
    this.#feeds.set(key, feed)
    const [oldest] = this.#feeds.keys()
    if (this.#feeds.size > MOST_FEEDS && oldest !== undefined) this.#feeds.delete(oldest)
  }

  #listenersOf(monitor: Monitor): WatchListeners {
    const { monitorId, target, feed, notes } = monitor
    return {
      onSample: sample => {
        this.#world.onSample(target, sample)
        this.#world.emit('telemetry.sampled', { jobId: null, monitorId, target, sample })
      },
      onText: text => {
        this.#say(monitor, text)
      },
      onLine: line => {
        feed.add({ type: 'line', line })
        notes.line(line)
      },
      onEvent: event => {
        feed.add({ type: 'event', event })
        notes.event(event)
      },
      onCrash: (crash, appElfSha256) => {
        notes.crash(crash, appElfSha256)
      },
    }
  }

  #say({ monitorId, target }: Monitor, text: string): void {
    this.#world.emit('monitor.logged', { monitorId, target, at: isoWithZone(this.#clock.nowMs()), text })
  }

  async #end(monitor: Monitor): Promise<void> {
    await monitor.notes.close()
    monitor.feed.flush()
    this.#running.delete(monitor.monitorId)
  }
}
