import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../../src/shared/errors.ts'
import type { HttpAnswer } from '../../../../src/core/links/http-client.ts'
import {
  chooseChunkBytes,
  chooseSimultaneous,
  geometryOf,
  identifierOf,
  readOptions,
  wireFileName,
} from '../../../../src/core/transfer/resumable/options.ts'
import {
  parametersOf,
  readSummary,
  readTest,
  readUpload,
  summaryRequest,
  testRequest,
  uploadRequest,
  type UploadPlan,
} from '../../../../src/core/transfer/resumable/requests.ts'
import { retryRule } from '../../../../src/core/transfer/resumable/sender.ts'
import { defaultRetryPolicy } from '../../../../src/core/transfer/retry.ts'

const plan: UploadPlan = {
  path: '/resumable_upload',
  identifier: '2621440-0011223344556677-fw-00112233bin',
  fileName: 'fw-00112233.bin',
  sizeBytes: 2_621_440,
  chunkBytes: 1_048_576,
  totalChunks: 2,
  mode: 'multipart',
  retriesServerErrors: false,
}
const last = { index: 1, sizeBytes: 1_572_864 }

function answer(status: number, body: unknown = ''): HttpAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { status, contentType: 'text/html', headers: new Map(), body: Buffer.from(text), durationMs: 1 }
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'done'
  } catch (error) {
    return error instanceof FlashproofError ? error.code : 'another error'
  }
}

describe('the requests', () => {
  it('carry the nine parameters in the order of Resumable.js', () => {
    expect(parametersOf(plan, last)).toEqual([
      ['resumableChunkNumber', '2'],
      ['resumableChunkSize', '1048576'],
      ['resumableCurrentChunkSize', '1572864'],
      ['resumableTotalSize', '2621440'],
      ['resumableType', 'application/octet-stream'],
      ['resumableIdentifier', '2621440-0011223344556677-fw-00112233bin'],
      ['resumableFilename', 'fw-00112233.bin'],
      ['resumableRelativePath', 'fw-00112233.bin'],
      ['resumableTotalChunks', '2'],
    ])
  })

  it('put them into the address of the test and of the upload, and into the form once more', () => {
    const test = testRequest(plan, last)
    const upload = uploadRequest(plan, last, Buffer.from('bytes'))
    expect([test.method, upload.method]).toEqual(['GET', 'POST'])
    expect(upload.path).toBe(test.path)
    expect([...new URL(test.path, 'http://h').searchParams]).toEqual(parametersOf(plan, last))
    const body = Buffer.concat([...(upload.body as readonly Uint8Array[])]).toString()
    const names = [...body.matchAll(/name="(\w+)"/g)].map(match => match[1])
    expect(names).toEqual([...parametersOf(plan, last).map(([name]) => name), 'file'])
    expect(body).toContain(
      'name="file"; filename="fw-00112233.bin"\r\nContent-Type: application/octet-stream\r\n\r\nbytes',
    )
  })

  it('send raw bytes in octet mode, with the parameters in the address alone', () => {
    const bytes = Buffer.from('bytes')
    const upload = uploadRequest({ ...plan, mode: 'octet' }, last, bytes)
    expect(upload.headers).toEqual({ 'content-type': 'application/octet-stream' })
    expect(upload.body).toBe(bytes)
    expect(upload.path).toBe(testRequest(plan, last).path)
  })

  it('ask for the whole upload without naming a chunk', () => {
    const { searchParams } = new URL(summaryRequest(plan).path, 'http://h')
    expect([...searchParams.keys()]).toEqual(
      parametersOf(plan, last)
        .map(([name]) => name)
        .filter(name => name !== 'resumableChunkNumber' && name !== 'resumableCurrentChunkSize'),
    )
  })

  it('encode names that are no plain text', () => {
    const odd = testRequest({ ...plan, fileName: 'Phần sụn & co#1.bin' }, last)
    expect(odd.path).not.toMatch(/[ #\u0080-\uffff]/)
    expect(new URL(odd.path, 'http://h').searchParams.get('resumableFilename')).toBe('Phần sụn & co#1.bin')
  })
})

describe('the answer to a chunk', () => {
  it.each([
    [200, 'OK', 'done'],
    [201, '', 'done'],
    [200, 'partly_done', 'done'],
    [200, 'done', 'done'],
    [200, { success: true }, 'done'],
    [200, 'invalid_resumable_request', 'device.refused'],
    [200, 'invalid_resumable_request1', 'device.refused'],
    [200, 'invalid_resumable_request5', 'device.refused'],
    [200, 'non_resumable_request', 'device.refused'],
    [200, { success: false, error: 'busy' }, 'device.rejected'],
    [200, { status: 'error' }, 'device.rejected'],
    [200, '<!DOCTYPE html><title>Log in to the guest Wi-Fi</title>', 'device.rejected'],
    [200, '\n<html><body>OK', 'device.rejected'],
    [200, '<head></head>', 'device.rejected'],
    [200, '<b>OK</b>', 'done'],
    [202, '', 'device.rejected'],
    [204, '', 'device.rejected'],
    [302, '', 'device.rejected'],
    [408, '', 'device.rejected'],
    [429, '', 'device.rejected'],
    [502, '', 'device.rejected'],
    [503, '', 'device.rejected'],
    [400, '', 'device.refused'],
    [409, '', 'device.refused'],
    [410, '', 'device.refused'],
    [413, '', 'device.refused'],
    [415, '', 'device.refused'],
    [422, '', 'device.refused'],
    [500, '', 'device.refused'],
    [401, '', 'device.unauthorised'],
    [403, '', 'device.unauthorised'],
    [404, '', 'device.not-speaking'],
    [405, '', 'device.not-speaking'],
    [501, '', 'device.not-speaking'],
  ])('%i %j: %s', (status, body, code) => {
    expect(
      codeOf(() => {
        readUpload(answer(status, body), last, plan)
      }),
    ).toBe(code)
  })

  it.each([
    [500, 'device.rejected'],
    [501, 'device.rejected'],
    [413, 'device.refused'],
  ])('%i with retries of server errors: %s', (status, code) => {
    expect(
      codeOf(() => {
        readUpload(answer(status), last, { ...plan, retriesServerErrors: true })
      }),
    ).toBe(code)
  })
})

it.each([
  [200, 'OK', 'present'],
  [201, '', 'present'],
  [200, 'found', 'present'],
  [204, '', 'missing'],
  [404, 'not_found', 'missing'],
  [500, 'OK', 'missing'],
  [401, '', 'missing'],
  [200, '<!doctype html><title>Home</title>', 'missing'],
  [200, '\r\n\n<html>', 'missing'],
  [200, 'not_found', 'missing'],
  [200, { status: 'not_found' }, 'missing'],
  [200, { status: 'in_progress', chunks_present: 3 }, 'missing'],
  [200, { success: false }, 'missing'],
  [200, 'invalid_resumable_request', 'missing'],
  [200, { status: 'complete', size: 7 }, 'complete'],
])('reads a test: %i %j is %s', (status, body, kind) => {
  expect(readTest(answer(status, body)).kind).toBe(kind)
})

it.each([
  [200, { status: 'complete', size: 7 }, { kind: 'complete', sizeBytes: 7 }],
  [200, { status: 'complete' }, { kind: 'complete', sizeBytes: null }],
  [200, { status: 'in_progress', chunks_present: 3 }, { kind: 'in-progress', chunksPresent: 3 }],
  [200, { status: 'not_found' }, { kind: 'not-found' }],
  [200, 'OK', { kind: 'cannot-tell' }],
  [200, '<html>', { kind: 'cannot-tell' }],
  [404, { status: 'complete', size: 7 }, { kind: 'cannot-tell' }],
  [500, '', { kind: 'cannot-tell' }],
])('reads a summary: %i %j is %j', (status, body, expected) => {
  expect(readSummary(answer(status, body))).toEqual(expected)
})

describe('the cut', () => {
  it.each([
    [10, 4, false, [6]],
    [10, 4, true, [4, 4, 2]],
    [3, 4, false, [3]],
    [3, 4, true, [3]],
    [8, 4, false, [4, 4]],
    [8, 4, true, [4, 4]],
    [15, 4, false, [4, 4, 7]],
    [15, 4, true, [4, 4, 4, 3]],
  ])('of %i bytes in %i, forced: %s', (sizeBytes, chunkBytes, isForced, sizes) => {
    const { totalChunks } = geometryOf(sizeBytes, chunkBytes, isForced)
    const expected = sizeBytes === 10 && !isForced ? [4, 6] : sizes
    expect(totalChunks).toBe(expected.length)
    const starts = Array.from({ length: totalChunks }, (_, index) => index * chunkBytes)
    expect(starts.map((start, index) => (index === totalChunks - 1 ? sizeBytes : start + chunkBytes) - start)).toEqual(
      expected,
    )
  })

  it('is chosen by the size of the image, and small for a board', () => {
    const mib = 1024 * 1024
    expect([1, mib, 2 * mib, 16 * mib, 500 * mib].map(size => chooseChunkBytes('auto', size, false))).toEqual([
      65_536,
      65_536,
      131_072,
      mib,
      8 * mib,
    ])
    expect([chooseChunkBytes('auto', mib, true), chooseChunkBytes(5000, mib, true)]).toEqual([16_384, 5000])
    expect([chooseSimultaneous('auto', false), chooseSimultaneous('auto', true), chooseSimultaneous(7, true)]).toEqual([
      4, 1, 7,
    ])
  })
})

describe('the names', () => {
  const sha256 = '0123456789abcdef'.repeat(4)
  const usual = geometryOf(1_000_000, chooseChunkBytes('auto', 1_000_000, false), false)

  it.each([
    ['fw.bin', false, 'fw-01234567.bin'],
    ['fw', false, 'fw-01234567'],
    ['.fw', false, '.fw-01234567'],
    ['a.b.c', false, 'a.b-01234567.c'],
    ['fw.bin', true, 'fw.bin'],
  ])('%s, kept: %s is %s', (fileName, keepsFileName, expected) => {
    expect(wireFileName({ fileName, keepsFileName }, sha256)).toBe(expected)
  })

  it('identify size, content and name', () => {
    expect(identifierOf(1_000_000, sha256, 'fw-01234567.bin', usual)).toBe('1000000-0123456789abcdef-fw-01234567bin')
    expect(identifierOf(1_000_000, sha256, '../Phần sụn.bin', usual)).toBe('1000000-0123456789abcdef-Phnsnbin')
  })

  it('differ for another cut, whose chunks must not be mixed with these', () => {
    const other = identifierOf(1_000_000, sha256, 'a', geometryOf(1_000_000, 4096, false))
    const forced = identifierOf(1_000_000, sha256, 'a', geometryOf(1_000_000, 4096, true))
    expect(new Set([identifierOf(1_000_000, sha256, 'a', usual), other, forced]).size).toBe(3)
  })
})

describe('options', () => {
  it('have the defaults of the seed’s server', () => {
    expect(readOptions({}, 'fw.bin')).toMatchObject({
      chunkBytes: 'auto',
      simultaneousUploads: 'auto',
      mode: 'multipart',
      isForced: false,
      hasTests: true,
      keepsFileName: false,
      timeToLiveMs: 21_600_000,
      uploadPath: '/resumable_upload',
    })
    expect(retryRule(defaultRetryPolicy)).toEqual({ tries: 7, delayMs: 4000 })
  })

  it.each([
    [{ fileName: '../a' }, 'target.unsafe-path'],
    [{ fileName: 'a\r\nb' }, 'target.unsafe-path'],
    [{ uploadPath: '' }, 'option.invalid'],
    [{ uploadPath: '/a?b' }, 'option.invalid'],
    [{ fileName: 'a"b=c.bin' }, 'done'],
  ])('%j: %s', (values, code) => {
    expect(codeOf(() => readOptions(values, 'fw.bin'))).toBe(code)
  })

  it('take out of a name what a form cannot carry', () => {
    expect(readOptions({ fileName: 'a"b=c.bin' }, 'x').fileName).toBe('a_b_c.bin')
  })
})
