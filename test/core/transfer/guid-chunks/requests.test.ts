import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../../src/shared/errors.ts'
import type { HttpAnswer } from '../../../../src/core/links/http-client.ts'
import { judgeSize } from '../../../../src/core/transfer/guid-chunks/checks.ts'
import { chooseChunkBytes, readOptions } from '../../../../src/core/transfer/guid-chunks/options.ts'
import {
  chunkHeader,
  initRequest,
  readCancel,
  readChunk,
  readInit,
  readRoute,
  remainingAfter,
} from '../../../../src/core/transfer/guid-chunks/requests.ts'

function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    status,
    contentType: 'application/json',
    headers: new Map(Object.entries(headers)),
    body: Buffer.from(text),
    durationMs: 1,
  }
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'done'
  } catch (error) {
    return error instanceof FlashproofError ? error.code : 'another error'
  }
}

const plan = {
  fileName: 'fw.bin',
  fileSizeBytes: 104_857_600,
  chunkBytes: 26_214_400,
  totalChunks: 4,
  targetFolder: 'User:me/Documents',
}
const at = { origin: 'http://10.0.0.7:8080', path: '/api/v1/files/upload-chunk' }
const guid = '550e8400-e29b-41d4-a716-446655440000'
const uploadUrl = `/apps/WebhostFileExplorer/api/v1/files/upload-chunk?guid=${guid}`
const init = (data: object): HttpAnswer => answer(200, { status: 'success', message: '', data })

describe('the ten bytes before a chunk', () => {
  it('are those of the vector', () => {
    const header = chunkHeader({ random: 0x1234, index: 5, remainingBytes: 1_048_576 })
    expect(Buffer.from(header).toString('hex')).toBe('34120500000000001000')
  })

  it('hold the largest values', () => {
    const header = chunkHeader({ random: 0xffff, index: 0xffff_ffff, remainingBytes: 0xffff_ffff })
    expect(Buffer.from(header).toString('hex')).toBe('ff'.repeat(10))
  })

  it.each([
    [0, 78_643_200],
    [2, 26_214_400],
    [3, 0],
  ])('count what remains after chunk %i', (index, remaining) => {
    expect(remainingAfter(plan, index)).toBe(remaining)
  })

  it('never count below nothing', () => {
    expect(remainingAfter({ fileSizeBytes: 10, chunkBytes: 4096 }, 0)).toBe(0)
  })
})

it('writes the init of the document', () => {
  const { method, path, headers, body } = initRequest(at.path, plan)
  expect([method, path, headers]).toEqual(['POST', at.path, { 'content-type': 'application/json' }])
  expect(JSON.parse(Buffer.from(body as Uint8Array).toString())).toEqual({
    action: 'init',
    fileName: 'fw.bin',
    fileSize: 104_857_600,
    chunkSize: 26_214_400,
    totalChunks: 4,
    targetPath: 'User:me/Documents',
  })
})

describe('the answer to an init', () => {
  it.each([
    [{ guid, uploadUrl, fileName: 'fw.bin', fileSize: 104_857_600, totalChunks: 4 }, uploadUrl],
    [{ guid, uploadUrl: `http://10.0.0.7:8080/u?guid=${guid}` }, `/u?guid=${guid}`],
    [{ guid, uploadUrl: `put/here?guid=${guid}` }, `/put/here?guid=${guid}`],
    [{ uploadUrl }, uploadUrl],
    [{ guid }, `${at.path}?guid=${guid}`],
  ])('%j names the upload', (data, expected) => {
    expect(readInit(init(data), plan, at)).toEqual({ uploadUrl: expected, guid })
  })

  it.each([
    ['another host', { guid, uploadUrl: `http://10.0.0.8:8080/u?guid=${guid}` }, 'device.foreign-address'],
    ['another port', { guid, uploadUrl: `http://10.0.0.7/u?guid=${guid}` }, 'device.foreign-address'],
    ['another scheme', { guid, uploadUrl: `https://10.0.0.7:8080/u?guid=${guid}` }, 'device.foreign-address'],
    ['a host without a scheme', { guid, uploadUrl: '//10.0.0.8:8080/u' }, 'device.foreign-address'],
    ['a host behind backslashes', { guid, uploadUrl: String.raw`\\10.0.0.8:8080\u` }, 'device.foreign-address'],
    ['no address at all', { guid, uploadUrl: 'http://' }, 'device.bad-answer'],
    ['a number', { guid, uploadUrl: 7 }, 'device.bad-answer'],
    ['neither guid nor address', {}, 'device.bad-answer'],
    ['another size', { guid, uploadUrl, fileSize: 1 }, 'device.bad-answer'],
    ['another count', { guid, uploadUrl, totalChunks: 5 }, 'device.bad-answer'],
  ])('is refused with %s', (_what, data, code) => {
    expect(codeOf(() => readInit(init(data), plan, at))).toBe(code)
  })

  it('gives no line break to a request', () => {
    const session = readInit(init({ guid, uploadUrl: `/u?guid=${guid}\r\nx-evil: 1` }), plan, at)
    expect(session.uploadUrl).not.toMatch(/[\r\n ]/)
  })

  it.each([
    [200, 'hello', 'device.bad-answer'],
    [200, { status: 'fail', message: 'no' }, 'device.refused'],
    [400, { status: 'fail', message: 'Missing action' }, 'device.refused'],
    [401, {}, 'device.unauthorised'],
    [404, 'no such page', 'device.not-speaking'],
    [405, '', 'device.not-speaking'],
    [302, '', 'device.not-speaking'],
    [429, '', 'device.rejected'],
    [500, { status: 'fail', message: 'disk' }, 'device.rejected'],
  ])('%i %j: %s', (status, body, code) => {
    expect(codeOf(() => readInit(answer(status, body), plan, at))).toBe(code)
  })
})

describe('the answer to a chunk', () => {
  const more = { chunkNumber: 0, receivedChunks: 1, totalChunks: 4, complete: false, bytesRemaining: 78_643_200 }
  const last = { fileName: 'fw.bin', size: 104_857_600, complete: true, receivedChunks: 4, totalChunks: 4 }

  it('says whether the upload is complete, and what the server counts', () => {
    expect(readChunk(init(more), 0, 4)).toMatchObject({ isComplete: false, receivedChunks: 1, sizeBytes: null })
    expect(readChunk(init(last), 3, 4)).toMatchObject({ isComplete: true, sizeBytes: 104_857_600, fileName: 'fw.bin' })
    const repeated = { chunkNumber: 2, receivedChunks: 3, totalChunks: 4, complete: false }
    expect(readChunk(init(repeated), 2, 4)).toMatchObject({ isComplete: false, receivedChunks: 3 })
  })

  it('takes only the word true for complete', () => {
    expect(readChunk(init({ ...last, complete: 'true' }), 3, 4).isComplete).toBe(false)
    expect(readChunk(init({ ...last, complete: 1 }), 3, 4).isComplete).toBe(false)
  })

  it.each([
    [init({ ...more, chunkNumber: 1 }), 'device.bad-answer'],
    [init({ ...more, totalChunks: 5 }), 'device.bad-answer'],
    [answer(200, { success: true, chunk: 0 }), 'device.bad-answer'],
    [answer(200, { status: 'fail', message: 'no' }), 'device.refused'],
    [answer(403, { status: 'fail', message: 'Unauthorized: You do not own this upload' }), 'device.unauthorised'],
    [answer(404, { status: 'fail', message: `Upload not found: ${guid}` }), 'device.session-lost'],
    [answer(413, ''), 'device.refused'],
    [answer(503, ''), 'device.rejected'],
  ])('case %#: %s', (given, code) => {
    expect(codeOf(() => readChunk(given, 0, 4))).toBe(code)
  })

  it('names whose upload it is when the server says so', () => {
    const owned = answer(403, { status: 'fail', message: 'Unauthorized: You do not own this upload' })
    expect(() => readChunk(owned, 0, 4)).toThrow(/do not own this upload/)
  })
})

it.each([
  [200, { status: 'success', message: 'Upload cancelled' }, 'gone'],
  [200, { status: 'fail' }, 'refused'],
  [404, { status: 'fail' }, 'unknown-upload'],
  [403, { status: 'fail' }, 'refused'],
])('reads a cancel: %i %j is %s', (status, body, expected) => {
  expect(readCancel(answer(status, body))).toBe(expected)
})

it.each([
  [405, { allow: 'POST, PUT' }, 'upload-route'],
  [405, { allow: 'post,put,options' }, 'upload-route'],
  [405, { allow: 'POST' }, 'some-route'],
  [405, {}, 'some-route'],
  [200, { allow: 'POST, PUT' }, 'none'],
  [404, {}, 'none'],
])('reads the GET of an upload route: %i %j is %s', (status, headers: Record<string, string>, expected) => {
  expect(readRoute(answer(status, '', headers))).toBe(expected)
})

describe('sizes', () => {
  it.each([
    [0, 'file.empty'],
    [1, 'fits'],
    [0xffff_ffff, 'fits'],
    [0x1_0000_0000, 'image.too-large'],
  ])('%i bytes: %s', (sizeBytes, expected) => {
    const [judgement] = judgeSize(sizeBytes)
    expect(judgement?.kind === 'refusal' ? judgement.error.code : 'fits').toBe(expected)
  })
})

describe('options', () => {
  it('have defaults that the document has', () => {
    expect(readOptions({}, 'fw.bin')).toMatchObject({
      chunkBytes: 'auto',
      fileName: 'fw.bin',
      targetFolder: 'User:me',
      uploadPath: '/api/v1/files/upload-chunk',
      telemetryPath: '/telemetry',
    })
    expect([chooseChunkBytes('auto', true), chooseChunkBytes('auto', false), chooseChunkBytes(777, true)]).toEqual([
      4096, 65_536, 777,
    ])
  })

  it.each([
    [{ fileName: '../fw.bin' }, 'target.unsafe-path'],
    [{ fileName: String.raw`a\b` }, 'target.unsafe-path'],
    [{ fileName: 'a\nb' }, 'target.unsafe-path'],
    [{ fileName: '..' }, 'target.unsafe-path'],
    [{ targetFolder: 'User:me/../you' }, 'target.unsafe-path'],
    [{ targetFolder: 'User:..' }, 'target.unsafe-path'],
    [{ uploadPath: '' }, 'option.invalid'],
    [{ uploadPath: '/a b' }, 'option.invalid'],
    [{ telemetryPath: 'x' }, 'option.invalid'],
    [{ telemetryPath: '' }, 'done'],
    [{ fileName: 'Phần sụn 1.bin' }, 'done'],
  ])('%j: %s', (values, code) => {
    expect(codeOf(() => readOptions(values, 'fw.bin'))).toBe(code)
  })
})
