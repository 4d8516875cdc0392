/** The station's devices as callers see them: the list with labels, and what people add, name and forget. */
import type { EventName, EventOf } from '../shared/contract/events.ts'
import type { DeviceEntry, DiscoveryChannel, JobSnapshot, ProbeReport } from '../shared/contract/models.ts'
import { FlashproofError, hasErrorCode } from '../shared/errors.ts'
import { stripControl } from '../shared/units.ts'
import { isoWithZone, type Clock } from '../core/clock.ts'
import { deviceEntry } from '../core/discovery/device-key.ts'
import { readDeviceCsv, writeDeviceCsv } from '../core/discovery/device-csv.ts'
import { listDevices, lookUpDevice, macMeant, mergeDevices, targetsOf } from '../core/discovery/device-registry.ts'
import type { DeviceSource } from '../core/discovery/device-source.ts'
import { createDiscovery, type Discovery } from '../core/discovery/discovery.ts'
import { readLabels, setLabel, setLabels, withLabels } from '../core/discovery/labels.ts'
import type { PortFinder } from '../core/discovery/port-finder.ts'
import { forgetDevice, readRemembered, rememberDevices } from '../core/discovery/remembered.ts'
import type { SearchPort } from '../core/discovery/scan.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../core/discovery/target.ts'
import { endpointKey } from '../core/jobs/endpoint-key.ts'
import { cleanIdentity } from '../core/jobs/board-guard.ts'
import { DeviceScans } from './device-scans.ts'

export interface DevicesWorld {
  readonly home: string
  readonly clock: Clock
  readonly sources: readonly DeviceSource[]
  readonly isSimulated: (endpoint: Endpoint) => boolean
  /** What is known of serial ports, also where nothing listens. */
  readonly ports: Pick<PortFinder, 'entryOf'>
  /** @param timeoutMs of each question; the station's own where not given */
  readonly probe: (endpoint: Endpoint, signal: AbortSignal, timeoutMs?: number) => Promise<ProbeReport>
  /** What a CSV file may name. */
  readonly protocolIds: readonly string[]
  /** Where protocols are looked for when a range is searched. */
  readonly searchPorts: readonly SearchPort[]
  /** Whether this process may listen for boards. */
  readonly mayListen: () => boolean
  /** Whether a job speaks with the board at a target. */
  readonly isBusy: (target: string) => boolean
  readonly emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
}

const LONGEST_TEXT = 80
/** Boards answer the first or the second query. */
const HEARING_MS = 3_000
const HEARING_LOOK_MS = 100
/** Of each question to a board that nobody named: one that is there answers sooner. */
export const FINGERPRINT_TIMEOUT_MS = 1_500

export class Devices {
  readonly #world: DevicesWorld

  readonly #discovery: Discovery
  readonly scans: DeviceScans
  #isListening = false
  #listeningSinceMs = 0
  /** How the last list was made, where nothing listens all the time. */
  #lastChannels: readonly DiscoveryChannel[] = []

  constructor(world: DevicesWorld) {
    this.#world = world
    const { home, clock, sources, emit, isBusy, searchPorts } = world
    this.scans = new DeviceScans({
      clock,
      ports: searchPorts,
      isBusy,
      ask: (target, signal) => this.#meet(target, signal),
      emit,
    })
    this.#discovery = createDiscovery({
      home,
      clock,
      sources,
      onChanged: device => {
        emit('device.changed', { device })
      },
      onRemoved: key => {
        emit('device.removed', { key })
      },
      onChannels: channels => {
        emit('discovery.changed', { channels })
      },
    })
  }

  /** Begins to listen, and to tell what comes and goes: for a page, not for a command that wants one answer. */
  listen(): void {
    if (!this.#isListening) this.#listeningSinceMs = this.#world.clock.monotonicMs()
    this.#isListening = true
    this.#discovery.start()
  }

  /**
   * Gives boards whose names are not known yet a moment to announce themselves, in a process that did not listen so far.
   * Which names stayed unknown shows when they are resolved.
   */
  async hear(targets: readonly string[], signal: AbortSignal): Promise<void> {
    const { clock, mayListen } = this.#world
    if (!mayListen() || targets.every(target => this.#isKnown(target))) return
    this.listen()
    while (clock.monotonicMs() - this.#listeningSinceMs < HEARING_MS && !signal.aborted) {
      await clock.delay(HEARING_LOOK_MS, signal).catch(() => undefined)
      if (targets.every(target => this.#isKnown(target))) return
    }
  }

  /** @param waitMs how long to listen for an answer, where nothing listens all the time */
  async list(waitMs: number, signal: AbortSignal): Promise<DeviceEntry[]> {
    const { home, sources } = this.#world
    if (this.#isListening) return this.#discovery.list()
    const channels: DiscoveryChannel[] = []
    const onChannels = (told: readonly DiscoveryChannel[]): void => {
      channels.push(...told)
    }
    const devices = await listDevices(sources, { home, waitMs, signal, onChannels })
    this.#lastChannels = channels
    return withLabels(devices, readLabels(home))
  }

  /** Every way on which devices are listened for, or were when they were listed last. */
  channels(): DiscoveryChannel[] {
    return this.#isListening ? this.#discovery.channels() : [...this.#lastChannels]
  }

  /** What is known may have changed: a job met boards. */
  refresh(): void {
    if (this.#isListening) this.#discovery.refresh()
  }

  async close(): Promise<void> {
    await Promise.all([this.#discovery.close(), this.scans.close()])
  }

  /** Turns a TARGET or a known name into an endpoint. @throws {FlashproofError} target.* */
  resolve(target: string): Endpoint {
    return lookUpDevice(target, this.#known())
  }

  /** The MAC of the board that a TARGET means, where that is sure. @throws {FlashproofError} target.* */
  macMeant(target: string): string | null {
    return macMeant(target, this.#known())
  }

  /** What the list knows that an endpoint speaks; empty where it does not know it. */
  protocolsOf(endpoint: Endpoint): readonly string[] {
    const key = endpointKey(endpoint)
    const places = this.#known().flatMap(entry => [entry, ...(entry.otherTargets ?? [])])
    const place = places.find(({ target }) => {
      const known = parseTarget(target)
      return isEndpoint(known) && endpointKey(known) === key
    })
    return place?.protocols ?? []
  }

  /**
   * Asks a target what it is and keeps it in the list, whether it answers or not.
   * @throws {FlashproofError} target.*, file.not-writable
   */
  async add(target: string, signal: AbortSignal): Promise<{ device: DeviceEntry; probe: ProbeReport }> {
    const endpoint = this.resolve(target)
    const report = await this.#world.probe(endpoint, signal)
    return { device: await this.#keep(endpoint, report), probe: report }
  }

  /**
   * Asks a target which board it is and keeps the answer; null where nothing answers.
   * @throws {FlashproofError} target.*, device.busy, file.not-writable
   */
  async identify(target: string, signal: AbortSignal): Promise<{ device: DeviceEntry | null; probe: ProbeReport }> {
    const endpoint = this.resolve(target)
    const report = await this.#world.probe(endpoint, signal)
    return { device: report.identity === null ? null : await this.#keep(endpoint, report), probe: report }
  }

  /** The remembered devices as CSV text. */
  exportCsv(): { csv: string; devices: number } {
    const { home } = this.#world
    const devices = withLabels(readRemembered(home), readLabels(home))
    return { csv: writeDeviceCsv(devices), devices: devices.length }
  }

  /**
   * Remembers the devices of a CSV text, with their labels; what is known beside stays.
   * @throws {FlashproofError} devices-file.invalid, file.not-writable
   */
  importCsv(csv: string): { devices: number } {
    const { home, protocolIds } = this.#world
    const devices = readDeviceCsv(csv, protocolIds)
    const merged = mergeDevices([...devices, ...readRemembered(home)])
    // A label belongs to its row, which may stand under more than the file knew of the board.
    const rowOf = (target: string): DeviceEntry | undefined => merged.find(row => targetsOf(row).includes(target))
    const labels = devices.flatMap(({ key, label, target }) =>
      label === null ? [] : [[rowOf(target)?.key ?? key, label] as const],
    )
    write(() => {
      // Kept in reverse: what is remembered last stands first.
      rememberDevices(home, merged.toReversed())
      setLabels(home, new Map(labels))
    })
    this.refresh()
    return { devices: devices.length }
  }

  /** @throws {FlashproofError} file.not-writable */
  forget(key: string): void {
    const { home } = this.#world
    // The row may stand under more than was remembered of the board, such as a MAC that it announces.
    const targets = this.#known().flatMap(row => (row.key === key ? targetsOf(row) : []))
    write(() => {
      forgetDevice(home, key)
      for (const target of targets) forgetDevice(home, target)
    })
    this.refresh()
  }

  /** @throws {FlashproofError} file.not-writable */
  label(key: string, label: string | null): void {
    write(() => {
      setLabel(this.#world.home, key, label === null ? null : stripControl(label, LONGEST_TEXT))
    })
    this.refresh()
  }

  /** Asks what a search found; null where nothing is recognised. */
  async #meet(target: string, signal: AbortSignal): Promise<DeviceEntry | null> {
    const endpoint = this.resolve(target)
    const report = await this.#world.probe(endpoint, signal, FINGERPRINT_TIMEOUT_MS)
    const isRecognised = report.protocols.length > 0 || report.recognised !== undefined
    return isRecognised && !signal.aborted ? await this.#keep(endpoint, report) : null
  }

  /** @throws {FlashproofError} file.not-writable */
  async #keep(endpoint: Endpoint, report: ProbeReport): Promise<DeviceEntry> {
    const { home, clock, isSimulated, ports } = this.#world
    const port = endpoint.kind === 'serial' ? await ports.entryOf(endpoint.path) : null
    const listed = this.#known().find(entry => entry.target === endpoint.text)
    const known = listed ?? port ?? undefined
    // What hangs there now, and not what was known of an earlier board at this port.
    const before = port === null ? (known?.identity ?? null) : port.identity
    const said = report.identity === null ? null : cleanIdentity(report.identity)
    const identity = said === null ? before : port === null ? said : { ...before, ...said }
    const entry = deviceEntry({
      target: endpoint.text,
      source: isSimulated(endpoint) ? 'simulated' : 'remembered',
      simulated: isSimulated(endpoint),
      name: identity?.name ?? known?.name ?? null,
      identity,
      protocols: report.protocols.length > 0 ? report.protocols : (known?.protocols ?? []),
      lastSeenAt: report.reachable ? isoWithZone(clock.nowMs()) : (known?.lastSeenAt ?? null),
      appName: cleanText(report.telemetry?.appName) ?? known?.appName ?? null,
      appVersion: cleanText(report.telemetry?.appVersion) ?? known?.appVersion ?? null,
      ...(port === null || identity?.mac !== undefined ? {} : { key: port.key }),
      ...(port?.adapterKey === undefined ? {} : { adapterKey: port.adapterKey }),
      ...(report.recognised === undefined ? {} : { notes: [report.recognised] }),
    })
    this.#discovery.learn(entry)
    // Virtual boards are listed by their simulator, and are gone with it.
    if (!entry.simulated && isToRemember(entry))
      write(() => {
        rememberDevices(home, [entry])
      })
    const [device = entry] = withLabels([entry], readLabels(home))
    this.refresh()
    return device
  }

  /** Addresses need no list; a name that fits several devices is known too, and refused later. */
  #isKnown(target: string): boolean {
    try {
      // The list is made anew each time: only for those that stand in it.
      if (!isEndpoint(parseTarget(target))) this.resolve(target)
      return true
    } catch (error) {
      return !hasErrorCode(error, 'target.unknown')
    }
  }

  #known(): DeviceEntry[] {
    return this.#discovery.list()
  }
}

/** Whoever comes next to an adapter without a number of its own must not be taken for this board. */
function isToRemember({ adapterKey }: DeviceEntry): boolean {
  return adapterKey === undefined || adapterKey.startsWith('usb:')
}

/**
 * A board as it is remembered: where a job met it, and who it said it is.
 * @param keys under which its serial port is known, where it hangs on one
 */
export function seenDevice(snapshot: JobSnapshot, clock: Clock, keys: readonly string[] = []): DeviceEntry {
  const adapterKey = keys.find(key => key.startsWith('usb:'))
  return deviceEntry({
    target: snapshot.target,
    name: snapshot.device?.name ?? null,
    identity: snapshot.device,
    source: 'remembered',
    protocols: snapshot.protocol === null ? [] : [snapshot.protocol],
    lastSeenAt: isoWithZone(clock.nowMs()),
    appVersion: snapshot.versionAfter ?? snapshot.versionBefore ?? null,
    ...(adapterKey === undefined ? {} : { adapterKey }),
  })
}

function write(work: () => void): void {
  try {
    work()
  } catch (cause) {
    throw new FlashproofError('file.not-writable', 'the list of devices cannot be written', {}, { cause })
  }
}

function cleanText(text: string | undefined): string | null {
  return text === undefined ? null : stripControl(text, LONGEST_TEXT)
}
