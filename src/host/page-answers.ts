/** What the answers to a page have in common, whoever serves them: the types of its files, and the rules that bind it. */
import { extname } from 'node:path'

/** What the build leaves in the page's folder. Anything else is not served. */
const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
}

/** @returns null for a kind of file that is not served, source maps among them */
export function mediaTypeOf(path: string): string | null {
  const extension = extname(path)
  return Object.hasOwn(mediaTypes, extension) ? (mediaTypes[extension] ?? null) : null
}

export const PAGE_POLICY = [
  "default-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Beside the policy. */
export const pageHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const
