/** Which requests are answered at all, and the headers that every answer has. */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { PAGE_POLICY, pageHeaders } from '../host/page-answers.ts'

/** The one address that the server answers under; `localhost` is another origin, and any other name is an attack. */
export const LOOPBACK = '127.0.0.1'

/** Where a request came to and from, as far as it may be answered. */
export interface RequestGuard {
  /** Whether the Host is ours and the Origin, where there is one, too. */
  isOurs(request: IncomingMessage): boolean
  /** As `isOurs`, for what changes something: such a request has an Origin. */
  isFromOurPage(request: IncomingMessage): boolean
}

export function createRequestGuard(port: number): RequestGuard {
  const host = `${LOOPBACK}:${String(port)}`
  const origin = `http://${host}`
  const isOurHost = (request: IncomingMessage): boolean => request.headers.host === host
  return {
    isOurs: request => isOurHost(request) && (request.headers.origin ?? origin) === origin,
    isFromOurPage: request => isOurHost(request) && request.headers.origin === origin,
  }
}

export function securityHeaders(port: number): OutgoingHttpHeaders {
  return {
    // 'self' means the socket too, but not in every browser that is still in use.
    'content-security-policy': `${PAGE_POLICY}; connect-src 'self' ws://${LOOPBACK}:${String(port)}`,
    ...pageHeaders,
    'x-frame-options': 'DENY',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), bluetooth=()',
  }
}

/** For a report that is shown in a tab: nothing but its own style sheet. */
export const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
