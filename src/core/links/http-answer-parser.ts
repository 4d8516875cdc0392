/**
 * Reads HTTP/1.1 answers out of a byte stream, piece by piece, with bounds on everything (RFC 9112). Knows no socket.
 * Only what a client of small devices needs: no trailers are kept, no content coding is undone.
 */
import { FlashproofError } from '../../shared/errors.ts'

/** An answer of a small device is small; more than this is not one of ours. */
export const MAX_ANSWER_BYTES = 256 * 1024
const MAX_HEAD_BYTES = 16 * 1024

export interface ParsedAnswer {
  readonly status: number
  readonly contentType: string
  /** By lower-case name; a header that came more than once has its values joined by commas (RFC 9110, 5.3). */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
  /** Whether another request may follow on the same connection. */
  readonly keepsAlive: boolean
}

type BodyFraming =
  | { readonly kind: 'length'; readonly sizeBytes: number }
  | { readonly kind: 'chunked' }
  /** Until the connection ends. */
  | { readonly kind: 'rest' }

interface Head {
  readonly status: number
  readonly contentType: string
  readonly headers: ReadonlyMap<string, string>
  readonly framing: BodyFraming
  readonly keepsAlive: boolean
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')
const NOTHING = Buffer.alloc(0)

export class HttpAnswerParser {
  #pending: Buffer = NOTHING
  #head: Head | null = null
  /** A device begins most of its answers with the same lines: they are read once. */
  #lastHead: { readonly text: string; readonly head: Head } | null = null

  /** Whether bytes of an answer have come that is not whole yet. */
  get isInside(): boolean {
    return this.#head !== null || this.#pending.length > 0
  }

  /**
   * Takes the next bytes.
   * @returns the answer once it is whole; bytes after it are an error, because nothing was asked yet
   * @throws {FlashproofError} device.not-speaking for what is no HTTP, network.answer-too-large
   */
  push(piece: Buffer): ParsedAnswer | null {
    this.#pending = this.#pending.length === 0 ? piece : Buffer.concat([this.#pending, piece])
    while (this.#head === null) {
      const end = this.#pending.indexOf(HEAD_END)
      if (end < 0) {
        if (this.#pending.length > MAX_HEAD_BYTES) throw tooLarge(MAX_HEAD_BYTES)
        // What is no status line is told at once, not after a head that never ends.
        assertStatusLine(this.#pending)
        return null
      }
      const head = this.#readHead(this.#pending.toString('latin1', 0, end))
      this.#pending = this.#pending.subarray(end + HEAD_END.length)
      // 1xx answers come before the real one.
      if (head.status >= 200) this.#head = head
      else if (this.#pending.length === 0) return null
    }
    return this.#takeBody(this.#head)
  }

  /**
   * The connection ended.
   * @returns the answer that lasts until the end of the connection; null when none was open or it is cut off
   */
  end(): ParsedAnswer | null {
    const head = this.#head
    if (head?.framing.kind !== 'rest') return null
    return this.#finish(head, this.#pending, this.#pending.length)
  }

  #readHead(text: string): Head {
    if (this.#lastHead?.text === text) return this.#lastHead.head
    const head = parseHead(text)
    this.#lastHead = { text, head }
    return head
  }

  #takeBody(head: Head): ParsedAnswer | null {
    switch (head.framing.kind) {
      case 'length': {
        const { sizeBytes } = head.framing
        if (sizeBytes > MAX_ANSWER_BYTES) throw tooLarge(MAX_ANSWER_BYTES)
        if (this.#pending.length < sizeBytes) return null
        return this.#finish(head, this.#pending.subarray(0, sizeBytes), sizeBytes)
      }
      case 'chunked': {
        const decoded = decodeChunked(this.#pending)
        if (decoded === null) {
          if (this.#pending.length > 2 * MAX_ANSWER_BYTES) throw tooLarge(MAX_ANSWER_BYTES)
          return null
        }
        return this.#finish(head, decoded.body, decoded.usedBytes)
      }
      case 'rest':
        if (this.#pending.length > MAX_ANSWER_BYTES) throw tooLarge(MAX_ANSWER_BYTES)
        return null
    }
  }

  #finish(head: Head, body: Buffer, usedBytes: number): ParsedAnswer {
    const isFollowed = this.#pending.length > usedBytes
    this.#pending = NOTHING
    this.#head = null
    return {
      status: head.status,
      contentType: head.contentType,
      headers: head.headers,
      body,
      keepsAlive: head.keepsAlive && head.framing.kind !== 'rest' && !isFollowed,
    }
  }
}

function assertStatusLine(bytes: Buffer): void {
  const begin = bytes.toString('latin1', 0, 5)
  if ('HTTP/'.startsWith(begin)) return
  throw notHttp(bytes.toString('latin1', 0, 60))
}

function parseHead(text: string): Head {
  const lineEnd = text.indexOf('\r\n')
  const statusLine = lineEnd < 0 ? text : text.slice(0, lineEnd)
  const match = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(statusLine)
  if (match === null) throw notHttp(statusLine.slice(0, 60))
  const status = Number(match[2])
  let contentType = ''
  const headers = new Map<string, string>()
  let contentLength: string | null = null
  let isChunked = false
  let connection = ''
  if (lineEnd >= 0) {
    for (const line of text.slice(lineEnd + 2).split('\r\n')) {
      const colon = line.indexOf(':')
      if (colon <= 0) continue
      const value = line.slice(colon + 1).trim()
      const name = line.slice(0, colon).toLowerCase()
      const earlier = headers.get(name)
      headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
      switch (name) {
        case 'content-type':
          contentType = value
          break
        case 'content-length':
          // Two lengths that differ are how one answer is made to look like two (RFC 9112, 6.3).
          if (contentLength !== null && contentLength !== value) throw notHttp('two content lengths')
          contentLength = value
          break
        case 'transfer-encoding':
          isChunked = /(^|,)\s*chunked\s*$/i.test(value)
          break
        case 'connection':
          connection = value.toLowerCase()
          break
      }
    }
  }
  const isOld = match[1] === '0'
  const keepsAlive = isOld ? connection.includes('keep-alive') : !connection.includes('close')
  return { status, contentType, headers, keepsAlive, framing: framingOf(status, isChunked, contentLength) }
}

function framingOf(status: number, isChunked: boolean, contentLength: string | null): BodyFraming {
  if (status < 200 || status === 204 || status === 304) return { kind: 'length', sizeBytes: 0 }
  if (isChunked) return { kind: 'chunked' }
  if (contentLength === null) return { kind: 'rest' }
  if (!/^\d{1,15}$/.test(contentLength)) throw notHttp(`content-length: ${contentLength.slice(0, 40)}`)
  return { kind: 'length', sizeBytes: Number(contentLength) }
}

/** Undoes the chunked coding of a whole body; null while some of it is still to come. */
function decodeChunked(bytes: Buffer): { readonly body: Buffer; readonly usedBytes: number } | null {
  const pieces: Buffer[] = []
  let offset = 0
  let sizeBytes = 0
  for (;;) {
    const lineEnd = bytes.indexOf(LINE_END, offset)
    if (lineEnd < 0) return null
    const sizeText = /^([0-9a-f]{1,8})\s*(?:;.*)?$/i.exec(bytes.toString('latin1', offset, lineEnd))?.[1]
    if (sizeText === undefined) throw notHttp('a chunk without a size')
    const pieceBytes = Number.parseInt(sizeText, 16)
    offset = lineEnd + 2
    if (pieceBytes === 0) {
      const end = endOfTrailers(bytes, offset)
      return end < 0 ? null : { body: Buffer.concat(pieces), usedBytes: end }
    }
    sizeBytes += pieceBytes
    if (sizeBytes > MAX_ANSWER_BYTES) throw tooLarge(MAX_ANSWER_BYTES)
    if (bytes.length < offset + pieceBytes + 2) return null
    pieces.push(bytes.subarray(offset, offset + pieceBytes))
    offset += pieceBytes + 2
  }
}

/** Trailers end with an empty line; -1 while it has not come. */
function endOfTrailers(bytes: Buffer, offset: number): number {
  if (bytes.toString('latin1', offset, offset + 2) === '\r\n') return offset + 2
  const end = bytes.indexOf(HEAD_END, offset)
  return end < 0 ? -1 : end + HEAD_END.length
}

function notHttp(begin: string): FlashproofError {
  return new FlashproofError('device.not-speaking', 'what answers at this address speaks no HTTP/1.1', { begin })
}

function tooLarge(maximumBytes: number): FlashproofError {
  return new FlashproofError('network.answer-too-large', 'the answer is larger than any of these devices gives', {
    maximumBytes,
  })
}
