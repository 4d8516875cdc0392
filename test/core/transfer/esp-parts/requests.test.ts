import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../../src/shared/errors.ts'
import type { HttpAnswer } from '../../../../src/core/links/http-client.ts'
import { encodePath, readOptions, safeTargetPath } from '../../../../src/core/transfer/esp-parts/options.ts'
import {
  assertChunkNumber,
  chunkRequests,
  completeRequest,
  expectedHmac,
  readCapabilities,
  readHash,
  readStatus,
  readSuccess,
} from '../../../../src/core/transfer/esp-parts/requests.ts'

function answer(status: number, body: string): HttpAnswer {
  return { status, contentType: 'application/json', headers: new Map(), body: Buffer.from(body), durationMs: 1 }
}

/** The error's code, or the result as JSON. */
function outcomeOf(work: () => unknown): string {
  try {
    return JSON.stringify(work())
  } catch (error) {
    if (error instanceof FlashproofError) return error.code
    throw error
  }
}

describe('a name on the device', () => {
  it.each([
    ['app.bin', 'app.bin', 'app.bin'],
    ['/app.bin', 'app.bin', 'app.bin'],
    ['fw/7/app.bin', 'fw/7/app.bin', 'fw/7/app.bin'],
    ['my app.bin', 'my app.bin', 'my%20app.bin'],
    ['a?b#c%41.bin', 'a?b#c%41.bin', 'a%3Fb%23c%2541.bin'],
    ['bản dựng.bin', 'bản dựng.bin', 'b%E1%BA%A3n%20d%E1%BB%B1ng.bin'],
    ['..app', '..app', '..app'],
    ['7a', '7a', '7a'],
  ])('%s is asked for as %s', (path, safe, encoded) => {
    expect(safeTargetPath(path)).toBe(safe)
    expect(encodePath(safe)).toBe(encoded)
  })

  it.each([
    '',
    '/',
    '//a',
    'a//b',
    'a/',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    'a\\b',
    'a\0b',
    'a\nb',
    '\u007f',
    '7',
    'fw/7',
    '/007',
  ])('“%s” is refused', path => {
    expect(outcomeOf(() => safeTargetPath(path))).toBe('target.unsafe-path')
  })

  it('is the file name unless an option says another', () => {
    expect(readOptions({}, 'x.bin')).toMatchObject({ targetPath: 'x.bin', chunkBytes: 'auto', pauseMs: 'auto' })
    expect(readOptions({ targetPath: 'fw/y', chunkBytes: 512, pauseMs: 0 }, 'x.bin')).toMatchObject({
      targetPath: 'fw/y',
      chunkBytes: 512,
      pauseMs: 0,
    })
    expect(outcomeOf(() => readOptions({ telemetryPath: 'telemetry' }, 'x.bin'))).toBe('option.invalid')
    expect(outcomeOf(() => readOptions({ telemetryPath: '/t?x' }, 'x.bin'))).toBe('option.invalid')
    expect(outcomeOf(() => readOptions({}, '123'))).toBe('target.unsafe-path')
  })
})

describe('the requests', () => {
  it('are the seed’s, with session headers only for a session', () => {
    const bytes = Uint8Array.of(1, 2)
    expect(chunkRequests('fw/a b', null)(3, bytes)).toEqual({
      method: 'POST',
      path: '/upload/chunk/fw/a%20b/3',
      headers: { 'content-type': 'application/octet-stream' },
      body: bytes,
    })
    const session = { sizeBytes: 10, sha256: 'ab', chunkBytes: 4 }
    const complete = completeRequest('a', 3, session)
    expect(complete).toMatchObject({
      method: 'POST',
      path: '/upload/complete/a/3',
      headers: { 'x-flashproof-size': '10', 'x-flashproof-sha256': 'ab', 'x-flashproof-chunk': '4' },
    })
    expect(complete.body).toBeInstanceOf(Uint8Array)
    expect(Buffer.concat([complete.body ?? []].flat()).toString()).toBe('{"total_chunks":3}')
  })
})

describe('success', () => {
  it.each([
    [200, '{"success":true}', '{"success":true}'],
    [200, '{"success": true, "chunk": 3}', '{"success":true,"chunk":3}'],
    [201, '{"success":true}', '{"success":true}'],
    // The status alone never counts.
    [200, '', 'device.bad-answer'],
    [200, 'OK', 'device.bad-answer'],
    [200, '{}', 'device.bad-answer'],
    [200, '{"success":"true"}', 'device.bad-answer'],
    [200, '{"success":1}', 'device.bad-answer'],
    [200, '{"Success":true}', 'device.bad-answer'],
    [200, '[{"success":true}]', 'device.bad-answer'],
    [200, 'null', 'device.bad-answer'],
    [200, 'true', 'device.bad-answer'],
    [200, '{"success": tr', 'device.bad-answer'],
    [200, '<html>"success":true</html>', 'device.bad-answer'],
    [204, '', 'device.bad-answer'],
    [200, '{"success":false}', 'device.rejected'],
    [200, '{"success":false,"error":"[Errno 28] ENOSPC"}', 'device.rejected'],
    [200, '{"success":false,"error":"session"}', 'device.session-lost'],
    // Nor does the body alone.
    [400, '{"success":true}', 'device.rejected'],
    [409, '{"success":false,"error":"x"}', 'device.rejected'],
    [408, '', 'device.rejected'],
    [429, '{"success":true}', 'device.rejected'],
    [500, '{"success":true}', 'device.rejected'],
    [503, 'busy', 'device.rejected'],
    [501, '{"success":true}', 'device.not-speaking'],
    [404, '{"success":true}', 'device.not-speaking'],
    [405, '', 'device.not-speaking'],
    [302, '', 'device.not-speaking'],
    [401, '{"success":true}', 'device.unauthorised'],
    [403, '', 'device.unauthorised'],
  ])('%i %s: %s', (status, body, expected) => {
    expect(outcomeOf(() => readSuccess(answer(status, body), 'chunk 0'))).toBe(expected)
  })

  it('shows the first 200 characters of an answer that is none, without control characters', () => {
    try {
      readSuccess(answer(200, `\u001b[2J${'x'.repeat(5000)}`), 'chunk 0')
      expect.unreachable()
    } catch (error) {
      if (!(error instanceof FlashproofError)) throw error
      const shown = String(error.details['answer'])
      expect(shown.length).toBeLessThanOrEqual(201)
      expect(shown).toMatch(/^[^\u0000-\u001f]*x+/)
    }
  })

  it.each([
    [{ success: true }, 'accepted'],
    [{ success: true, chunk: 5 }, 'accepted'],
    [{ success: true, chunk: 4 }, 'device.bad-answer'],
    [{ success: true, chunk: '5' }, 'device.bad-answer'],
    [{ success: true, chunk: null }, 'device.bad-answer'],
  ])('of chunk 5, said as %j: %s', (body, expected) => {
    const work = (): string => {
      assertChunkNumber(body, 5)
      return 'accepted'
    }
    expect(outcomeOf(work).replaceAll('"', '')).toBe(expected)
  })
})

describe('capabilities', () => {
  const none = { hasHash: false, hasStatus: false, hasSession: false }
  it.each([
    [
      200,
      '{"chunk_bytes":[512,16384],"hash":true,"status":true,"session":true}',
      { chunkBytes: [512, 16_384], hasHash: true, hasStatus: true, hasSession: true },
    ],
    [200, '{"hash":true}', { ...none, chunkBytes: null, hasHash: true }],
    [200, '{"hash":"true","status":1,"session":null}', { ...none, chunkBytes: null }],
    [200, '{"chunk_bytes":[0,10]}', { ...none, chunkBytes: null }],
    [200, '{"chunk_bytes":[10,5]}', { ...none, chunkBytes: null }],
    [200, '{"chunk_bytes":[1.5,5]}', { ...none, chunkBytes: null }],
    [200, '{"chunk_bytes":4096}', { ...none, chunkBytes: null }],
  ])('%i %s', (status, body, expected) => {
    expect(readCapabilities(answer(status, body))).toEqual(expected)
  })

  it.each([
    [404, 'Not found', 'null'],
    [405, '', 'null'],
    [501, '', 'null'],
    [200, '<html></html>', 'device.not-speaking'],
    [200, '{"name":"router"}', 'device.not-speaking'],
    [302, '', 'device.not-speaking'],
    [401, '', 'device.unauthorised'],
    [500, 'Internal server error', 'device.rejected'],
    [429, '', 'device.rejected'],
  ])('%i %s: %s', (status, body, expected) => {
    expect(outcomeOf(() => readCapabilities(answer(status, body)))).toBe(expected)
  })
})

describe('the status of an upload', () => {
  const sha256 = 'AB'.repeat(32)
  const whole = { success: true, sha256, size: 10, chunk_bytes: 4, have: 'BQ==', state: 'receiving' }

  it('is read whole, hash in lower case, bitmap decoded', () => {
    const status = readStatus(answer(200, JSON.stringify(whole)))
    expect(status).toMatchObject({ sha256: 'ab'.repeat(32), sizeBytes: 10, chunkBytes: 4, state: 'receiving' })
    expect([...(status?.have ?? [])]).toEqual([5])
  })

  it.each([
    [404, 'Not found', 'null'],
    [405, '', 'null'],
    [200, '{"success":false,"error":"no such upload"}', 'null'],
    // What says neither must not pass for “nothing there”: the upload would start again.
    [200, '', 'device.bad-answer'],
    [200, '<html></html>', 'device.bad-answer'],
    [200, JSON.stringify({ ...whole, state: 'fine' }), 'device.bad-answer'],
    [200, JSON.stringify({ ...whole, size: '10' }), 'device.bad-answer'],
    [200, JSON.stringify({ ...whole, size: -1 }), 'device.bad-answer'],
    [200, JSON.stringify({ ...whole, chunk_bytes: 0 }), 'device.bad-answer'],
    [200, JSON.stringify({ ...whole, chunk_bytes: 1.5 }), 'device.bad-answer'],
    [200, JSON.stringify({ ...whole, sha256: null }), 'device.bad-answer'],
    [200, JSON.stringify({ ...whole, success: 'true' }), 'device.bad-answer'],
    [500, '', 'device.rejected'],
    [503, JSON.stringify(whole), 'device.rejected'],
  ])('%i %s: %s', (status, body, expected) => {
    expect(outcomeOf(() => readStatus(answer(status, body)))).toBe(expected)
  })
})

describe('the hash of what is in flash', () => {
  const sha256 = 'cd'.repeat(32)

  it.each([
    [
      200,
      { success: true, sha256, size: 9, nonce: 'AA', hmac: 'BB' },
      { sha256, sizeBytes: 9, nonce: 'aa', hmac: 'bb' },
    ],
    [200, { success: true, sha256: sha256.toUpperCase() }, { sha256, sizeBytes: null, nonce: null, hmac: null }],
    [
      200,
      { success: true, sha256, size: '9', nonce: 1, hmac: {} },
      { sha256, sizeBytes: null, nonce: null, hmac: null },
    ],
  ])('%i %j', (status, body, hash) => {
    expect(readHash(answer(status, JSON.stringify(body)))).toEqual({ kind: 'hash', hash })
  })

  it.each([
    [200, '{"success":false,"error":"no such upload"}', '{"kind":"absent","deviceError":"no such upload"}'],
    [404, '{"success":false}', '{"kind":"absent","deviceError":""}'],
    [404, 'Not found', '{"kind":"unsupported"}'],
    [405, '', '{"kind":"unsupported"}'],
    [200, '', 'device.bad-answer'],
    [200, JSON.stringify({ sha256 }), 'device.bad-answer'],
    [200, JSON.stringify({ success: true }), 'device.bad-answer'],
    [200, JSON.stringify({ success: true, sha256: sha256.slice(1) }), 'device.bad-answer'],
    [200, JSON.stringify({ success: true, sha256: 'z'.repeat(64) }), 'device.bad-answer'],
    [500, JSON.stringify({ success: true, sha256 }), 'device.rejected'],
  ])('%i %s: %s', (status, body, expected) => {
    expect(outcomeOf(() => readHash(answer(status, body)))).toBe(expected)
  })

  it('is keyed with the bytes of the nonce (RFC 4231, case 2)', async () => {
    const nonce = Buffer.from('Jefe').toString('hex')
    expect(await expectedHmac(nonce, Buffer.from('what do ya want for nothing?'))).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    )
  })
})
