/** `GET /status` of a gateway that has it: how far it is, and the hash of what it holds. The seed's gateway has none. */
import { stripControl } from '../../../shared/units.ts'
import type { HttpAnswer, HttpRequest } from '../../links/http-client.ts'

const states = ['idle', 'uploading', 'converting', 'requesting', 'sending', 'verifying', 'done', 'error'] as const

export interface GatewayStatus {
  readonly state: (typeof states)[number]
  /** Bytes that the STM32 acknowledged. */
  readonly bytes: number
  readonly total: number
  readonly error: string | null
  /** Of the file that the gateway holds; null where it does not say. */
  readonly sha256: string | null
}

export const statusRequest: Pick<HttpRequest, 'method' | 'path'> = { method: 'GET', path: '/status' }

/** Null where the answer is no such status: many web servers answer any path with some page. */
export function readStatus(answer: HttpAnswer): GatewayStatus | null {
  if (answer.status !== 200) return null
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(answer.body).toString('utf8'))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  // JSON.parse gives plain data.
  const { state, bytes, total, error, sha256 } = value as Record<string, unknown>
  const known = states.find(candidate => candidate === state)
  if (known === undefined || !isCount(bytes) || !isCount(total)) return null
  return {
    state: known,
    bytes,
    total,
    error: typeof error === 'string' ? stripControl(error, 200) : null,
    sha256: typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256) ? sha256.toLowerCase() : null,
  }
}

export function isBusy({ state }: GatewayStatus): boolean {
  return state === 'requesting' || state === 'sending' || state === 'verifying'
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}
