/** Serves the built page under its own scheme: the files of one folder, each with its exact type and the page's policy. */
import { join } from 'node:path'
import { mediaTypeOf, PAGE_POLICY, pageHeaders } from '../host/page-answers.ts'
import { isPageAddress, PAGE_SCHEME } from './page-address.ts'

/** Registered before the app is ready: an origin of its own that scripts, fonts and fetches accept as a secure one. */
export const pageScheme = {
  scheme: PAGE_SCHEME,
  privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
}

export interface PageFolder {
  /** Absolute. */
  readonly folder: string
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>
}

export interface PageRequest {
  readonly url: string
  readonly method: string
}

/** Answers requests of the page. Never throws: what it does not serve is a 404 or 405 with the same headers. */
export function createPageHandler(options: PageFolder): (request: PageRequest) => Promise<Response> {
  return async ({ url, method }) => {
    if (method !== 'GET' && method !== 'HEAD') return refuse(405, 'this address is only read')
    const file = findPageFile(url)
    if (file === null) return refuse(404, 'there is no such file in the page')
    try {
      const content = await options.readFile(join(options.folder, ...file.segments))
      return answer(200, file.contentType, method === 'HEAD' ? null : content)
    } catch {
      return refuse(404, 'there is no such file in the page')
    }
  }
}

interface PageFile {
  /** Names below the page's folder: none of them leads out of it. */
  readonly segments: readonly string[]
  readonly contentType: string
}

/** Finds which file an address means; null for another host, a type that is not served, and every way out of the folder. */
export function findPageFile(address: string): PageFile | null {
  const url = URL.parse(address)
  if (url === null || !isPageAddress(address)) return null
  const path = url.pathname === '/' || url.pathname === '' ? '/index.html' : url.pathname
  const segments = path.slice(1).split('/')
  // Names of the build alone: no escapes, no backslash, no drive, nothing that begins with a dot.
  if (!segments.every(segment => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(segment))) return null
  const contentType = mediaTypeOf(path)
  return contentType === null ? null : { segments, contentType }
}

function refuse(status: number, text: string): Response {
  return answer(status, 'text/plain; charset=utf-8', new TextEncoder().encode(text))
}

function answer(status: number, contentType: string, body: Uint8Array<ArrayBuffer> | null): Response {
  return new Response(body, {
    status,
    headers: {
      'content-type': contentType,
      'content-security-policy': PAGE_POLICY,
      ...pageHeaders,
      'cache-control': 'no-cache',
    },
  })
}
