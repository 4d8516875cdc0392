/** Request line of a virtual ESP32 to what is asked; the pattern matching of the seed's web framework. */
import type { RequestPoint } from '../faults/fault-hooks.ts'

export type Route =
  | { readonly kind: 'found'; readonly point: RequestPoint; readonly count: number; readonly nonce: string | null }
  | { readonly kind: 'refused'; readonly status: 400 | 404 | 405; readonly text: string }

const CHUNK = '/upload/chunk/'
const COMPLETE = '/upload/complete/'
const STATUS = '/upload/status/'
const HASH = '/upload/hash/'

export function findRoute(method: string, url: string): Route {
  const question = url.indexOf('?')
  const path = question === -1 ? url : url.slice(0, question)
  if (path.startsWith(CHUNK)) return numbered(method, path.slice(CHUNK.length), 'chunk')
  if (path.startsWith(COMPLETE)) return numbered(method, path.slice(COMPLETE.length), 'complete')
  if (path.startsWith(STATUS)) return named(method, path.slice(STATUS.length), 'status', null)
  if (path.startsWith(HASH)) {
    const nonce = question === -1 ? null : new URLSearchParams(url.slice(question + 1)).get('nonce')
    return named(method, path.slice(HASH.length), 'hash', nonce)
  }
  if (path === '/upload/capabilities') return plain(method, 'capabilities')
  if (path === '/telemetry') return plain(method, 'telemetry')
  return notFound
}

const notFound: Route = { kind: 'refused', status: 404, text: 'Not found' }
const wrongMethod: Route = { kind: 'refused', status: 405, text: 'Method not allowed' }
const badRequest: Route = { kind: 'refused', status: 400, text: 'Bad request' }

/** `<path:target>/<int:number>`: greedy, so the last segment is the number. */
function numbered(method: string, rest: string, kind: 'chunk' | 'complete'): Route {
  const slash = rest.lastIndexOf('/')
  const digits = rest.slice(slash + 1)
  if (slash < 1 || !/^\d{1,15}$/.test(digits)) return notFound
  if (method !== 'POST') return wrongMethod
  const target = readTarget(rest.slice(0, slash))
  if (target === null) return badRequest
  const count = Number(digits)
  return { kind: 'found', point: { kind, chunk: kind === 'chunk' ? count : null, target }, count, nonce: null }
}

function named(method: string, rest: string, kind: 'status' | 'hash', nonce: string | null): Route {
  if (rest === '') return notFound
  if (method !== 'GET') return wrongMethod
  const target = readTarget(rest)
  if (target === null) return badRequest
  return { kind: 'found', point: { kind, chunk: null, target }, count: 0, nonce }
}

function plain(method: string, kind: 'capabilities' | 'telemetry'): Route {
  if (method !== 'GET') return wrongMethod
  return { kind: 'found', point: { kind, chunk: null, target: null }, count: 0, nonce: null }
}

/** Decodes a target segment by segment; null for one that could leave the file system's root. */
function readTarget(encoded: string): string | null {
  if (SIMPLE_TARGET.test(encoded)) return encoded
  const segments: string[] = []
  for (const part of encoded.split('/')) {
    let segment: string
    try {
      segment = decodeURIComponent(part)
    } catch {
      return null
    }
    if (segment === '' || segment === '.' || segment === '..' || /[/\\\0]/.test(segment)) return null
    segments.push(segment)
  }
  return segments.join('/')
}

/** Names that mean themselves, the usual case. */
const SIMPLE_TARGET = /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/
