/**
 * Holds one board for one job: locks the way to it before connecting, locks the board itself once it said who it is, and
 * stops the job when another board answers.
 */
import type { DeviceIdentity } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { stripControl } from '../../shared/units.ts'
import { normalMac } from '../discovery/device-key.ts'
import type { Endpoint } from '../discovery/target.ts'
import { endpointKey } from './endpoint-key.ts'
import { compareIdentity, identityKey } from './identity.ts'
import type { JobBook } from './job-book.ts'
import type { JobWorld } from './job-world.ts'

export class BoardGuard {
  readonly #book: JobBook
  readonly #world: JobWorld
  readonly #orderedMac: string | null
  readonly #keys = new Set<string>()

  /** @param orderedMac of the board, where the order names it: another board is refused although none is known yet */
  constructor(book: JobBook, world: JobWorld, orderedMac: string | null) {
    this.#orderedMac = orderedMac
    this.#book = book
    this.#world = world
  }

  /** @throws {FlashproofError} device.busy naming who holds it */
  lockEndpoint(endpoint: Endpoint): void {
    this.#lock(`endpoint:${endpointKey(endpoint)}`)
  }

  /** Holds the new way to a board that moved instead of the old one. @throws {FlashproofError} device.busy */
  moveEndpoint(from: Endpoint, to: Endpoint): void {
    this.lockEndpoint(to)
    const key = `endpoint:${endpointKey(from)}`
    this.#world.locks.releaseLock(key, this.#world.owner)
    this.#keys.delete(key)
  }

  /**
   * Takes in who answers now; null when the device tells nothing of itself.
   * @throws {FlashproofError} device.identity-changed, device.busy, device.bad-answer when a board that told who it is
   *   no longer does
   */
  identify(identity: DeviceIdentity | null): void {
    const known = this.#book.snapshot.device
    const clean = identity === null ? null : cleanIdentity(this.#book.redact(identity))
    if (clean === null) {
      if (known === null || identityKey(known) === null) return
      throw new FlashproofError('device.bad-answer', 'the device does not say who it is any more')
    }
    if (known !== null && compareIdentity(known, clean) === 'other') {
      this.#book.update({ boardNow: 'unknown' })
      const text = 'another board answers at this address'
      throw new FlashproofError('device.identity-changed', text, { expected: known, found: clean })
    }
    const mac = normalMac(clean.mac)
    if (this.#orderedMac !== null && mac !== null && mac !== this.#orderedMac) {
      const text = `the board that answers is ${mac}, not ${this.#orderedMac}`
      throw new FlashproofError('device.identity-changed', text, { expected: { mac: this.#orderedMac }, found: clean })
    }
    const key = identityKey(clean)
    if (key !== null) this.#lock(`device:${key}`)
    if (known !== null) return
    this.#book.update({ device: clean })
    this.#world.onDeviceSeen(this.#book.snapshot)
  }

  /** Gives everything back. */
  release(): void {
    for (const key of this.#keys) this.#world.locks.releaseLock(key, this.#world.owner)
    this.#keys.clear()
  }

  #lock(key: string): void {
    if (this.#keys.has(key)) return
    const { locks, owner, command } = this.#world
    locks.acquireLock(key, owner, { command, since: this.#book.now(), jobId: this.#book.jobId })
    this.#keys.add(key)
  }
}

/** Names and ids come from the device and are hostile until cleaned. */
export function cleanIdentity(identity: DeviceIdentity): DeviceIdentity {
  const clean: DeviceIdentity = {}
  for (const field of ['id', 'mac', 'usbSerial', 'chip', 'board', 'name'] as const) {
    const value = identity[field]
    if (value !== undefined) clean[field] = stripControl(value, 80)
  }
  return clean
}
