/** What travels on a link, and the check of what arrives. */
import { errorTable, type ErrorCode, type WireError } from '../errors.ts'
import type { Caller } from '../contract/index.ts'

export interface CallEnvelope {
  readonly kind: 'call'
  /** Chosen by the caller, unique among its calls on this link. */
  readonly id: number
  readonly name: string
  readonly request: unknown
  /** On whose behalf; can only narrow what the link itself may do. */
  readonly caller: Caller
}

export interface CancelEnvelope {
  readonly kind: 'cancel'
  readonly id: number
  readonly reason: 'aborted' | 'deadline'
}

export interface ResultEnvelope {
  readonly kind: 'result'
  readonly id: number
  readonly response: unknown
}

export interface ErrorEnvelope {
  readonly kind: 'error'
  readonly id: number
  readonly error: WireError
}

export interface EventEnvelope {
  readonly kind: 'event'
  readonly name: string
  readonly payload: unknown
  /** Present when the sender waits for an `ack` with this number before it sends the next one. */
  readonly batch?: number
}

export interface AckEnvelope {
  readonly kind: 'ack'
  readonly batch: number
}

/** What a caller sends to the side that answers. */
export type ToServer = CallEnvelope | CancelEnvelope | AckEnvelope
/** What the answering side sends. */
export type ToClient = ResultEnvelope | ErrorEnvelope | EventEnvelope

type Fields = Readonly<Record<string, unknown>>

/** Reads a message that came from a caller; null for anything that is none. */
export function parseToServer(message: unknown): ToServer | null {
  const fields = fieldsOf(message)
  if (fields === null) return null
  const { kind, id, name, request, caller, reason, batch } = fields
  switch (kind) {
    case 'call':
      if (!isWhole(id) || typeof name !== 'string') return null
      return { kind, id, name, request, caller: caller === 'host' ? 'host' : 'page' }
    case 'cancel':
      return isWhole(id) ? { kind, id, reason: reason === 'deadline' ? 'deadline' : 'aborted' } : null
    case 'ack':
      return isWhole(batch) ? { kind, batch } : null
    default:
      return null
  }
}

/** Reads a message that came from the answering side; null for anything that is none. */
export function parseToClient(message: unknown): ToClient | null {
  const fields = fieldsOf(message)
  if (fields === null) return null
  const { kind, id, response, error, name, payload, batch } = fields
  switch (kind) {
    case 'result':
      return isWhole(id) ? { kind, id, response } : null
    case 'error':
      return isWhole(id) ? { kind, id, error: parseWireError(error) } : null
    case 'event':
      if (typeof name !== 'string') return null
      return isWhole(batch) ? { kind, name, payload, batch } : { kind, name, payload }
    default:
      return null
  }
}

const MAX_CAUSES = 16

/** Reads an error in wire form; what is no error of ours becomes `internal.unexpected` and keeps what it said. */
function parseWireError(value: unknown, depth = 0): WireError {
  const fields = fieldsOf(value) ?? {}
  const message = typeof fields['message'] === 'string' ? fields['message'] : 'an error without a message'
  const given = fields['code']
  const isKnown = typeof given === 'string' && isErrorCode(given)
  const details = fieldsOf(fields['details']) ?? {}
  const error: WireError = isKnown
    ? { code: given, message, details }
    : { code: 'internal.unexpected', message, details: { ...details, unknownCode: given } }
  const cause = fieldsOf(fields['cause'])
  if (cause === null || depth >= MAX_CAUSES) return error
  if ('code' in cause) return { ...error, cause: parseWireError(cause, depth + 1) }
  return { ...error, cause: { message: typeof cause['message'] === 'string' ? cause['message'] : '' } }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code)
}

function fieldsOf(value: unknown): Fields | null {
  // Any object can be read field by field; every field is checked before it is used.
  return typeof value === 'object' && value !== null ? (value as Fields) : null
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}
