/**
 * The credentials of one HTTP device: Basic at once, because small servers take it without being asked, and Digest after
 * a challenge (RFC 7617, RFC 7616). Nothing that a device sends can add a header, and no secret stands in an error.
 */
import { createHash, randomBytes } from 'node:crypto'
import { FlashproofError } from '../../shared/errors.ts'
import { readChallenges, type Challenge } from './http-challenge.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from './http-client.ts'

export interface HttpCredentials {
  readonly username: string
  readonly password: string
  /** What the endpoint puts before every path: it is part of what Digest signs. */
  readonly basePath?: string
  /** Makes the client's nonce; random unless given. */
  readonly cnonce?: () => string
}

/** `again`: the same request may go well with the next header. `refused`: asking once more would change nothing. */
export type AuthVerdict = 'passed' | 'again' | 'refused'

/** A device that calls one nonce after another stale would be asked for ever. */
const STALE_IN_A_ROW = 3
const CNONCE_BYTES = 16

interface DigestState {
  readonly realm: string
  readonly nonce: string
  readonly opaque: string | null
  readonly algorithm: string
  readonly hash: 'md5' | 'sha256'
  readonly isSession: boolean
  /** Null for servers of RFC 2069, which know no `qop`. */
  readonly qop: 'auth' | null
  readonly cnonce: string
  nonceCount: number
  /** Whether the device took this nonce once: if so, a later refusal is about the nonce, not the password. */
  wasAccepted: boolean
}

export class HttpAuth {
  readonly #credentials: HttpCredentials
  #digest: DigestState | null = null
  #staleInARow = 0

  /** @throws {FlashproofError} option.invalid for a name that HTTP cannot carry */
  constructor(credentials: HttpCredentials) {
    assertUsername(credentials.username)
    this.#credentials = credentials
  }

  /** Value of the Authorization header for the next request; every value is used once. */
  authorization(method: string, path: string): string {
    const { username, password, basePath = '' } = this.#credentials
    if (this.#digest === null) return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    return digestHeader(this.#digest, this.#credentials, method, basePath + path)
  }

  /** Tells what an answer says about the header that its request had, and takes up its challenge. */
  judge(answer: Pick<HttpAnswer, 'status' | 'headers'>): AuthVerdict {
    if (answer.status !== 401) {
      this.#staleInARow = 0
      if (this.#digest !== null) this.#digest.wasAccepted = true
      return 'passed'
    }
    const challenge = usableDigest(answer.headers.get('www-authenticate') ?? '')
    if (challenge === null) return 'refused'
    const earlier = this.#digest
    const isStale = challenge.parameters.get('stale')?.toLowerCase() === 'true'
    this.#digest = digestState(challenge, this.#credentials.cnonce ?? randomCnonce)
    if (earlier === null) return 'again'
    // Servers that keep one nonce for everybody forget ours, at a restart or because somebody else asked, without calling
    // it stale: a nonce that was never accepted is worth one more try.
    const isOther = earlier.nonce !== this.#digest.nonce
    if (!isStale && !(isOther && (earlier.wasAccepted || this.#staleInARow === 0))) return 'refused'
    this.#staleInARow++
    return this.#staleInARow <= STALE_IN_A_ROW ? 'again' : 'refused'
  }
}

/**
 * Refuses a user name before any device is touched: a colon would move the border between name and password (RFC 7617, 2).
 * @throws {FlashproofError} option.invalid
 */
export function assertUsername(username: string): void {
  if (!hasControl(username) && !username.includes(':')) return
  throw new FlashproofError('option.invalid', 'a user name for HTTP has no colon and no control character', {
    key: 'username',
    expected: 'a name without a colon',
  })
}

export type RequestSender = Pick<HttpClient, 'request'>

/**
 * Sends every request through `client` with the credentials, and again where the device only wanted another header. A
 * long body is sent once: ask something small first, so that the way of authentication is settled.
 * @param auth null: no credentials, and a 401 is the answer
 */
export function authorised(client: RequestSender, auth: HttpAuth | null): RequestSender {
  if (auth === null) return client
  return {
    async request(request: HttpRequest): Promise<HttpAnswer> {
      for (;;) {
        const authorization = auth.authorization(request.method, request.path)
        const answer = await client.request({ ...request, headers: { ...request.headers, authorization } })
        if (auth.judge(answer) !== 'again') return answer
      }
    },
  }
}

/** The first challenge that can be answered: servers list them in the order that they prefer (RFC 7616, 3.7). */
function usableDigest(header: string): Challenge | null {
  for (const challenge of readChallenges(header)) {
    const { parameters } = challenge
    if (challenge.scheme !== 'digest' || hashOf(parameters.get('algorithm')) === null) continue
    const qop = parameters.get('qop')
    if (qop !== undefined && !qopTokens(qop).includes('auth')) continue
    // What is echoed must not be able to end the line.
    const echoed = ['realm', 'nonce', 'opaque', 'algorithm'].map(name => parameters.get(name) ?? '')
    if (parameters.get('nonce') === undefined || echoed.some(hasControl)) continue
    return challenge
  }
  return null
}

function digestState({ parameters }: Challenge, cnonce: () => string): DigestState {
  const algorithm = parameters.get('algorithm') ?? 'MD5'
  return {
    realm: parameters.get('realm') ?? '',
    nonce: parameters.get('nonce') ?? '',
    opaque: parameters.get('opaque') ?? null,
    algorithm: parameters.has('algorithm') ? algorithm : '',
    hash: hashOf(algorithm) ?? 'md5',
    isSession: /-sess$/i.test(algorithm),
    qop: parameters.has('qop') ? 'auth' : null,
    cnonce: cnonce(),
    nonceCount: 0,
    wasAccepted: false,
  }
}

function digestHeader(state: DigestState, credentials: HttpCredentials, method: string, uri: string): string {
  const { realm, nonce, cnonce, qop, opaque, algorithm } = state
  const digest = (text: string): string => createHash(state.hash).update(text).digest('hex')
  const base = digest(`${credentials.username}:${realm}:${credentials.password}`)
  const secret = state.isSession ? digest(`${base}:${nonce}:${cnonce}`) : base
  const what = digest(`${method}:${uri}`)
  state.nonceCount++
  const count = state.nonceCount.toString(16).padStart(8, '0')
  const response =
    qop === null ? digest(`${secret}:${nonce}:${what}`) : digest(`${secret}:${nonce}:${count}:${cnonce}:${qop}:${what}`)
  const fields = [
    `username=${quoted(credentials.username)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(uri)}`,
    ...(algorithm === '' ? [] : [`algorithm=${algorithm}`]),
    ...(qop === null ? [] : [`qop=${qop}`, `nc=${count}`]),
    ...(qop !== null || state.isSession ? [`cnonce=${quoted(cnonce)}`] : []),
    `response="${response}"`,
    ...(opaque === null ? [] : [`opaque=${quoted(opaque)}`]),
  ]
  // Heads go out as Latin-1, one character a byte: UTF-8 must be spelled out in bytes.
  return `Digest ${Buffer.from(fields.join(', ')).toString('latin1')}`
}

function hashOf(algorithm = 'MD5'): 'md5' | 'sha256' | null {
  switch (algorithm.toLowerCase().replace(/-sess$/, '')) {
    case 'md5':
      return 'md5'
    case 'sha-256':
      return 'sha256'
    default:
      return null
  }
}

function qopTokens(text: string): readonly string[] {
  return text.split(',').map(token => token.trim().toLowerCase())
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

function hasControl(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}

function randomCnonce(): string {
  return randomBytes(CNONCE_BYTES).toString('hex')
}
