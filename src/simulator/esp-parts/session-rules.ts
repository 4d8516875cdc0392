/** Session headers: reading them, and which session a chunk may belong to. */
import type { IncomingHttpHeaders } from 'node:http'
import type { UploadSession } from '../board/board-state.ts'

export interface SessionHeaders {
  readonly sizeBytes: number
  readonly sha256: string
  readonly chunkBytes: number
}

/** Reads the three headers; null where none is there, `malformed` where one is missing or no number. */
export function readSessionHeaders(headers: IncomingHttpHeaders): SessionHeaders | null | 'malformed' {
  const size = headers['x-flashproof-size']
  const sha256 = headers['x-flashproof-sha256']
  const chunk = headers['x-flashproof-chunk']
  if (size === undefined && sha256 === undefined && chunk === undefined) return null
  const sizeBytes = wholeNumber(size)
  const chunkBytes = wholeNumber(chunk)
  if (sizeBytes === null || chunkBytes === null || typeof sha256 !== 'string') return 'malformed'
  if (!/^[0-9a-f]{64}$/i.test(sha256)) return 'malformed'
  return { sizeBytes, chunkBytes, sha256: sha256.toLowerCase() }
}

function wholeNumber(header: string | string[] | undefined): number | null {
  if (typeof header !== 'string' || !/^[1-9]\d{0,14}$/.test(header)) return null
  return Number(header)
}

export type Admission = 'continue' | 'begin' | 'without-session' | 'refuse'

/**
 * Decides what a chunk means for the board's session (docs/decisions/0003-virtual-devices.md): the first chunk begins a
 * session; index 0 of another one replaces it; every other chunk of another one is refused.
 */
export function admitChunk(
  current: UploadSession | null,
  target: string,
  headers: SessionHeaders | null,
  index: number,
): Admission {
  if (headers === null) {
    // A client that knows no sessions may not write into the middle of one, but may start over or use another target.
    return current?.target === target && index !== 0 ? 'refuse' : 'without-session'
  }
  if (current === null) return 'begin'
  if (isSame(current, target, headers)) return 'continue'
  return index === 0 ? 'begin' : 'refuse'
}

export function isSame(session: UploadSession, target: string, headers: SessionHeaders): boolean {
  return (
    session.target === target &&
    session.sizeBytes === headers.sizeBytes &&
    session.sha256 === headers.sha256 &&
    session.chunkBytes === headers.chunkBytes
  )
}
