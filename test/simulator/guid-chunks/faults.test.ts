import { describe, expect, it } from 'vitest'
import { guidChunksFaults } from '../../../src/simulator/guid-chunks/faults.ts'
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { call, errorCodeOf, someBytes } from '../wire.ts'
import { begin, control, dataOf, initOf, put, putAll, verdictOf } from './requests.ts'
import { guidServersOfThisFile } from './servers.ts'

const start = guidServersOfThisFile()
const content = someBytes(4500)
const last = 4

/** Every test strikes the fault that it is named after. */
const tested = new Set<string>()
function strikes(name: keyof typeof guidChunksFaults, behaviour: string, run: () => Promise<void>): void {
  tested.add(name)
  it(`${name} ${behaviour}`, run)
}

function fault(name: string, parameters: Readonly<Record<string, unknown>> = {}): NamedFault {
  return { name, ...parameters }
}

describe('a fault of the connection', () => {
  strikes('slow', 'takes its time', async () => {
    const device = await start({ faults: [fault('slow', { ms: 5 })] })
    const before = performance.now()
    await putAll(device.target, await begin(device.target, content))
    expect(performance.now() - before).toBeGreaterThan(24)
    expect(device.stored()).toEqual(content)
  })

  strikes('drop-reply', 'keeps the chunk whose answer was lost', async () => {
    const { target } = await start({ faults: [fault('drop-reply', { chunk: 1 })] })
    const upload = await begin(target, content)
    await put(target, upload, 0)
    expect(await errorCodeOf(put(target, upload, 1))).toBe('ECONNRESET')
    expect(verdictOf(await put(target, upload, 1))[2]).toBe('Chunk already received (idempotent)')
    expect(dataOf(await putAll(target, upload, 2))['complete']).toBe(true)
  })

  strikes('reset-at-byte', 'ends the upload: a body that breaks off is an exception', async () => {
    const device = await start({ faults: [fault('reset-at-byte', { byte: 1500 })] })
    const upload = await begin(device.target, content)
    await put(device.target, upload, 0)
    expect(await errorCodeOf(put(device.target, upload, 1))).toMatch(/ECONNRESET|EPIPE/)
    expect((await put(device.target, upload, 1)).status).toBe(404)
    expect(device.leftovers()).toBe(0)
  })

  strikes('cut', 'strikes before, within and after a chunk', async () => {
    const device = await start()
    const afterwards = []
    for (const at of ['before-request', 'in-body', 'after-process']) {
      device.setFaults([fault('cut', { chunk: 1, at })])
      const upload = await begin(device.target, content)
      await put(device.target, upload, 0)
      expect(await errorCodeOf(put(device.target, upload, 1))).toMatch(/ECONNRESET|EPIPE/)
      afterwards.push(verdictOf(await put(device.target, upload, 1)).slice(0, 2))
    }
    expect(afterwards).toEqual([
      [200, 'success'],
      [404, 'fail'],
      [200, 'success'],
    ])
  })

  it('cut strikes the same chunk again and again', async () => {
    const { target } = await start({ faults: [fault('cut', { chunk: 1, at: 'before-request', times: 3 })] })
    const upload = await begin(target, content)
    await put(target, upload, 0)
    for (let attempt = 0; attempt < 3; attempt++) expect(await errorCodeOf(put(target, upload, 1))).not.toBe('answered')
    expect(dataOf(await putAll(target, upload, 1))['complete']).toBe(true)
  })

  it('cut at the completion takes the answer to the chunk that completes the upload', async () => {
    const device = await start({ faults: [fault('cut', { chunk: 'complete' })] })
    const upload = await begin(device.target, content)
    expect(await errorCodeOf(putAll(device.target, upload))).toBe('ECONNRESET')
    expect(device.stored()).toEqual(content)
  })

  strikes('no-answer', 'leaves the client waiting', async () => {
    const { target } = await start({ faults: [fault('no-answer', { chunk: 0 })] })
    const upload = await begin(target, content)
    expect(await errorCodeOf(put(target, upload, 0, {}, { timeoutMs: 30 }))).toBe('ETIMEDOUT')
    expect(dataOf(await putAll(target, upload))['complete']).toBe(true)
  })

  strikes('reboot', 'forgets the upload', async () => {
    const device = await start({ faults: [fault('reboot', { chunk: 2 })] })
    const upload = await begin(device.target, content)
    await put(device.target, upload, 0)
    await put(device.target, upload, 1)
    const isBack = device.nextBoot()
    expect(await errorCodeOf(put(device.target, upload, 2))).toBe('ECONNRESET')
    await isBack
    expect((await put(device.target, upload, 2)).status).toBe(404)
    await putAll(device.target, await begin(device.target, content))
    expect(device.stored()).toEqual(content)
  })

  strikes('lost-last-reply', 'leaves 404 for the chunk that is repeated', async () => {
    const device = await start({ faults: [fault('lost-last-reply')] })
    const upload = await begin(device.target, content)
    expect(await errorCodeOf(putAll(device.target, upload))).toBe('ECONNRESET')
    expect((await put(device.target, upload, last)).status).toBe(404)
    expect(device.stored()).toEqual(content)
  })
})

describe('a fault of the answer', () => {
  strikes('error-500', 'ends the upload as an exception does', async () => {
    const { target } = await start({ faults: [fault('error-500', { chunk: 1 })] })
    const upload = await begin(target, content)
    expect((await put(target, upload, 0)).status).toBe(200)
    expect((await put(target, upload, 1)).status).toBe(500)
    expect((await put(target, upload, 1)).status).toBe(404)
  })

  strikes('status-fail', 'is HTTP 200, stores nothing and keeps the upload', async () => {
    const { target } = await start({ faults: [fault('status-fail', { chunk: 1 })] })
    const upload = await begin(target, content)
    await put(target, upload, 0)
    expect(verdictOf(await put(target, upload, 1))).toEqual([200, 'fail', 'Disk quota exceeded'])
    expect(dataOf(await put(target, upload, 1))).toMatchObject({ receivedChunks: 2, bytesRemaining: 2500 })
  })

  strikes('wrong-json', 'stores the chunk and answers what is no JSON', async () => {
    const { target } = await start({ faults: [fault('wrong-json', { chunk: 0 })] })
    const upload = await begin(target, content)
    expect((await put(target, upload, 0)).text).toBe('{"success": tr')
    expect(dataOf(await put(target, upload, 0))['receivedChunks']).toBe(1)
  })

  strikes('html-instead-of-json', 'stores the chunk and answers with a page', async () => {
    const { target } = await start({ faults: [fault('html-instead-of-json', { chunk: 0 })] })
    const upload = await begin(target, content)
    expect((await put(target, upload, 0)).text).toContain('Captive portal')
    expect(dataOf(await put(target, upload, 0))['receivedChunks']).toBe(1)
  })

  strikes('foreign-upload-url', 'names another server', async () => {
    const { target } = await start({ faults: [fault('foreign-upload-url')] })
    const upload = await begin(target, content)
    expect(upload.path).toBe(
      `http://127.0.0.1:9/apps/WebhostFileExplorer/api/v1/files/upload-chunk?guid=${upload.guid}`,
    )
  })

  strikes('false-complete', 'says complete with chunks missing and forgets the upload', async () => {
    const device = await start({ faults: [fault('false-complete', { after: 2 })] })
    const upload = await begin(device.target, content)
    expect(dataOf(await put(device.target, upload, 0))['complete']).toBe(false)
    expect(dataOf(await put(device.target, upload, 1))).toEqual({
      fileName: 'fw.bin',
      size: 4500,
      complete: true,
      receivedChunks: 2,
      totalChunks: 5,
    })
    expect((await put(device.target, upload, 2)).status).toBe(404)
    expect([device.stored(), device.leftovers()]).toEqual([null, 0])
  })
})

describe('a fault of the upload', () => {
  strikes('other-owner', 'answers 403 from one chunk on, to a cancel too', async () => {
    const device = await start({ faults: [fault('other-owner', { chunk: 1 })] })
    const upload = await begin(device.target, content)
    await put(device.target, upload, 0)
    const refused = [403, 'fail', 'Unauthorized: You do not own this upload']
    expect(verdictOf(await put(device.target, upload, 1))).toEqual(refused)
    expect(verdictOf(await put(device.target, upload, 0))).toEqual(refused)
    expect(verdictOf(await control(device.target, { action: 'cancel', guid: upload.guid }))).toEqual(refused)
    expect(device.leftovers()).toBe(1)
  })

  strikes('session-lost', 'answers 404 from one chunk on', async () => {
    const device = await start({ faults: [fault('session-lost', { chunk: 3 })] })
    const upload = await begin(device.target, content)
    for (const index of [0, 1, 2]) expect((await put(device.target, upload, index)).status).toBe(200)
    expect((await put(device.target, upload, 3)).status).toBe(404)
    expect(device.leftovers()).toBe(0)
    expect(dataOf(await putAll(device.target, await begin(device.target, content)))['complete']).toBe(true)
  })
})

describe('a fault of the file', () => {
  strikes('stores-garbage', 'answers success and stores other bytes of the same size', async () => {
    const device = await start({ faults: [fault('stores-garbage', { chunk: 0 })] })
    expect(dataOf(await putAll(device.target, await begin(device.target, content)))['complete']).toBe(true)
    expect(device.stored()).toHaveLength(4500)
    expect(device.stored()).not.toEqual(content)
  })

  strikes('short-body', 'leaves a hole, and ends the upload where the last chunk is short', async () => {
    const device = await start({ faults: [fault('short-body', { chunk: 1, bytes: 5 })] })
    expect(dataOf(await putAll(device.target, await begin(device.target, content)))['complete']).toBe(true)
    expect(device.stored()?.subarray(1995, 2000)).toEqual(new Uint8Array(5))
    device.setFaults([fault('short-body', { chunk: last })])
    expect((await putAll(device.target, await begin(device.target, content))).status).toBe(500)
  })

  strikes('keeps-old-tail', 'leaves the end of a longer file behind the new one', async () => {
    const device = await start()
    await putAll(device.target, await begin(device.target, content))
    device.setFaults([fault('keeps-old-tail', { tail: 10 })])
    const shorter = someBytes(2000, 8)
    const answer = await putAll(device.target, await begin(device.target, shorter))
    expect(dataOf(answer)).toMatchObject({ size: 2000, complete: true })
    expect(device.stored()).toEqual(Uint8Array.from([...shorter, ...content.subarray(2000)]))
    await putAll(device.target, await begin(device.target, shorter, { fileName: 'fresh.bin' }))
    expect(device.stored()).toHaveLength(2010)
  })

  strikes('disk-full', 'ends the upload', async () => {
    const { target } = await start({ faults: [fault('disk-full', { part: 1 })] })
    const upload = await begin(target, content)
    await put(target, upload, 0)
    expect(verdictOf(await put(target, upload, 1))).toEqual([500, 'fail', '[Errno 28] ENOSPC'])
    expect((await put(target, upload, 1)).status).toBe(404)
  })
})

describe('a fault of identity', () => {
  strikes('wrong-chip', 'is seen in the telemetry', async () => {
    const { target } = await start({ telemetry: true, faults: [fault('wrong-chip')] })
    expect((await call(target, '/telemetry')).json).toMatchObject({ device: { chip: 'ESP32-C3' } })
  })

  strikes('other-device-after-reboot', 'shows another MAC', async () => {
    const device = await start({ faults: [fault('other-device-after-reboot')] })
    const before = device.identity.mac
    await device.reboot()
    expect(device.identity.mac).not.toBe(before)
  })

  strikes('hostile-name', 'shows escape sequences in what it says', async () => {
    const { target } = await start({ faults: [fault('hostile-name')] })
    expect(String(dataOf(await control(target, initOf(content)))['fileName'])).toContain('\u001b[2J')
  })
})

it('has a test for each fault', () => {
  expect([...tested].toSorted()).toEqual(Object.keys(guidChunksFaults).toSorted())
})
