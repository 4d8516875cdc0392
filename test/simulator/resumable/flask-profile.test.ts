import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../manual-clock.ts'
import { call, post, someBytes } from '../wire.ts'
import {
  askStatus,
  chunkCountOf,
  fileOf,
  FORM_TYPE,
  formOf,
  parametersOf,
  test,
  upload,
  uploadAll,
  uploadRaw,
} from './requests.ts'
import { fault, serversOfThisFile } from './servers.ts'

const start = serversOfThisFile()
const file = fileOf(someBytes(3700))

describe('the seed’s Flask server', () => {
  it('keeps parts, puts them together when the last one comes, and never says so', async () => {
    const { device, target } = await start()
    expect(chunkCountOf(file)).toBe(3)
    expect((await askStatus(target, file)).text).toBe('{"status":"not_found"}\n')
    expect(await uploadAll(target, file, 1, 2)).toEqual(['OK', 'OK'])
    expect((await askStatus(target, file)).json).toEqual({ status: 'in_progress', chunks_present: 2 })
    expect([device.stored(), device.leftovers()]).toEqual([null, 1])
    expect((await upload(target, file, 3)).text).toBe('OK')
    expect(device.stored()).toEqual(file.content)
    expect([device.leftovers(), device.dataRequests(), device.activeImage()]).toEqual([0, 3, null])
    expect((await askStatus(target, file)).text).toBe('{"size":3700,"status":"complete"}\n')
  })

  it('tells a chunk that is there from one that is not', async () => {
    const { target } = await start()
    await upload(target, file, 2)
    const answers = [await test(target, file, 1), await test(target, file, 2)]
    expect(answers.map(({ status }) => status)).toEqual([404, 200])
    expect(answers[1]?.text).toBe('OK')
  })

  it('takes chunks in any order and together, with forceChunkSize too, and more than 999 of them', async () => {
    const { device, target } = await start()
    const forced = fileOf(someBytes(3700, 2), { fileName: 'b.bin', forceChunkSize: true })
    expect(chunkCountOf(forced)).toBe(4)
    await Promise.all([4, 2, 1, 3].map(chunkNumber => upload(target, forced, chunkNumber)))
    expect(device.stored()).toEqual(forced.content)
    const many = fileOf(someBytes(1004, 3), { fileName: 'c.bin', chunkBytes: 1 })
    for (let first = 1; first <= 1004; first += 4) {
      await Promise.all([0, 1, 2, 3].map(step => upload(target, many, first + step)))
    }
    expect(device.stored()).toEqual(many.content)
  })

  it('answers that every chunk of a file is complete when any file of that name is there', async () => {
    const { device, target } = await start()
    await uploadAll(target, file)
    const rebuilt = fileOf(someBytes(5000, 9), { fileName: file.fileName, identifier: 'other' })
    for (const chunkNumber of [1, 2, 5]) {
      const answer = await test(target, rebuilt, chunkNumber)
      expect([answer.status, answer.json]).toEqual([200, { status: 'complete', size: 3700 }])
    }
    // Sent all the same, it takes the place of the old one.
    await uploadAll(target, rebuilt)
    expect(device.stored()).toEqual(rebuilt.content)
  })

  it('begins a new folder of parts for a last chunk that is repeated', async () => {
    const { device, target } = await start()
    await uploadAll(target, file)
    expect((await upload(target, file, 3)).text).toBe('OK')
    expect([device.stored(), device.leftovers()]).toEqual([file.content, 1])
  })

  it('answers 400 to what is missing: JSON to a test, a page to an upload', async () => {
    const { device, target } = await start()
    const missing = await call(target, '/resumable_upload?resumableFilename=a')
    expect([missing.status, missing.json]).toEqual([400, { status: 'error', message: 'Missing parameters' }])
    expect((await call(target, '/resumable_upload')).status).toBe(400)
    const badNumber = '/resumable_upload?resumableIdentifier=a&resumableFilename=b&resumableChunkNumber=x'
    expect((await call(target, badNumber)).status).toBe(400)
    const needed = ['resumableIdentifier', 'resumableFilename', 'resumableChunkNumber', 'resumableTotalChunks', 'file']
    for (const name of needed) {
      // In the address they are all there; the server reads the form alone.
      const path = `/resumable_upload?${new URLSearchParams(parametersOf(file, 1)).toString()}`
      const answer = await post(target, path, formOf(file, 1, [name]), { headers: FORM_TYPE })
      expect([name, answer.status, answer.headers['content-type']]).toEqual([name, 400, 'text/html; charset=utf-8'])
    }
    expect((await uploadRaw(target, file, 1)).status).toBe(400)
    const cutShort = formOf(file, 1).subarray(0, -4)
    expect((await post(target, '/resumable_upload', cutShort, { headers: FORM_TYPE })).status).toBe(400)
    const unnamed = formOf(fileOf(file.content, { fileName: '' }), 1)
    expect((await post(target, '/resumable_upload', unnamed, { headers: FORM_TYPE })).status).toBe(400)
    expect([device.leftovers(), device.files.paths()]).toEqual([0, []])
  })

  it('reads an upload whose parameters are in the form alone', async () => {
    const { device, target } = await start()
    const single = fileOf(someBytes(500))
    await post(target, '/resumable_upload', formOf(single, 1), { headers: FORM_TYPE })
    expect(device.stored()).toEqual(single.content)
  })

  it('takes raw chunks with the parameters in the address where it has the trait for it', async () => {
    const { device, target } = await start({ takesRawBodies: true })
    for (const chunkNumber of [1, 2, 3]) expect((await uploadRaw(target, file, chunkNumber)).text).toBe('OK')
    expect(device.stored()).toEqual(file.content)
  })

  it('does not clean names: they stay inside its flash', async () => {
    const { device, target } = await start()
    const nasty = fileOf(someBytes(100), { fileName: '../../etc/x', identifier: '../y' })
    await uploadAll(target, nasty)
    expect(device.files.paths()).toEqual(['../../etc/x'])
  })

  it('answers 500 to a name that its disk does not take', async () => {
    const { target } = await start()
    const long = fileOf(someBytes(100), { fileName: 'x'.repeat(240) })
    expect((await upload(target, long, 1)).status).toBe(500)
  })

  it('has a page and knows no other path and method', async () => {
    const { target } = await start()
    expect((await call(target, '/')).text).toContain('Resumable File Uploads')
    expect((await call(target, '/upload')).status).toBe(404)
    expect((await call(target, '/resumable_upload', { method: 'PUT' })).status).toBe(405)
    expect((await call(target, '/telemetry')).status).toBe(404)
  })
})

describe('the time that parts live', () => {
  it('is six hours from the last new part, and ends when somebody looks at the page', async () => {
    let nowMs = 1_000_000
    const { target } = await start({ wallTimeMs: () => nowMs })
    const hourMs = 3_600_000
    await upload(target, file, 1)
    nowMs += 5 * hourMs
    await upload(target, file, 2)
    nowMs += 5 * hourMs
    await call(target, '/')
    expect((await askStatus(target, file)).json).toEqual({ status: 'in_progress', chunks_present: 2 })
    nowMs += hourMs + 1
    expect((await test(target, file, 1)).status).toBe(200)
    await call(target, '/')
    expect((await test(target, file, 1)).status).toBe(404)
  })

  it('goes on over restarts, and over the end of the process', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-resumable-'))
    try {
      let nowMs = 0
      const first = await start({ flashDir: folder, wallTimeMs: () => nowMs })
      await upload(first.target, file, 1)
      await first.device.panic()
      await upload(first.target, file, 2)
      await first.device.close()
      nowMs = 6 * 3_600_000
      const second = await start({ flashDir: folder, wallTimeMs: () => nowMs })
      expect((await askStatus(second.target, file)).json).toEqual({ status: 'in_progress', chunks_present: 2 })
      await upload(second.target, file, 3)
      expect(second.device.stored()).toEqual(file.content)
      await second.device.close()
      expect((await start({ flashDir: folder })).device.stored()).toEqual(file.content)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('a small board', () => {
  it('takes one upload at a time, and no body that does not fit its heap', async () => {
    const { device, target, peakUploads } = await start({ isSmall: true })
    const before = device.stats.freeHeapBytes
    const answers = await Promise.all([1, 2, 3].map(chunkNumber => upload(target, file, chunkNumber)))
    expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true)
    expect(peakUploads()).toBe(1)
    for (const chunkNumber of [1, 2, 3]) expect((await upload(target, file, chunkNumber)).text).toBe('OK')
    expect(device.stored()).toEqual(file.content)
    const large = fileOf(someBytes(200_000), { chunkBytes: 200_000, fileName: 'large.bin' })
    expect((await upload(target, large, 1)).status).toBe(413)
    await expect.poll(() => device.stats.freeHeapBytes).toBe(before)
  })

  it('refuses a second upload while the body of the first is on its way', async () => {
    const { device, target } = await start({ isSmall: true })
    const body = formOf(file, 1)
    const socket = connect(Number(new URL(target).port), '127.0.0.1')
    const lines = [
      'POST /resumable_upload HTTP/1.1',
      'Host: x',
      `Content-Type: ${FORM_TYPE['Content-Type']}`,
      `Content-Length: ${String(body.length)}`,
    ]
    socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body.subarray(0, 500)]))
    await expect.poll(() => device.stats.dataBodyBytes, { interval: 5 }).toBe(500)
    expect((await upload(target, file, 2)).status).toBe(503)
    socket.write(body.subarray(500))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /)
    socket.destroy()
    expect((await upload(target, file, 2)).status).toBe(200)
  })

  it('is free again when an upload breaks off', async () => {
    const { device, target } = await start({ isSmall: true, faults: [fault('cut', { chunk: 0, at: 'in-body' })] })
    const before = device.stats.freeHeapBytes
    await expect(upload(target, file, 1)).rejects.toThrow()
    expect((await upload(target, file, 1)).status).toBe(200)
    await expect.poll(() => device.stats.freeHeapBytes).toBe(before)
  })

  it('is busy for as long as its flash is', async () => {
    const clock = new ManualClock()
    const { target } = await start({ isSmall: true, flashSpeed: { writeBytesPerSecond: 1000 }, clock })
    const first = upload(target, file, 1)
    await clock.untilAwaited()
    expect((await upload(target, file, 2)).status).toBe(503)
    // Once to be free again, once to answer.
    await clock.runNext()
    await clock.runNext()
    expect((await first).status).toBe(200)
  })
})

describe('telemetry', () => {
  it('is there with its trait', async () => {
    const { device, target } = await start({ telemetry: true, identity: { id: 'shed', chip: 'ESP32-S3' } })
    expect((await call(target, '/telemetry')).json).toMatchObject({
      device: { id: 'shed', chip: 'ESP32-S3', mac: device.identity.mac },
      boot_count: 1,
      reset_reason: 'power-on',
    })
    await device.reboot()
    expect((await call(target, '/telemetry')).json).toMatchObject({ boot_count: 2, reset_reason: 'software' })
  })
})
