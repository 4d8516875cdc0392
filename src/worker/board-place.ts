/** Which targets lead to the same board: a job, a probe and a search must not speak with it at the same time. */
import { isEndpoint, parseTarget } from '../core/discovery/target.ts'
import { endpointKey } from '../core/jobs/endpoint-key.ts'
import { busy, type HeldLock, type Locks } from '../core/journal/locks.ts'
import { isOwnerAlive } from '../core/journal/owner.ts'

const ENDPOINT = 'endpoint:'

/** A board is one at all of its ports; on this computer itself each port is a board of its own. */
export function boardPlace(target: string): string {
  const endpoint = parseTarget(target)
  if (!isEndpoint(endpoint)) return target
  if (!('hostname' in endpoint) || endpoint.hostname.startsWith('127.')) return endpointKey(endpoint)
  return endpoint.hostname.toLowerCase()
}

/** Whether a job of this or another process speaks with the board, by the locks that jobs hold. */
export function isBoardLocked(target: string, locks: Pick<Locks, 'heldLocks'>): boolean {
  return holderOf(target, locks) !== null
}

/**
 * A question of a person must not break into a transfer either: many boards serve one connection at a time.
 * @throws {FlashproofError} device.busy naming the job that speaks with the board
 */
export function assertBoardFree(target: string, locks: Pick<Locks, 'heldLocks'>): void {
  const holder = holderOf(target, locks)
  if (holder !== null) throw busy(holder)
}

function holderOf(target: string, locks: Pick<Locks, 'heldLocks'>): HeldLock | null {
  const place = boardPlace(target)
  const holders = locks.heldLocks().filter(({ key, owner }) => key.startsWith(ENDPOINT) && isOwnerAlive(owner))
  return holders.find(({ key }) => boardPlace(key.slice(ENDPOINT.length)) === place) ?? null
}

/** Lets questions to one board follow each other, and those to several boards go at once. */
export class BoardLines {
  readonly #last = new Map<string, Promise<unknown>>()

  async inLine<Result>(target: string, work: () => Promise<Result>): Promise<Result> {
    const place = boardPlace(target)
    const before = this.#last.get(place) ?? Promise.resolve()
    const mine = before.then(work, work)
    this.#last.set(place, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(place) === mine) this.#last.delete(place)
    }
  }
}
