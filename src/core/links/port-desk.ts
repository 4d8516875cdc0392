/** Who in this process uses which serial line: one at a time, and a monitor gives way to a job and comes back after it. */
import { realpathSync } from 'node:fs'
import process from 'node:process'
import { FlashproofError } from '../../shared/errors.ts'
import type { SerialEndpoint, SocketEndpoint } from '../discovery/target.ts'

export interface PortUser {
  /** For people: `flashing esp32.bin`, `the serial monitor`. */
  readonly usedFor: string
  /**
   * Makes the user one that gives way: it is asked to close its link because somebody who does not give way wants the
   * port. Resolves when it did.
   */
  readonly onYield?: (wantedFor: string) => Promise<void>
  /** After `onYield`: nobody has used the port for a second. Not called when the user opened it again before that. */
  readonly onFree?: () => void
}

/** A user who was asked to give way and has not closed by then is in the way. */
const YIELD_WITHIN_MS = 5000
/** A job closes and opens a port several times; a monitor that came back in between would reset the board. */
const FREE_AFTER_MS = 1000

export interface PortDeskOptions {
  readonly yieldWithinMs?: number
  readonly freeAfterMs?: number
}

export class PortDesk {
  readonly #users = new Map<string, PortUser>()
  readonly #waiting = new Map<string, Set<PortUser>>()
  readonly #yieldWithinMs: number
  readonly #freeAfterMs: number

  constructor({ yieldWithinMs = YIELD_WITHIN_MS, freeAfterMs = FREE_AFTER_MS }: PortDeskOptions = {}) {
    this.#yieldWithinMs = yieldWithinMs
    this.#freeAfterMs = freeAfterMs
  }

  /**
   * Registers a user before it opens the port, asking one who gives way to do so.
   * @returns to be called once the port is closed again, or did not open
   * @throws {FlashproofError} serial.port-busy, naming what the port is used for
   */
  async take(key: string, user: PortUser): Promise<() => void> {
    const holder = this.#users.get(key)
    if (holder !== undefined) await this.#askToYield(key, holder, user)
    const next = this.#users.get(key)
    if (next !== undefined) throw busy(key, next)
    this.#users.set(key, user)
    // One that gives way is back: whoever waited for that has what he wants, or comes too late.
    if (user.onYield !== undefined) this.#waiting.delete(key)
    return () => {
      this.#release(key, user)
    }
  }

  async #askToYield(key: string, holder: PortUser, user: PortUser): Promise<void> {
    if (holder.onYield === undefined || user.onYield !== undefined) throw busy(key, holder)
    const waiting = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiting.add(holder))
    const { promise: isOver, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => {
      resolve(true)
    }, this.#yieldWithinMs)
    await Promise.race([holder.onYield(user.usedFor).catch(() => undefined), isOver])
    clearTimeout(timer)
    if (this.#users.get(key) === holder) waiting.delete(holder)
  }

  #release(key: string, user: PortUser): void {
    if (this.#users.get(key) !== user) return
    this.#users.delete(key)
    if (!this.#waiting.has(key)) return
    setTimeout(() => {
      this.#tellFree(key)
    }, this.#freeAfterMs).unref()
  }

  #tellFree(key: string): void {
    const waiting = this.#waiting.get(key)
    if (waiting === undefined || this.#users.has(key)) return
    this.#waiting.delete(key)
    for (const user of waiting) user.onFree?.()
  }
}

/** The desk of this process. */
export const portDesk = new PortDesk()

/** One name for one line, however the target was written. */
export function portKey(endpoint: SerialEndpoint | SocketEndpoint): string {
  if (endpoint.kind !== 'serial') return `${endpoint.hostname.toLowerCase()}:${String(endpoint.port)}`
  if (process.platform === 'win32') return endpoint.path.toLowerCase()
  try {
    return realpathSync(endpoint.path)
  } catch {
    return endpoint.path
  }
}

function busy(key: string, { usedFor }: PortUser): FlashproofError {
  return new FlashproofError('serial.port-busy', `${key} is used for ${usedFor}`, { path: key, usedFor })
}
