/** Keeps one list of devices for as long as the worker lives, and tells what came, changed and went. */
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import type { Clock } from '../clock.ts'
import { mergeDevices } from './device-registry.ts'
import type { DeviceSource, DeviceWatch } from './device-source.ts'
import { failedChannel } from './failed-channel.ts'
import { readLabels, withLabels } from './labels.ts'

/** At most four rounds of news a second. */
const GATHER_MS = 250

export interface DiscoveryOptions {
  readonly home: string
  readonly clock: Clock
  readonly sources: readonly DeviceSource[]
  readonly onChanged: (entry: DeviceEntry) => void
  readonly onRemoved: (key: string) => void
  readonly onChannels: (channels: DiscoveryChannel[]) => void
}

export interface Discovery {
  /** Begins to listen; a second call does nothing. */
  start(): void
  /** The list as it is now, remembered devices and labels included. */
  list(): DeviceEntry[]
  /** Every way on which it listens, and how that goes. */
  channels(): DiscoveryChannel[]
  /** Looks again now: also what to call after a label, the memory or a file beside it changed. */
  refresh(): void
  /** Tells the sources what a board said of itself. */
  learn(entry: DeviceEntry): void
  close(): Promise<void>
}

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { home, clock, sources } = options
  const end = new AbortController()
  const watches = new Map<DeviceSource, DeviceWatch>()
  const told = new Map<string, string>()
  let toldChannels = '[]'
  let isGathering = false
  let isStarted = false

  /** Sources that could not be asked the last time. */
  const failed = new Map<DeviceSource, DiscoveryChannel>()

  /** Only sources that answer at once; one that must be listened to has nothing before `start`. */
  const listNow = (source: DeviceSource): DeviceEntry[] => {
    if (source.watch !== undefined && source.id !== 'simulated') return []
    try {
      const listed = source.list({ home, signal: end.signal, waitMs: 0 })
      failed.delete(source)
      return Array.isArray(listed) ? listed : []
    } catch (fault) {
      failed.set(source, failedChannel(source.id, fault))
      return []
    }
  }
  const list = (): DeviceEntry[] => {
    const entries = sources.flatMap(source => watches.get(source)?.devices() ?? listNow(source))
    return withLabels(mergeDevices(entries), readLabels(home))
  }
  const channels = (): DiscoveryChannel[] => [
    ...[...watches.values()].flatMap(watch => watch.channels()),
    ...failed.values(),
  ]

  const tell = (): void => {
    const entries = new Map(list().map(entry => [entry.key, entry]))
    for (const key of told.keys()) {
      if (entries.has(key)) continue
      told.delete(key)
      options.onRemoved(key)
    }
    for (const [key, entry] of entries) {
      const content = essence(entry)
      if (told.get(key) === content) continue
      told.set(key, content)
      options.onChanged(entry)
    }
    const current = channels()
    const content = JSON.stringify(current)
    if (content === toldChannels) return
    toldChannels = content
    options.onChannels(current)
  }

  const gather = (): void => {
    if (isGathering || end.signal.aborted) return
    isGathering = true
    clock.delay(GATHER_MS, end.signal).then(
      () => {
        isGathering = false
        tell()
      },
      () => undefined,
    )
  }

  return {
    start() {
      if (isStarted || end.signal.aborted) return
      isStarted = true
      for (const source of sources) {
        if (source.watch !== undefined) watches.set(source, source.watch({ home, clock, onChanged: gather }))
      }
      gather()
    },
    list,
    channels,
    refresh() {
      for (const watch of watches.values()) watch.refresh()
      if (isStarted) gather()
    },
    learn(entry) {
      for (const watch of watches.values()) watch.learn?.(entry)
    },
    async close() {
      end.abort()
      await Promise.allSettled([...watches.values()].map(watch => watch.close()))
    },
  }
}

/** A device that is heard again and again is no news: the time alone changes nothing while it is present. */
function essence(entry: DeviceEntry): string {
  return JSON.stringify(entry.present === true ? { ...entry, lastSeenAt: null } : entry)
}
