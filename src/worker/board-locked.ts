/** Whether a job of this or another process speaks with a board, by the locks that jobs hold. */
import { isEndpoint, parseTarget } from '../core/discovery/target.ts'
import { endpointKey } from '../core/jobs/endpoint-key.ts'
import type { Locks } from '../core/journal/locks.ts'
import { isOwnerAlive } from '../core/journal/owner.ts'

const ENDPOINT = 'endpoint:'

/** A board is one at all of its ports; on this computer itself each port is a board of its own. */
export function isBoardLocked(target: string, locks: Pick<Locks, 'heldLocks'>): boolean {
  const board = boardOf(target)
  return locks
    .heldLocks()
    .some(
      ({ key, owner }) =>
        key.startsWith(ENDPOINT) && boardOf(key.slice(ENDPOINT.length)) === board && isOwnerAlive(owner),
    )
}

function boardOf(target: string): string {
  const endpoint = parseTarget(target)
  if (!isEndpoint(endpoint)) return target
  if (!('hostname' in endpoint) || endpoint.hostname.startsWith('127.')) return endpointKey(endpoint)
  return endpoint.hostname.toLowerCase()
}
