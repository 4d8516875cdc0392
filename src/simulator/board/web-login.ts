/**
 * How the web server of a virtual board asks for a name and a password: Basic, or Digest with MD5 and a nonce of its own
 * (arduino-esp32, libraries/WebServer; ESPAsyncWebServer, WebAuthentication.cpp).
 */
import { createHash } from 'node:crypto'
import type { Reply } from '../faults/fault-hooks.ts'
import type { Random } from '../random.ts'
import { textReply, type FrontRequest } from './http-front.ts'

export interface WebLoginSettings {
  readonly username: string
  readonly password: string
  /** What it asks with, and takes. */
  readonly scheme: 'basic' | 'digest'
  /** Whether Basic is taken too where Digest is asked for, as ESPAsyncWebServer does. */
  readonly takesBasicToo?: boolean
  readonly realm?: string
}

const DEFAULT_REALM = 'Login Required'

/** Lives in RAM: after a restart earlier nonces are unknown. */
export class WebLogin {
  readonly #settings: WebLoginSettings | null
  readonly #random: Random
  #nonce = ''
  #opaque = ''

  /** @param settings null: everybody is let in */
  constructor(settings: WebLoginSettings | null, random: Random) {
    this.#settings = settings
    this.#random = random
  }

  /** @returns the challenge, or null for a request that may pass */
  check(request: FrontRequest): Reply | null {
    return this.mayPass(request) ? null : this.challenge()
  }

  /** @returns null where nobody is asked */
  challenge(): Reply | null {
    return this.#settings === null ? null : this.#challenge(this.#settings)
  }

  mayPass(request: FrontRequest): boolean {
    const settings = this.#settings
    if (settings === null) return true
    const given = request.headers.authorization ?? ''
    if (given.startsWith('Basic ')) {
      const mayBeBasic = settings.scheme === 'basic' || settings.takesBasicToo === true
      const expected = Buffer.from(`${settings.username}:${settings.password}`).toString('base64')
      return mayBeBasic && given.slice('Basic '.length).trim() === expected
    }
    if (settings.scheme === 'digest' && given.startsWith('Digest ')) {
      return this.#isRightDigest(settings, request.method, given.slice('Digest '.length))
    }
    return false
  }

  #challenge(settings: WebLoginSettings): Reply {
    const realm = settings.realm ?? DEFAULT_REALM
    let challenge = `Basic realm="${realm}"`
    if (settings.scheme === 'digest') {
      // One nonce at a time, as the WebServer of the Arduino core keeps it.
      this.#nonce = this.#hex(32)
      this.#opaque = this.#hex(32)
      challenge = `Digest realm="${realm}", qop="auth", nonce="${this.#nonce}", opaque="${this.#opaque}"`
    }
    return { ...textReply(401, '', 'text/html'), headers: { 'WWW-Authenticate': challenge } }
  }

  #isRightDigest(settings: WebLoginSettings, method: string, text: string): boolean {
    const given = readParameters(text)
    const realm = settings.realm ?? DEFAULT_REALM
    const { nonce = '', uri = '', nc = '', cnonce = '', qop = '', response = '' } = given
    if (given['username'] !== settings.username || given['realm'] !== realm) return false
    if (this.#nonce === '' || nonce !== this.#nonce || given['opaque'] !== this.#opaque || qop !== 'auth') return false
    const who = md5(`${settings.username}:${realm}:${settings.password}`)
    const what = md5(`${method}:${uri}`)
    return response === md5(`${who}:${nonce}:${nc}:${cnonce}:${qop}:${what}`)
  }

  #hex(digits: number): string {
    return Array.from({ length: digits }, () => this.#random.integer(16).toString(16)).join('')
  }
}

function readParameters(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const [, name = '', quoted, plain] of text.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]*))/g)) {
    found[name] = quoted ?? plain ?? ''
  }
  return found
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}
