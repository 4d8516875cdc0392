import { describe, expect, it } from 'vitest'
import { resumableFaults } from '../../../src/simulator/resumable/faults.ts'
import { call, errorCodeOf, someBytes } from '../wire.ts'
import { askStatus, fileOf, test, upload, uploadAll } from './requests.ts'
import { fault, serversOfThisFile } from './servers.ts'

const start = serversOfThisFile()
const file = fileOf(someBytes(6500))
const last = 6

/** Every test strikes the fault that it is named after. */
const tested = new Set<string>()
function strikes(name: keyof typeof resumableFaults, behaviour: string, run: () => Promise<void>): void {
  tested.add(name)
  it(`${name} ${behaviour}`, run)
}

describe('a fault of the connection', () => {
  strikes('slow', 'takes its time', async () => {
    const { device, target } = await start({ faults: [fault('slow', { ms: 5 })] })
    const before = performance.now()
    await uploadAll(target, file)
    expect(performance.now() - before).toBeGreaterThan(last * 4)
    expect(device.stored()).toEqual(file.content)
  })

  strikes('drop-reply', 'keeps the part whose answer was lost', async () => {
    const { target } = await start({ faults: [fault('drop-reply', { chunk: 1 })] })
    await upload(target, file, 1)
    expect(await errorCodeOf(upload(target, file, 2))).toBe('ECONNRESET')
    expect((await test(target, file, 2)).status).toBe(200)
  })

  strikes('reset-at-byte', 'loses the part in whose body it strikes', async () => {
    const { target } = await start({ faults: [fault('reset-at-byte', { byte: 300 })] })
    expect(await errorCodeOf(upload(target, file, 1))).toMatch(/ECONNRESET|EPIPE/)
    expect((await test(target, file, 1)).status).toBe(404)
    expect((await upload(target, file, 1)).text).toBe('OK')
  })

  strikes('cut', 'strikes before, within and after a part', async () => {
    const { device, target } = await start()
    const isStored = []
    for (const at of ['before-request', 'in-body', 'after-process']) {
      device.setFaults([fault('cut', { chunk: 3, at })])
      expect(await errorCodeOf(upload(target, file, 4))).toMatch(/ECONNRESET|EPIPE/)
      isStored.push((await test(target, file, 4)).status)
    }
    expect(isStored).toEqual([404, 404, 200])
  })

  strikes('no-answer', 'leaves the client waiting', async () => {
    const { target } = await start({ faults: [fault('no-answer', { chunk: 0 })] })
    expect(await errorCodeOf(upload(target, file, 1, { timeoutMs: 30 }))).toBe('ETIMEDOUT')
    expect((await upload(target, file, 1)).text).toBe('OK')
  })

  strikes('reboot', 'keeps the parts that are on its disk', async () => {
    const { device, target } = await start({ faults: [fault('reboot', { chunk: 2 })] })
    await uploadAll(target, file, 1, 2)
    const isBack = device.nextBoot()
    expect(await errorCodeOf(upload(target, file, 3))).toBe('ECONNRESET')
    await isBack
    expect((await askStatus(target, file)).json).toEqual({ status: 'in_progress', chunks_present: 2 })
    await uploadAll(target, file, 3)
    expect(device.stored()).toEqual(file.content)
  })

  strikes('lost-last-reply', 'strikes the upload that completes the file', async () => {
    const { device, target } = await start({ faults: [fault('lost-last-reply')] })
    await uploadAll(target, file, 1, last - 1)
    expect(await errorCodeOf(upload(target, file, last))).toBe('ECONNRESET')
    expect(device.stored()).toEqual(file.content)
    expect((await askStatus(target, file)).json).toEqual({ status: 'complete', size: 6500 })
  })
})

describe('a fault of the answer', () => {
  strikes('status', 'answers any code to an upload, and stores it when that means success', async () => {
    const { device, target } = await start()
    for (const [code, isStored] of [
      [201, true],
      [204, true],
      [400, false],
      [403, false],
      [415, false],
      [503, false],
    ] as const) {
      const other = fileOf(file.content, { identifier: `code-${String(code)}` })
      device.setFaults([fault('status', { code, chunk: 0 })])
      expect((await upload(target, other, 1)).status).toBe(code)
      expect((await test(target, other, 1)).status).toBe(isStored ? 200 : 404)
    }
  })

  it('status answers any code to a test without looking', async () => {
    const { device, target } = await start()
    for (const code of [200, 201, 204, 400, 500]) {
      device.setFaults([fault('status', { code, on: 'test', chunk: 1 })])
      expect((await test(target, file, 1)).status).toBe(404)
      expect((await test(target, file, 2)).status).toBe(code)
      expect((await test(target, file, 2)).status).toBe(404)
    }
  })

  strikes('wrong-json', 'garbles the answer for the whole upload alone', async () => {
    const { device, target } = await start()
    await uploadAll(target, file)
    const texts: string[] = []
    for (const shape of ['truncated', 'text-size', 'other-status', 'list']) {
      device.setFaults([fault('wrong-json', { shape })])
      texts.push((await askStatus(target, file)).text)
    }
    expect(texts).toEqual([
      '{"size":6500,"status":"complet',
      '{"size":"6500","status":"complete"}',
      '{"size":6500,"status":"ready"}',
      '[{"size":6500,"status":"complete"}]',
    ])
    expect((await test(target, file, 1)).json).toEqual({ status: 'complete', size: 6500 })
  })

  strikes('error-500', 'stores nothing', async () => {
    const { target } = await start({ faults: [fault('error-500', { chunk: 0 })] })
    expect((await upload(target, file, 1)).status).toBe(500)
    expect((await test(target, file, 1)).status).toBe(404)
  })

  strikes('success-false', 'is HTTP 200 and stores nothing', async () => {
    const { target } = await start({ faults: [fault('success-false', { chunk: 0 })] })
    const answer = await upload(target, file, 1)
    expect([answer.status, answer.json?.['success']]).toEqual([200, false])
    expect((await test(target, file, 1)).status).toBe(404)
  })

  strikes('refuses', 'is HTTP 200 with the text of the sample and stores nothing', async () => {
    const { target } = await start({ faults: [fault('refuses', { chunk: 0, text: 'non_resumable_request' })] })
    const answer = await upload(target, file, 1)
    expect([answer.status, answer.text]).toEqual([200, 'non_resumable_request'])
    expect((await test(target, file, 1)).status).toBe(404)
  })

  strikes('html-instead-of-json', 'stores the part and answers with a page', async () => {
    const { target } = await start({ faults: [fault('html-instead-of-json', { chunk: 0 })] })
    expect((await upload(target, file, 1)).text).toContain('Captive portal')
    expect((await test(target, file, 1)).text).toBe('OK')
  })
})

describe('a fault of the file', () => {
  strikes('existing-file', 'answers complete to the first question', async () => {
    const { device, target } = await start({ faults: [fault('existing-file', { bytes: 77 })] })
    expect((await test(target, file, 1)).json).toEqual({ status: 'complete', size: 77 })
    expect(device.stored()).toHaveLength(77)
    await uploadAll(target, file)
    expect(device.stored()).toEqual(file.content)
    expect((await test(target, fileOf(file.content, { fileName: 'other.bin' }), 1)).status).toBe(404)
  })

  strikes('ttl-expired', 'removes the parts before it looks at a chunk', async () => {
    const { device, target } = await start({ faults: [fault('ttl-expired', { chunk: 3 })] })
    await uploadAll(target, file, 1, 3)
    expect((await test(target, file, 4)).status).toBe(404)
    expect((await askStatus(target, file)).json).toEqual({ status: 'in_progress', chunks_present: 0 })
    await uploadAll(target, file)
    expect(device.stored()).toEqual(file.content)
    device.setFaults([fault('ttl-expired', { chunk: 'any' })])
    const next = fileOf(someBytes(2000), { fileName: 'next.bin', path: '/resumable_upload' })
    await upload(target, next, 1)
    await upload(target, next, 2)
    expect(device.stored()).toEqual(next.content)
  })

  strikes('assembly-fails', 'answers OK, and leaves the parts or half a file', async () => {
    const { device, target } = await start({ faults: [fault('assembly-fails')] })
    expect((await uploadAll(target, file)).every(text => text === 'OK')).toBe(true)
    expect([device.stored(), (await askStatus(target, file)).json]).toEqual([
      null,
      { status: 'in_progress', chunks_present: last },
    ])
    device.setFaults([fault('assembly-fails', { at: 'middle' })])
    expect((await upload(target, file, last)).text).toBe('OK')
    expect(device.stored()).toEqual(file.content.subarray(0, 3000))
    expect((await askStatus(target, file)).json).toEqual({ status: 'complete', size: 3000 })
    expect(device.leftovers()).toBe(1)
  })

  strikes('wrong-size', 'answers OK to a file without its end', async () => {
    const { device, target } = await start({ faults: [fault('wrong-size', { bytes: 10 })] })
    expect((await uploadAll(target, file)).at(-1)).toBe('OK')
    expect(device.stored()).toEqual(file.content.subarray(0, -10))
    expect((await askStatus(target, file)).json).toEqual({ status: 'complete', size: 6490 })
  })

  strikes('says-complete', 'names the whole size while chunks are missing', async () => {
    const { device, target } = await start({ faults: [fault('says-complete', { after: 2 })] })
    expect((await test(target, file, 1)).status).toBe(404)
    await uploadAll(target, file, 1, 2)
    expect((await test(target, file, 3)).json).toEqual({ status: 'complete', size: 6500 })
    await uploadAll(target, file, 3)
    expect((await askStatus(target, file)).json).toEqual({ status: 'complete', size: 6500 })
    expect([device.stored(), device.leftovers()]).toEqual([null, 1])
  })

  it('says-complete makes the Node sample say done too early', async () => {
    const { target } = await start({ profile: 'node', faults: [fault('says-complete', { after: 2 })] })
    expect(await uploadAll(target, fileOf(file.content, { path: '/upload' }), 1, 3)).toEqual([
      'partly_done',
      'done',
      'done',
    ])
  })

  it('ttl-expired removes the chunks of the Node sample', async () => {
    const { target } = await start({ profile: 'node', faults: [fault('ttl-expired', { chunk: 1 })] })
    const same = fileOf(file.content, { path: '/upload' })
    await uploadAll(target, same, 1, 2)
    expect((await test(target, same, 1)).status).toBe(404)
    expect((await test(target, same, 2)).status).toBe(200)
  })

  strikes('stores-garbage', 'answers OK and stores other bytes of the same size', async () => {
    const { device, target } = await start({ faults: [fault('stores-garbage', { chunk: 4 })] })
    expect((await uploadAll(target, file)).at(-1)).toBe('OK')
    expect(device.stored()).toHaveLength(6500)
    expect(device.stored()).not.toEqual(file.content)
  })

  strikes('short-body', 'answers OK and loses bytes of a chunk', async () => {
    const { device, target } = await start({ faults: [fault('short-body', { chunk: 1, bytes: 3 })] })
    await uploadAll(target, file)
    expect(device.stored()).toHaveLength(6497)
  })

  strikes('disk-full', 'answers 500 from one part on', async () => {
    const { target } = await start({ faults: [fault('disk-full', { part: 1 })] })
    expect((await upload(target, file, 1)).status).toBe(200)
    expect((await upload(target, file, 2)).status).toBe(500)
    expect((await test(target, file, 2)).status).toBe(404)
  })
})

describe('a fault of identity', () => {
  strikes('wrong-chip', 'is seen in the telemetry', async () => {
    const { target } = await start({ telemetry: true, faults: [fault('wrong-chip')] })
    expect((await call(target, '/telemetry')).json).toMatchObject({ device: { chip: 'ESP32-C3' } })
  })

  strikes('other-device-after-reboot', 'shows another MAC', async () => {
    const { device } = await start({ telemetry: true, faults: [fault('other-device-after-reboot')] })
    const before = device.identity.mac
    await device.reboot()
    expect(device.identity.mac).not.toBe(before)
  })

  strikes('hostile-name', 'shows escape sequences', async () => {
    const { target } = await start({ telemetry: true, faults: [fault('hostile-name')] })
    expect((await call(target, '/telemetry')).text).toContain('\\u001b[2J')
  })
})

it('has a test for each fault', () => {
  expect([...tested].toSorted()).toEqual(Object.keys(resumableFaults).toSorted())
})
