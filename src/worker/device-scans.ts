/** Searches for devices that people order: one at a time, told as it goes, what is found is remembered. */
import { randomUUID } from 'node:crypto'
import type { EventName, EventOf } from '../shared/contract/events.ts'
import type { DeviceEntry } from '../shared/contract/models.ts'
import { asFlashproofError, FlashproofError, hasErrorCode, toWireError } from '../shared/errors.ts'
import type { Clock } from '../core/clock.ts'
import { listInterfaces } from '../core/discovery/network-interfaces.ts'
import {
  DEFAULT_RATE_PER_SECOND,
  scanAddresses,
  type ScanProgress,
  type ScanWorld,
  type SearchPort,
} from '../core/discovery/scan.ts'
import { ownNetworks, parseScanRange } from '../core/discovery/scan-range.ts'

const TELL_EVERY_MS = 250

export interface ScanRequest {
  readonly cidr: string
  readonly ratePerSecond?: number | undefined
  readonly httpPorts?: readonly number[] | undefined
  readonly includePublic?: boolean | undefined
}

export interface DeviceScansWorld {
  readonly clock: Clock
  /** Where the protocols are looked for. */
  readonly ports: readonly SearchPort[]
  readonly isBusy: (target: string) => boolean
  /** Asks a target what it is and remembers a device that was recognised; null for anything else. */
  readonly ask: (target: string, signal: AbortSignal) => Promise<DeviceEntry | null>
  readonly emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
  readonly canConnect?: ScanWorld['canConnect']
}

export class DeviceScans {
  readonly #world: DeviceScansWorld
  #running: { readonly scanId: string; readonly end: AbortController; readonly ended: Promise<void> } | null = null

  constructor(world: DeviceScansWorld) {
    this.#world = world
  }

  /**
   * Begins to search, and answers at once.
   * @throws {FlashproofError} scan.running, scan.range-invalid, scan.range-too-large, scan.range-public
   */
  start(request: ScanRequest): { scanId: string; hosts: number } {
    if (this.#running !== null) {
      const { scanId } = this.#running
      throw new FlashproofError('scan.running', `the search ${scanId} still runs`, { scanId })
    }
    const { addresses } = parseScanRange(request.cidr, {
      ownNetworks: ownNetworks(listInterfaces()),
      isPublicAllowed: request.includePublic ?? false,
    })
    const scanId = randomUUID()
    const end = new AbortController()
    const ended = this.#run(scanId, addresses, request, end.signal)
    this.#running = { scanId, end, ended }
    return { scanId, hosts: addresses.length }
  }

  /** Ends it at once; another one, or one that ended, is left alone. */
  cancel(scanId: string): void {
    if (this.#running?.scanId === scanId) this.#running.end.abort(cancelled())
  }

  async close(): Promise<void> {
    this.#running?.end.abort(cancelled())
    await this.#running?.ended
  }

  async #run(scanId: string, addresses: readonly string[], request: ScanRequest, signal: AbortSignal): Promise<void> {
    const { clock, isBusy, ask, canConnect } = this.#world
    const news = new ScanNews(scanId, addresses.length, this.#world)
    // Whoever hears of the end may order the next one.
    const finish = (state: 'ended' | 'cancelled' | 'failed', error: FlashproofError | null): void => {
      this.#running = null
      news.end(state, error)
    }
    try {
      await scanAddresses({
        clock,
        signal,
        addresses,
        ports: portsOf(this.#world.ports, request.httpPorts),
        ratePerSecond: request.ratePerSecond ?? DEFAULT_RATE_PER_SECOND,
        isBusy,
        ...(canConnect === undefined ? {} : { canConnect }),
        ask: async target => {
          if (isBusy(target)) return
          const device = await ask(target, signal).catch((thrown: unknown) => {
            // A job took the board meanwhile.
            if (hasErrorCode(thrown, 'device.busy')) return null
            throw thrown
          })
          if (device !== null && !signal.aborted) news.found(device)
        },
        onProgress: progress => {
          news.progressed(progress)
        },
      })
      finish('ended', null)
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      if (hasErrorCode(error, 'call.aborted')) finish('cancelled', null)
      else finish('failed', error)
    }
  }
}

/** What changed since it was last told. */
class ScanNews {
  readonly #scanId: string
  readonly #world: DeviceScansWorld
  #progress: ScanProgress
  #devices: DeviceEntry[] = []
  #found = 0
  #toldMs = -Infinity

  constructor(scanId: string, total: number, world: DeviceScansWorld) {
    this.#scanId = scanId
    this.#progress = { asked: 0, total, answering: 0 }
    this.#world = world
  }

  progressed(progress: ScanProgress): void {
    this.#progress = progress
    if (this.#world.clock.monotonicMs() - this.#toldMs >= TELL_EVERY_MS) this.#tell('running', null)
  }

  found(device: DeviceEntry): void {
    this.#devices.push(device)
    this.#found++
    this.progressed(this.#progress)
  }

  end(state: 'ended' | 'cancelled' | 'failed', error: FlashproofError | null): void {
    this.#tell(state, error)
  }

  #tell(state: EventOf<'discovery.scanned'>['state'], error: FlashproofError | null): void {
    this.#toldMs = this.#world.clock.monotonicMs()
    const devices = this.#devices
    this.#devices = []
    this.#world.emit('discovery.scanned', {
      scanId: this.#scanId,
      state,
      ...this.#progress,
      devices,
      found: this.#found,
      error: error === null ? null : toWireError(error),
    })
  }
}

function portsOf(declared: readonly SearchPort[], httpPorts: readonly number[] | undefined): SearchPort[] {
  const wanted =
    httpPorts === undefined
      ? declared
      : [
          ...httpPorts.map(port => ({ scheme: 'http', port }) as const),
          ...declared.filter(({ scheme }) => scheme !== 'http'),
        ]
  return [...new Map(wanted.map(place => [place.port, place])).values()]
}

function cancelled(): FlashproofError {
  return new FlashproofError('call.aborted', 'the search was cancelled')
}
