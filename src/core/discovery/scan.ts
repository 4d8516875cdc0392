/** Searches a range of addresses for boards because a person asked for it: slowly enough for any network, and by reading only. */
import { connect } from 'node:net'
import type { Clock } from '../clock.ts'

export const DEFAULT_RATE_PER_SECOND = 50
export const MAXIMUM_RATE_PER_SECOND = 500
const CONNECT_TIMEOUT_MS = 1_000
/** Addresses that are spoken to at the same time. */
const AT_ONCE = 64
/** Boards that are asked what they are at the same time. */
const ASKED_AT_ONCE = 8

export interface SearchPort {
  readonly scheme: 'http' | 'tcp'
  readonly port: number
}

export interface ScanProgress {
  /** Addresses that were tried so far. */
  readonly asked: number
  readonly total: number
  /** Addresses at which something listens. */
  readonly answering: number
}

export interface ScanWorld {
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly addresses: readonly string[]
  readonly ports: readonly SearchPort[]
  readonly ratePerSecond: number
  /** Whether a job speaks with the board at an address: it is not even knocked at then. */
  readonly isBusy?: (target: string) => boolean
  /** Whether something listens there; a test brings its own. */
  readonly canConnect?: (address: string, port: number, signal: AbortSignal) => Promise<boolean>
  /** Asks what listens at a target; the targets of one address follow each other. */
  readonly ask: (target: string) => Promise<void>
  readonly onProgress: (progress: ScanProgress) => void
}

/** @throws what the signal's reason is, as soon as it aborts; the first fault of an `ask`, once the others ended */
export async function scanAddresses(world: ScanWorld): Promise<ScanProgress> {
  const { clock, signal, addresses, ratePerSecond, onProgress } = world
  const pauseMs = 1000 / Math.min(Math.max(ratePerSecond, 1), MAXIMUM_RATE_PER_SECOND)
  let progress: ScanProgress = { asked: 0, total: addresses.length, answering: 0 }
  const places = new Places(AT_ONCE)
  const askers = new Places(ASKED_AT_ONCE)
  const running = new Set<Promise<void>>()
  const visit = async (address: string): Promise<void> => {
    const open = await openPorts(world, address)
    progress = { ...progress, asked: progress.asked + 1, answering: progress.answering + (open.length > 0 ? 1 : 0) }
    onProgress(progress)
    if (open.length === 0) return
    await askers.during(async () => {
      for (const { scheme, port } of open) {
        if (signal.aborted) return
        const isUsual = scheme === 'http' && port === 80
        await world.ask(isUsual ? `http://${address}` : `${scheme}://${address}:${String(port)}`)
      }
    })
  }
  const failures: unknown[] = []
  onProgress(progress)
  const startMs = clock.monotonicMs()
  for (const [index, address] of addresses.entries()) {
    // By the clock, not by pauses in a row: what a round takes itself is not added to the pause.
    const waitMs = startMs + index * pauseMs - clock.monotonicMs()
    if (waitMs > 0) await clock.delay(waitMs, signal)
    const free = await places.take()
    if (signal.aborted) throw signal.reason
    if (failures.length > 0) break
    const visiting = visit(address)
      .catch((error: unknown) => {
        failures.push(error)
      })
      .finally(() => {
        free()
        running.delete(visiting)
      })
    running.add(visiting)
  }
  await Promise.all(running)
  if (signal.aborted) throw signal.reason
  if (failures.length > 0) throw failures[0]
  return progress
}

async function openPorts(
  { ports, canConnect = canConnectTcp, isBusy = () => false, signal }: ScanWorld,
  address: string,
): Promise<SearchPort[]> {
  if (isBusy(`http://${address}`)) return []
  const answers = await Promise.all(
    ports.map(async place => ({ place, isOpen: await canConnect(address, place.port, signal) })),
  )
  return answers.filter(({ isOpen }) => isOpen).map(({ place }) => place)
}

/** Opens a connection and closes it: nothing is sent. */
function canConnectTcp(address: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: address, port })
    const end = (isOpen: boolean): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      resolve(isOpen)
    }
    const onAbort = (): void => {
      end(false)
    }
    const timer = setTimeout(onAbort, CONNECT_TIMEOUT_MS)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    socket.once('connect', () => {
      end(true)
    })
    socket.on('error', () => {
      end(false)
    })
  })
}

/** So many at once; the others wait in line. */
class Places {
  #free: number
  readonly #line: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => this.#line.push(resolve))
    return () => {
      const next = this.#line.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }

  async during(work: () => Promise<void>): Promise<void> {
    const free = await this.take()
    try {
      await work()
    } finally {
      free()
    }
  }
}
