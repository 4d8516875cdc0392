/**
 * Where one job finds its board: as it was ordered, until the board moves. A board that was ordered by its name is followed
 * to another address, one on a serial port to another port; there it is asked who it is before a byte leaves.
 */
import type { Endpoint, SerialEndpoint } from '../discovery/target.ts'
import type { BoardGuard } from './board-guard.ts'
import { endpointKey } from './endpoint-key.ts'
import { identityKey } from './identity.ts'
import type { JobBook } from './job-book.ts'
import type { JobWorld } from './job-world.ts'

export interface BoardPlaceParts {
  readonly book: JobBook
  readonly guard: BoardGuard
  readonly world: JobWorld
  /** The name or `mac:…` by which the board was ordered; null: by its address. */
  readonly orderedAs: string | null
}

export class BoardPlace {
  readonly #parts: BoardPlaceParts
  /** Where it went; null: nowhere yet. */
  #moved: Endpoint | null = null
  /** Under which the serial port is known beyond its name; none: it was not there yet, or is no serial port. */
  #portKeys: readonly string[] = []

  constructor(parts: BoardPlaceParts) {
    this.#parts = parts
  }

  /**
   * Where the board is now.
   * @throws {FlashproofError} device.busy when another job speaks with that place
   */
  async find(ordered: Endpoint): Promise<Endpoint> {
    const endpoint = this.#moved ?? ordered
    return endpoint.kind === 'serial' ? await this.#findPort(endpoint) : this.#findAddress(endpoint)
  }

  /** Only a board that was ordered by its name or MAC, and that said before who it is, is followed to another address. */
  #findAddress(endpoint: Endpoint): Endpoint {
    const { book, world, orderedAs } = this.#parts
    if (orderedAs === null || identityKey(book.snapshot.device) === null) return endpoint
    let found: Endpoint
    try {
      found = world.lookUp?.(orderedAs, book.snapshot.simulated) ?? endpoint
    } catch {
      // Not heard of now, or of several: where it was is all that is known.
      return endpoint
    }
    if (found.kind !== endpoint.kind || endpointKey(found) === endpointKey(endpoint)) return endpoint
    return this.#move(endpoint, found, `“${orderedAs}” was at ${endpoint.text} and is at ${found.text} now`)
  }

  /**
   * A board that restarts may leave USB and come back as another port. It is known by its adapter or its socket then, and
   * is asked who it is before a byte leaves, so that another board there gets nothing.
   */
  async #findPort(endpoint: SerialEndpoint): Promise<Endpoint> {
    const { ports } = this.#parts.world
    if (ports === undefined) return endpoint
    if (this.#portKeys.length === 0) {
      this.#portKeys = await ports.keysOf(endpoint.path)
      return endpoint
    }
    const path = await ports.find(this.#portKeys)
    const found: SerialEndpoint = { kind: 'serial', text: `serial:${path ?? ''}`, path: path ?? '' }
    if (path === null || endpointKey(found) === endpointKey(endpoint)) return endpoint
    return this.#move(endpoint, found, `the port ${endpoint.path} came back as ${path}`)
  }

  #move(from: Endpoint, to: Endpoint, text: string): Endpoint {
    const { book, guard } = this.#parts
    guard.moveEndpoint(from, to)
    this.#moved = to
    book.log('info', 'device.moved', text)
    return to
  }
}
