import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readChunkHeader } from '../../../src/simulator/guid-chunks/chunk-header.ts'
import { call, someBytes } from '../wire.ts'
import { begin, chunkBody, control, dataOf, ENDPOINT, initOf, put, putAll, verdictOf, type Upload } from './requests.ts'
import { guidServersOfThisFile } from './servers.ts'

const start = guidServersOfThisFile()
const content = someBytes(3500)
const UNKNOWN = '550e8400-e29b-41d4-a716-446655440000'

describe('an upload to the server of seed 5', () => {
  it('goes from init to the completion by its last chunk', async () => {
    const device = await start()
    const init = await control(device.target, initOf(content, { targetPath: 'User:me/Documents' }))
    expect(verdictOf(init)).toEqual([200, 'success', 'Upload initialized'])
    const { guid, uploadUrl, ...rest } = dataOf(init)
    expect(guid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(uploadUrl).toBe(`/apps/WebhostFileExplorer${ENDPOINT}?guid=${String(guid)}`)
    expect(rest).toEqual({ fileName: 'fw.bin', fileSize: 3500, totalChunks: 4 })
    const upload: Upload = { guid: String(guid), path: String(uploadUrl), content, chunkBytes: 1000, totalChunks: 4 }
    const first = await put(device.target, upload, 0)
    expect(verdictOf(first)).toEqual([200, 'success', 'Chunk received'])
    expect(dataOf(first)).toEqual({
      chunkNumber: 0,
      receivedChunks: 1,
      totalChunks: 4,
      complete: false,
      bytesRemaining: 2500,
    })
    expect([device.stored(), device.leftovers()]).toEqual([null, 1])
    const last = await putAll(device.target, upload, 1)
    expect(verdictOf(last)).toEqual([200, 'success', 'Upload completed successfully'])
    expect(dataOf(last)).toEqual({ fileName: 'fw.bin', size: 3500, complete: true, receivedChunks: 4, totalChunks: 4 })
    expect(device.stored()).toEqual(content)
    expect([device.files.paths(), device.leftovers(), device.dataRequests()]).toEqual([
      ['User:me/Documents/fw.bin'],
      0,
      4,
    ])
  })

  it('takes chunks at the documented path too, in any order and together', async () => {
    const device = await start()
    const upload = { ...(await begin(device.target, content)), path: '' }
    const documented = { ...upload, path: `${ENDPOINT}?guid=${upload.guid}` }
    const answers = await Promise.all([3, 1, 0, 2].map(index => put(device.target, documented, index)))
    expect(answers.filter(answer => dataOf(answer)['complete'] === true)).toHaveLength(1)
    expect(device.stored()).toEqual(content)
  })

  it('answers a repeated chunk without storing it and without the rest', async () => {
    const device = await start()
    const upload = await begin(device.target, content)
    await put(device.target, upload, 2)
    const again = await put(device.target, upload, 2, { data: new Uint8Array(1000) })
    expect(verdictOf(again)).toEqual([200, 'success', 'Chunk already received (idempotent)'])
    expect(dataOf(again)).toEqual({ chunkNumber: 2, receivedChunks: 1, totalChunks: 4, complete: false })
    for (const index of [0, 1, 3]) await put(device.target, upload, index)
    expect(device.stored()).toEqual(content)
  })

  it('has forgotten the upload when its last chunk comes once more', async () => {
    const { target } = await start()
    const upload = await begin(target, content)
    await putAll(target, upload)
    expect(verdictOf(await put(target, upload, 3))).toEqual([404, 'fail', `Upload not found: ${upload.guid}`])
  })

  it('takes the place of a file of that name', async () => {
    const device = await start()
    await putAll(device.target, await begin(device.target, content))
    const shorter = someBytes(1200, 5)
    await putAll(device.target, await begin(device.target, shorter))
    expect(device.stored()).toEqual(shorter)
  })

  it('has no other method and no other path', async () => {
    const { target } = await start()
    expect((await call(target, ENDPOINT)).status).toBe(405)
    expect((await call(target, `/apps/WebhostFileExplorer${ENDPOINT}`, { method: 'DELETE' })).status).toBe(405)
    expect((await call(target, '/')).status).toBe(404)
  })
})

describe('the header of a chunk', () => {
  it('is the vector of the protocol’s description', () => {
    const upload: Upload = { guid: '', path: '', content: new Uint8Array(1), chunkBytes: 1, totalChunks: 1 }
    const body = chunkBody(upload, 0, { random: 0x1234, chunkNumber: 5, remaining: 1_048_576, data: Uint8Array.of(7) })
    expect(body.toString('hex')).toBe('34120500000000001000' + '07')
    expect(readChunkHeader(body)).toEqual({ random: 0x1234, chunkNumber: 5, bytesRemaining: 1_048_576 })
  })

  it('is repeated in the answer without being looked at', async () => {
    const { target } = await start()
    const upload = await begin(target, content)
    expect(dataOf(await put(target, upload, 0, { remaining: 4_294_967_295 }))['bytesRemaining']).toBe(4_294_967_295)
  })

  it('must be there, with a byte behind it', async () => {
    const { target } = await start()
    const upload = await begin(target, content)
    const message = 'Invalid chunk data: minimum 11 bytes required (10 byte header + data)'
    expect(verdictOf(await put(target, upload, 0, { data: new Uint8Array() }))).toEqual([400, 'fail', message])
    const short = await call(target, upload.path, { method: 'PUT', body: 'ten' })
    expect(verdictOf(short)).toEqual([400, 'fail', message])
    const beyond = await put(target, upload, 0, { chunkNumber: 4 })
    expect(verdictOf(beyond)).toEqual([400, 'fail', 'Invalid chunk number: 4 (expected 0-3)'])
    // None of that was an exception: the upload goes on.
    expect(dataOf(await putAll(target, upload))['complete']).toBe(true)
  })
})

describe('what is refused', () => {
  it('is an init or a cancel that says too little', async () => {
    const { target } = await start()
    const whole = { action: 'init', fileName: 'a', fileSize: 1, chunkSize: 1, totalChunks: 1 }
    const missing = 'Missing required parameters: fileName, fileSize, chunkSize, totalChunks'
    expect(verdictOf(await control(target, '{"action":'))).toEqual([400, 'fail', 'Invalid JSON in request body'])
    for (const body of ['[]', '"init"', {}, { action: '' }]) {
      expect(verdictOf(await control(target, body))).toEqual([
        400,
        'fail',
        'Missing required parameter: action (init or cancel)',
      ])
    }
    expect(verdictOf(await control(target, { action: 'pause' }))[2]).toBe(
      "Invalid action: pause. Must be 'init' or 'cancel'",
    )
    for (const name of ['fileName', 'fileSize', 'chunkSize', 'totalChunks']) {
      expect(verdictOf(await control(target, { ...whole, [name]: undefined }))).toEqual([400, 'fail', missing])
    }
    expect(verdictOf(await control(target, { action: 'cancel' }))).toEqual([
      400,
      'fail',
      'Missing required parameter: guid',
    ])
    const noGuid = await call(target, ENDPOINT, {
      method: 'PUT',
      body: chunkBody({ guid: '', path: '', content, chunkBytes: 1000, totalChunks: 4 }, 0),
    })
    expect(verdictOf(noGuid)).toEqual([400, 'fail', 'Missing required query parameter: guid'])
  })

  it('is a path out of the account’s own', async () => {
    const { target } = await start()
    for (const targetPath of ['C:/x', 'User:me/..', 'User:me//x', 'User:me/a\\b', 7]) {
      expect((await control(target, { ...initOf(content), targetPath })).status).toBe(403)
    }
    for (const fileName of ['..', '../x', 'a/b', 'a\\b']) {
      expect((await control(target, initOf(content, { fileName }))).status).toBe(403)
    }
  })

  it('is an upload that nobody began', async () => {
    const { target } = await start()
    const stranger: Upload = {
      guid: UNKNOWN,
      path: `${ENDPOINT}?guid=${UNKNOWN}`,
      content,
      chunkBytes: 1000,
      totalChunks: 4,
    }
    expect(verdictOf(await put(target, stranger, 0))).toEqual([404, 'fail', `Upload not found: ${UNKNOWN}`])
    expect((await control(target, { action: 'cancel', guid: UNKNOWN })).status).toBe(404)
  })

  it('is everything without the account, where there is one', async () => {
    const device = await start({ account: { username: 'technician', password: 'flash' } })
    const authorization = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
    const none = await control(device.target, initOf(content))
    expect([none.status, none.json?.['status'], none.headers['www-authenticate']]).toEqual([
      401,
      'fail',
      'Basic realm="PsWebHost"',
    ])
    const wrong = { headers: { Authorization: authorization('technician:wrong') } }
    expect((await control(device.target, initOf(content), wrong)).status).toBe(401)
    const right = { headers: { Authorization: authorization('technician:flash') } }
    const upload = await begin(device.target, content, {}, right)
    expect((await put(device.target, upload, 0)).status).toBe(401)
    for (let index = 0; index < 4; index++) await put(device.target, upload, index, {}, right)
    expect(device.stored()).toEqual(content)
  })
})

describe('an exception inside a PUT', () => {
  it('ends the upload when the finished file has another size', async () => {
    const device = await start()
    const upload = await begin(device.target, content)
    for (const index of [0, 1, 2]) await put(device.target, upload, index)
    const answer = await put(device.target, upload, 3, { data: content.subarray(3000, 3400) })
    expect(verdictOf(answer)).toEqual([500, 'fail', 'File size mismatch: expected 3500 bytes, got 3400 bytes'])
    expect((await put(device.target, upload, 3)).status).toBe(404)
    expect([device.stored(), device.leftovers(), device.files.paths()]).toEqual([null, 0, []])
  })

  it('ends the upload when its place is beyond all the room there is', async () => {
    const device = await start()
    const plan = { action: 'init', fileName: 'a', fileSize: 2 ** 33, chunkSize: 2 ** 31, totalChunks: 4 }
    const { uploadUrl } = dataOf(await control(device.target, plan))
    const body = chunkBody({ guid: '', path: '', content, chunkBytes: 1000, totalChunks: 4 }, 3)
    const answer = await call(device.target, String(uploadUrl), { method: 'PUT', body })
    expect(verdictOf(answer)).toEqual([500, 'fail', '[Errno 28] ENOSPC'])
    expect(device.leftovers()).toBe(0)
  })

  it('leaves a hole unnoticed where a chunk in the middle is short', async () => {
    const device = await start()
    const upload = await begin(device.target, content)
    await put(device.target, upload, 0, { data: content.subarray(0, 900) })
    expect(dataOf(await putAll(device.target, upload, 1))['complete']).toBe(true)
    const expected = Uint8Array.from(content)
    expected.fill(0, 900, 1000)
    expect(device.stored()).toEqual(expected)
  })
})

describe('cancel', () => {
  it('removes the file in the making and forgets the upload', async () => {
    const device = await start()
    const upload = await begin(device.target, content)
    expect(device.leftovers()).toBe(1)
    await put(device.target, upload, 0)
    const cancelled = await control(device.target, { action: 'cancel', guid: upload.guid })
    expect(cancelled.json).toEqual({ status: 'success', message: 'Upload cancelled' })
    expect([device.leftovers(), device.files.paths()]).toEqual([0, []])
    expect((await put(device.target, upload, 1)).status).toBe(404)
    expect((await control(device.target, { action: 'cancel', guid: upload.guid })).status).toBe(404)
  })
})

describe('a restart', () => {
  it('forgets uploads, leaves their files behind, and keeps what was finished', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-guid-'))
    try {
      const device = await start({ flashDir: folder })
      await putAll(device.target, await begin(device.target, content))
      const upload = await begin(device.target, content, { fileName: 'other.bin' })
      await put(device.target, upload, 0)
      await device.panic()
      expect((await put(device.target, upload, 1)).status).toBe(404)
      expect([device.leftovers(), device.stored()]).toEqual([1, content])
      await device.close()
      const same = await start({ flashDir: folder })
      expect([same.leftovers(), same.stored()]).toEqual([1, content])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('a strict server', () => {
  it('refuses plans whose figures do not fit', async () => {
    const { target } = await start({ isStrict: true })
    const plan = { action: 'init', fileName: 'a', fileSize: 3500, chunkSize: 1000, totalChunks: 4 }
    for (const changes of [
      { totalChunks: 3 },
      { totalChunks: 5 },
      { fileSize: 0, totalChunks: 0 },
      { fileSize: 2 ** 32 },
      { chunkSize: 0.5 },
    ]) {
      expect((await control(target, { ...plan, ...changes })).status).toBe(400)
    }
    expect((await control(target, plan)).status).toBe(200)
  })

  it('looks at the length, at the rest and at the random value, and loses nothing over it', async () => {
    const device = await start({ isStrict: true })
    const upload = await begin(device.target, content)
    const wrong = [
      await put(device.target, upload, 0, { data: content.subarray(0, 999) }),
      await put(device.target, upload, 0, { remaining: 2499 }),
    ]
    expect(wrong.map(answer => answer.status)).toEqual([400, 400])
    expect(dataOf(await putAll(device.target, upload))['complete']).toBe(true)
    expect(device.stored()).toEqual(content)
    const constant = await begin(device.target, content)
    for (const index of [0, 1, 2]) await put(device.target, constant, index, { random: 4 })
    expect(verdictOf(await put(device.target, constant, 3, { random: 4 }))[2]).toBe('The random value never changes')
    expect((await put(device.target, constant, 3, { random: 5 })).status).toBe(200)
  })
})
