/** The station's devices as callers see them: the list with labels, and what people add, name and forget. */
import type { EventName, EventOf } from '../shared/contract/events.ts'
import type { DeviceEntry, JobSnapshot, ProbeReport } from '../shared/contract/models.ts'
import { FlashproofError } from '../shared/errors.ts'
import { stripControl } from '../shared/units.ts'
import { isoWithZone, type Clock } from '../core/clock.ts'
import { deviceEntry } from '../core/discovery/device-key.ts'
import { listDevices, lookUpDevice, mergeDevices } from '../core/discovery/device-registry.ts'
import { deviceSources } from '../core/discovery/index.ts'
import { readLabels, setLabel, withLabels } from '../core/discovery/labels.ts'
import { forgetDevice, readRemembered, rememberDevices } from '../core/discovery/remembered.ts'
import { listSimulated } from '../core/discovery/simulated.ts'
import type { Endpoint } from '../core/discovery/target.ts'
import { cleanIdentity } from '../core/jobs/board-guard.ts'

export interface DevicesWorld {
  readonly home: string
  readonly clock: Clock
  readonly isSimulated: (endpoint: Endpoint) => boolean
  readonly probe: (endpoint: Endpoint, signal: AbortSignal) => Promise<ProbeReport>
  readonly emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
}

const LONGEST_TEXT = 80

export class Devices {
  readonly #world: DevicesWorld

  constructor(world: DevicesWorld) {
    this.#world = world
  }

  async list(waitMs: number, signal: AbortSignal): Promise<DeviceEntry[]> {
    const { home } = this.#world
    return withLabels(await listDevices(deviceSources, { home, waitMs, signal }), readLabels(home))
  }

  /** Turns a TARGET or a known name into an endpoint. @throws {FlashproofError} target.* */
  resolve(target: string): Endpoint {
    return lookUpDevice(target, this.#known())
  }

  /**
   * Asks a target what it is and keeps it in the list, whether it answers or not.
   * @throws {FlashproofError} target.*, file.not-writable
   */
  async add(target: string, signal: AbortSignal): Promise<{ device: DeviceEntry; probe: ProbeReport }> {
    const { home, clock, probe, isSimulated, emit } = this.#world
    const endpoint = this.resolve(target)
    const report = await probe(endpoint, signal)
    const known = this.#known().find(entry => entry.target === endpoint.text)
    const identity = report.identity === null ? (known?.identity ?? null) : cleanIdentity(report.identity)
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
    })
    // Virtual boards are listed by their simulator, and are gone with it.
    if (!entry.simulated)
      write(() => {
        rememberDevices(home, [entry])
      })
    const [device = entry] = withLabels([entry], readLabels(home))
    emit('device.changed', { device })
    return { device, probe: report }
  }

  /** @throws {FlashproofError} file.not-writable */
  forget(key: string): void {
    const { home, emit } = this.#world
    write(() => {
      forgetDevice(home, key)
    })
    const heard = this.#known().find(entry => entry.key === key)
    // A source that still hears it lists it again.
    if (heard === undefined) emit('device.removed', { key })
    else emit('device.changed', { device: withLabels([heard], readLabels(home))[0] ?? heard })
  }

  /** @throws {FlashproofError} file.not-writable */
  label(key: string, label: string | null): void {
    const { home, emit } = this.#world
    write(() => {
      setLabel(home, key, label === null ? null : stripControl(label, LONGEST_TEXT))
    })
    const known = this.#known().find(entry => entry.key === key)
    if (known !== undefined) emit('device.changed', { device: withLabels([known], readLabels(home))[0] ?? known })
  }

  #known(): DeviceEntry[] {
    return mergeDevices([...listSimulated(), ...readRemembered(this.#world.home)])
  }
}

/** A board as it is remembered: where a job met it, and who it said it is. */
export function seenDevice(snapshot: JobSnapshot, clock: Clock): DeviceEntry {
  return deviceEntry({
    target: snapshot.target,
    name: snapshot.device?.name ?? null,
    identity: snapshot.device,
    source: 'remembered',
    protocols: snapshot.protocol === null ? [] : [snapshot.protocol],
    lastSeenAt: isoWithZone(clock.nowMs()),
    appVersion: snapshot.versionAfter ?? snapshot.versionBefore ?? null,
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
