import { describe, expect, it } from 'vitest'
import { HttpAnswerParser, MAX_ANSWER_BYTES, type ParsedAnswer } from '../../../src/core/links/http-answer-parser.ts'

/** Feeds the text in pieces of `pieceBytes` and gives the first whole answer. */
function parse(text: string, pieceBytes = text.length): ParsedAnswer | null {
  const parser = new HttpAnswerParser()
  const bytes = Buffer.from(text, 'latin1')
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    const answer = parser.push(Buffer.from(bytes.subarray(offset, offset + pieceBytes)))
    if (answer !== null) return answer
  }
  return parser.end()
}

function bodyOf(answer: ParsedAnswer | null): string | null {
  return answer === null ? null : Buffer.from(answer.body).toString('latin1')
}

const withLength = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"success": true}'
const chunked =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n'

describe('reading HTTP answers', () => {
  it('reads an answer with a length, wherever the pieces are cut', () => {
    for (let pieceBytes = 1; pieceBytes <= withLength.length; pieceBytes++) {
      const answer = parse(withLength, pieceBytes)
      expect(answer).toMatchObject({ status: 200, contentType: 'application/json', keepsAlive: true })
      expect(bodyOf(answer)).toBe('{"success": true}')
    }
  })

  it('reads a chunked answer with extensions and trailers, wherever the pieces are cut', () => {
    for (let pieceBytes = 1; pieceBytes <= chunked.length; pieceBytes++) {
      const answer = parse(chunked, pieceBytes)
      expect(answer?.keepsAlive).toBe(true)
      expect(bodyOf(answer)).toBe('hello world')
    }
  })

  it('reads an answer that lasts until the connection ends, and does not use that connection again', () => {
    const answer = parse('HTTP/1.1 200 OK\r\n\r\nall of it')
    expect(bodyOf(answer)).toBe('all of it')
    expect(answer?.keepsAlive).toBe(false)
  })

  it('takes a cut-off answer for none', () => {
    expect(parse(withLength.slice(0, -1))).toBeNull()
    expect(parse(chunked.slice(0, -2))).toBeNull()
    expect(parse('HTTP/1.1 200 OK\r\nContent-Le')).toBeNull()
  })

  it('passes over interim answers', () => {
    const answer = parse(`HTTP/1.1 100 Continue\r\n\r\n${withLength}`)
    expect(answer?.status).toBe(200)
  })

  it('knows answers without a body', () => {
    expect(parse('HTTP/1.1 204 No Content\r\n\r\n')).toMatchObject({ status: 204, keepsAlive: true })
    expect(bodyOf(parse('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'))).toBe('')
  })

  it.each([
    ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', true],
  ])('reuses the connection only as the answer allows: %j', (text, keepsAlive) => {
    expect(parse(text)?.keepsAlive).toBe(keepsAlive)
  })

  it('does not reuse a connection on which more came than was asked for', () => {
    expect(parse(`${withLength}HTTP/1.1 200 OK\r\n`)?.keepsAlive).toBe(false)
  })

  it.each([
    ['SSH-2.0-OpenSSH_9.2\r\n'],
    ['<html>'],
    ['HTTP/2 200\r\n\r\n'],
    ['HTTP/1.1 20 OK\r\n\r\n'],
    ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('refuses what is no HTTP/1.1 answer: %j', text => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'device.not-speaking' }) as Error)
  })

  it.each([
    [`HTTP/1.1 200 OK\r\nContent-Length: ${String(MAX_ANSWER_BYTES + 1)}\r\n\r\n`],
    [`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(MAX_ANSWER_BYTES + 1)}`],
    [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n`],
    [`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(20_000)}`],
  ])('refuses an answer without a bound (%#)', text => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'network.answer-too-large' }) as Error)
  })
})
