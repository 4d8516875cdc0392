/** Asks a board that nobody named what it is: every protocol's own probe in turn, by reading only, with little patience. */
import type { ProbeReport } from '../shared/contract/models.ts'
import type { Fingerprint } from '../core/discovery/fingerprints.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../core/discovery/target.ts'
import { cleanIdentity } from '../core/jobs/board-guard.ts'
import { FINGERPRINT_TIMEOUT_MS } from './devices.ts'

export async function takeFingerprint(
  target: string,
  signal: AbortSignal,
  probe: (endpoint: Endpoint, signal: AbortSignal, timeoutMs: number) => Promise<ProbeReport>,
): Promise<Fingerprint> {
  const endpoint = parseTarget(target)
  if (!isEndpoint(endpoint)) return { isReachable: false, protocols: [], identity: null, notes: [] }
  const { reachable, protocols, identity, recognised } = await probe(endpoint, signal, FINGERPRINT_TIMEOUT_MS)
  return {
    isReachable: reachable,
    protocols,
    identity: identity === null ? null : cleanIdentity(identity),
    notes: recognised === undefined ? [] : [recognised],
  }
}
