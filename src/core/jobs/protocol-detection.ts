/**
 * Finds out which protocol a target speaks: the one that was named, or the only one that answers to reading. Where reading
 * cannot tell, what the device list knows of the board decides.
 */
import type { ProbeReport } from '../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../shared/errors.ts'
import type { Clock } from '../clock.ts'
import { recogniseShelly } from '../discovery/shelly.ts'
import type { Endpoint } from '../discovery/target.ts'
import { isNeverSent } from '../transfer/retry.ts'
import type { TransferProtocol } from '../transfer/transfer-protocol.ts'

/** Protocols in a row that are asked at a place where nobody answers; each costs a whole timeout. */
const MOST_UNANSWERED = 2

export interface Detection {
  readonly protocol: TransferProtocol
  readonly notes: readonly string[]
}

/**
 * Settles the protocol for one endpoint, by reading only.
 * @throws {FlashproofError} protocol.unknown, protocol.endpoint-not-accepted, protocol.not-detected, protocol.ambiguous, network.*
 */
export async function detectProtocol(request: {
  readonly endpoint: Endpoint
  readonly wanted: string | null
  readonly protocols: readonly TransferProtocol[]
  /** What the device list knows that this endpoint speaks. */
  readonly known?: readonly string[]
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly timeoutMs: number
}): Promise<Detection> {
  const { endpoint, wanted, protocols, known = [], signal, clock, timeoutMs } = request
  if (wanted !== null) return { protocol: namedProtocol(wanted, endpoint, protocols), notes: [] }
  const matches: Detection[] = []
  const notes: string[] = []
  let failure: FlashproofError | null = null
  let unanswered = 0
  for (const protocol of inOrder(endpoint, protocols, known)) {
    try {
      const result = await protocol.probe(endpoint, { signal, clock, timeoutMs })
      unanswered = 0
      if (!result.isMatch) notes.push(...result.notes)
      // What was met here before, and still answers as it did, is asked nothing more.
      else if (result.isCertain === true || (known.length === 1 && known.includes(protocol.descriptor.id))) {
        return { protocol, notes: result.notes }
      } else matches.push({ protocol, notes: result.notes })
    } catch (error) {
      // Nobody is there: asking in another protocol would only take as long again.
      if (isNeverSent(error)) throw error
      unanswered = hasErrorCode(error, 'network.timeout') ? unanswered + 1 : 0
      // Something that takes connections and keeps silent in several dialects does so in the others too.
      if (unanswered >= MOST_UNANSWERED && matches.length === 0) throw error
      if (!hasErrorCode(error, 'device.not-speaking', 'device.bad-answer')) failure = asFlashproofError(error)
    }
  }
  const [only] = matches
  if (matches.length === 1 && only !== undefined) return only
  const listed = listedProtocol(endpoint, protocols, known, matches)
  if (listed !== null && (matches.length > 0 || failure === null)) return listed
  if (only === undefined && failure !== null) throw failure
  const ids = matches.map(match => match.protocol.descriptor.id)
  if (only === undefined) {
    throw new FlashproofError(
      'protocol.not-detected',
      `${endpoint.text}: ${notes.join('; ') || 'nothing known answers there'}`,
      {
        target: endpoint.text,
        tried: protocols.filter(candidate => candidate.accepts(endpoint)).map(candidate => candidate.descriptor.id),
      },
    )
  }
  throw new FlashproofError('protocol.ambiguous', `${endpoint.text} answers to ${ids.join(' and ')}`, {
    target: endpoint.text,
    candidates: ids,
  })
}

/** The protocols that accept an endpoint, what the device list knows first. */
function inOrder(
  endpoint: Endpoint,
  protocols: readonly TransferProtocol[],
  known: readonly string[],
): readonly TransferProtocol[] {
  const accepting = protocols.filter(candidate => candidate.accepts(endpoint))
  const isKnown = ({ descriptor }: TransferProtocol): boolean => known.includes(descriptor.id)
  return [...accepting.filter(isKnown), ...accepting.filter(protocol => !isKnown(protocol))]
}

/** The one protocol that the device list names, where reading found none or found it among several. */
function listedProtocol(
  endpoint: Endpoint,
  protocols: readonly TransferProtocol[],
  known: readonly string[],
  matches: readonly Detection[],
): Detection | null {
  const candidates =
    matches.length > 0
      ? matches
      : protocols
          .filter(protocol => protocol.accepts(endpoint))
          .map(protocol => ({ protocol, notes: ['reading cannot tell what it speaks: as the device list says'] }))
  const [only, ...others] = candidates.filter(({ protocol }) => known.includes(protocol.descriptor.id))
  return only !== undefined && others.length === 0 ? only : null
}

/** @throws {FlashproofError} protocol.unknown, protocol.endpoint-not-accepted */
export function namedProtocol(
  id: string,
  endpoint: Endpoint,
  protocols: readonly TransferProtocol[],
): TransferProtocol {
  const protocol = protocols.find(candidate => candidate.descriptor.id === id)
  if (protocol === undefined) {
    throw new FlashproofError('protocol.unknown', `there is no protocol “${id}”`, {
      protocol: id,
      known: protocols.map(candidate => candidate.descriptor.id),
    })
  }
  if (protocol.accepts(endpoint)) return protocol
  throw new FlashproofError('protocol.endpoint-not-accepted', `${id} does not speak to ${endpoint.text}`, {
    protocol: id,
    target: endpoint.text,
    accepts: protocol.descriptor.endpoints,
  })
}

/** Says what a target is and can prove, by reading only. An unreachable one is an answer, not an error. */
export async function probeTarget(request: {
  readonly endpoint: Endpoint
  readonly protocols: readonly TransferProtocol[]
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly timeoutMs: number
}): Promise<ProbeReport> {
  const { endpoint, protocols, signal, clock, timeoutMs } = request
  const report: ProbeReport = {
    target: endpoint.text,
    reachable: false,
    protocols: [],
    identity: null,
    reach: null,
    telemetry: null,
    notes: [],
  }
  const otherNotes: string[] = []
  for (const protocol of protocols.filter(candidate => candidate.accepts(endpoint))) {
    try {
      const result = await protocol.probe(endpoint, { signal, clock, timeoutMs })
      report.reachable = true
      if (!result.isMatch) {
        otherNotes.push(...result.notes)
        continue
      }
      report.notes.push(...result.notes)
      report.protocols.push(protocol.descriptor.id)
      report.identity ??= result.identity
      report.reach ??= { ...result.reach }
      report.telemetry ??= result.telemetry
      if (result.isCertain === true) break
    } catch (error) {
      otherNotes.push(`${protocol.descriptor.id}: ${asFlashproofError(error).message}`)
      if (isNeverSent(error) || signal.aborted) break
      // Whatever it said, something is there.
      report.reachable ||= hasErrorCode(error, 'device.not-speaking', 'device.bad-answer', 'device.unauthorised')
    }
  }
  if (report.reachable && report.protocols.length === 0 && endpoint.kind === 'http') {
    const shelly = await recogniseShelly(endpoint, { signal, timeoutMs })
    if (shelly !== null) {
      report.identity = shelly.identity
      report.recognised = shelly.note
    }
  }
  // What it does not speak is of interest only where nothing is known that it does.
  if (report.protocols.length === 0) report.notes.push(...new Set(otherNotes))
  return report
}
