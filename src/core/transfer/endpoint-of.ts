/** What protocols share at their door: the one kind of endpoint that they speak to, and the answer of a probe that knows nothing. */
import { FlashproofError } from '../../shared/errors.ts'
import type { Endpoint } from '../discovery/target.ts'
import type { ProbeResult } from './transfer-protocol.ts'

/**
 * The endpoint, when it is of this kind.
 * @throws {FlashproofError} protocol.endpoint-not-accepted
 */
export function endpointOf<Kind extends Endpoint['kind']>(
  kind: Kind,
  endpoint: Endpoint,
  protocolId: string,
): Extract<Endpoint, { readonly kind: Kind }> {
  if (isOfKind(endpoint, kind)) return endpoint
  throw new FlashproofError('protocol.endpoint-not-accepted', `${protocolId} wants another kind of target than this`, {
    target: endpoint.text,
    protocol: protocolId,
    accepts: [kind],
  })
}

/** A probe that does not know its device, and why: nothing may be promised of it. */
export function noMatch(note: string): ProbeResult {
  const none = { sent: 'no', acknowledged: 'no', received: 'no', stored: 'no', running: 'no', confirmed: 'no' } as const
  return { isMatch: false, identity: null, reach: none, telemetry: null, notes: [note] }
}

function isOfKind<Kind extends Endpoint['kind']>(
  endpoint: Endpoint,
  kind: Kind,
): endpoint is Extract<Endpoint, { readonly kind: Kind }> {
  return endpoint.kind === kind
}
