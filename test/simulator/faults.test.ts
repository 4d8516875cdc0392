import { createHmac } from 'node:crypto'
import { Agent } from 'node:http'
import { describe, expect, it as test } from 'vitest'
import { faultNames, type FaultName, type FaultSpec } from '../../src/simulator/faults/fault-table.ts'
import { seedFeatures, startVirtualEsp32, type VirtualEsp32 } from '../../src/simulator/virtual-esp32.ts'
import { devicesOfThisFile } from './devices.ts'
import { ManualClock } from './manual-clock.ts'
import { buildTestImage } from './test-image.ts'
import {
  call,
  errorCodeOf,
  post,
  postChunk,
  postChunks,
  postComplete,
  send,
  sha256,
  someBytes,
  uploadOf,
} from './wire.ts'

const start = devicesOfThisFile()
const upload = uploadOf(someBytes(10_500))
const shown = new Set<FaultName>()

/** A test of one named fault; the last test checks that none was forgotten. */
function showing(name: FaultName, sentence: string, body: () => Promise<void>): void {
  shown.add(name)
  test(`${name} ${sentence}`, body)
}

function faulty(...faults: FaultSpec[]): Promise<VirtualEsp32> {
  return start({ faults })
}

async function codesOfChunks(device: VirtualEsp32, indexes: readonly number[]): Promise<string[]> {
  const codes: string[] = []
  for (const index of indexes) codes.push(await errorCodeOf(postChunk(device.target, upload, index)))
  return codes
}

async function have(device: VirtualEsp32): Promise<string> {
  const status = (await call(device.target, `/upload/status/${upload.name}`)).json
  return Buffer.from(String(status?.['have']), 'base64').toString('hex')
}

const withSession = { headers: upload.headers }

describe('faults of the connection', () => {
  showing('slow', 'delays every answer and every byte', async () => {
    const device = await faulty({ name: 'slow', ms: 20, bytesPerSecond: 10_000 })
    const startedMs = performance.now()
    await postChunk(device.target, upload, 0)
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(120)
  })

  showing('drop-reply', 'stores every n-th chunk but ends the connection without a reply', async () => {
    const device = await faulty({ name: 'drop-reply', chunk: 'any', every: 3 })
    expect(await codesOfChunks(device, [0, 1, 2, 3, 4, 5])).toEqual([
      ...['answered', 'answered', 'ECONNRESET'],
      ...['answered', 'answered', 'ECONNRESET'],
    ])
    expect(device.stats.chunkPosts).toEqual([1, 1, 1, 1, 1, 1])
  })

  test('drop-reply at the completion finishes the upload all the same', async () => {
    const device = await faulty({ name: 'drop-reply', chunk: 'complete' })
    await postChunks(device.target, upload)
    expect(await errorCodeOf(postComplete(device.target, upload, withSession))).toBe('ECONNRESET')
    expect(device.flash.readTarget(upload.name)).toEqual(upload.content)
    expect(device.stats.lostReplies).toBe(1)
  })

  test('drop-reply by chance strikes the same requests with the same seed', async () => {
    const runs: string[][] = []
    for (const seed of [7, 7, 8]) {
      const device = await start({ seed, faults: [{ name: 'drop-reply', every: 1, probability: 0.5 }] })
      runs.push(await codesOfChunks(device, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    }
    expect(runs[1]).toEqual(runs[0])
    expect(runs[2]).not.toEqual(runs[0])
    expect(new Set(runs[0])).toEqual(new Set(['answered', 'ECONNRESET']))
  })

  showing('reset-at-byte', 'resets inside the chunk that holds the byte, once', async () => {
    const device = await faulty({ name: 'reset-at-byte', byte: 2500 })
    expect(await codesOfChunks(device, [0, 1, 2, 2])).toEqual(['answered', 'answered', 'ECONNRESET', 'answered'])
    expect(device.stats.chunkPosts).toEqual([1, 1, 1])
  })

  showing('cut', 'before the request leaves no trace of it', async () => {
    const device = await faulty({ name: 'cut', at: 'before-request', chunk: 1 })
    expect(await errorCodeOf(postChunk(device.target, upload, 1, withSession))).toBe('ECONNRESET')
    expect(device.stats.chunkPosts).toEqual([])
    expect((await call(device.target, `/upload/status/${upload.name}`)).json?.['success']).toBe(false)
  })

  test('cut in the body leaves an empty part on a device that opens it first, as the seed does', async () => {
    const device = await start({ features: seedFeatures, faults: [{ name: 'cut', at: 'in-body', chunk: 1 }] })
    expect(await codesOfChunks(device, [0, 1])).toEqual(['answered', 'ECONNRESET'])
    await post(device.target, '/upload/complete/firmware.bin/2')
    expect(device.flash.readTarget(upload.name)).toEqual(upload.content.slice(0, 1024))
  })

  test('cut in the body leaves the chunk that was there on a device that knows sessions', async () => {
    const device = await start()
    await postChunk(device.target, upload, 0, withSession)
    device.setFaults([{ name: 'cut', at: 'in-body', chunk: 0 }])
    expect(await errorCodeOf(postChunk(device.target, upload, 0, withSession))).toBe('ECONNRESET')
    expect(await have(device)).toBe('0100')
  })

  test('cut after the work has stored the chunk and the target', async () => {
    const device = await faulty(
      { name: 'cut', at: 'after-process', chunk: 1 },
      { name: 'cut', at: 'after-process', chunk: 'complete' },
    )
    expect(await errorCodeOf(postChunk(device.target, upload, 1, withSession))).toBe('ECONNRESET')
    expect(await have(device)).toBe('0200')
    await postChunks(device.target, upload)
    expect(await errorCodeOf(postComplete(device.target, upload, withSession))).toBe('ECONNRESET')
    expect(device.flash.readTarget(upload.name)).toEqual(upload.content)
  })

  test('cut before the completion has destroyed nothing', async () => {
    const device = await faulty({ name: 'cut', at: 'before-request', chunk: 'complete' })
    await postChunks(device.target, upload)
    expect(await errorCodeOf(postComplete(device.target, upload, withSession))).toBe('ECONNRESET')
    expect((await postComplete(device.target, upload, withSession)).json?.['success']).toBe(true)
  })

  showing('no-answer', 'takes a chunk once and never answers', async () => {
    const device = await faulty({ name: 'no-answer', chunk: 1 })
    expect(await errorCodeOf(postChunk(device.target, upload, 1, { timeoutMs: 150 }))).toBe('ETIMEDOUT')
    expect((await postChunk(device.target, upload, 1)).json?.['success']).toBe(true)
  })

  showing('reboot', 'at a chunk loses RAM and the connection, and keeps the parts', async () => {
    const clock = new ManualClock()
    const device = await start({ clock, faults: [{ name: 'reboot', chunk: 2 }] })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await postChunk(device.target, upload, 0, { ...withSession, agent })
    await postChunk(device.target, upload, 1, { ...withSession, agent })
    const rebooted = device.nextBoot()
    expect(await errorCodeOf(postChunk(device.target, upload, 2, { ...withSession, agent }))).toBe('ECONNRESET')
    await clock.untilAwaited()
    expect(await errorCodeOf(call(device.target, '/telemetry'))).toBe('ECONNREFUSED')
    await clock.runNext()
    await rebooted
    agent.destroy()
    expect(await have(device)).toBe('0300')
    expect((await call(device.target, '/telemetry')).json).toMatchObject({ boot_count: 2, reset_reason: 'panic' })
    expect((await send(device.target, upload)).json?.['success']).toBe(true)
  })

  showing('leak', 'takes heap with every request until a chunk no longer fits', async () => {
    const device = await faulty({ name: 'leak', bytes: 16_384 })
    const codes: string[] = []
    for (let index = 0; index < 20; index++) codes.push(await errorCodeOf(postChunk(device.target, upload, 0)))
    expect(codes.slice(0, 5)).toEqual(Array(5).fill('answered'))
    expect(codes.at(-1)).toBe('ECONNRESET')
    expect(device.stats.heap.minimumFreeBytes).toBeLessThan(30_000)
  })
})

describe('faults of the answers', () => {
  showing('error-500', 'refuses a chunk n times in plain text without storing it', async () => {
    const device = await faulty({ name: 'error-500', chunk: 1, times: 2 })
    for (let attempt = 0; attempt < 2; attempt++) {
      const answer = await postChunk(device.target, upload, 1, withSession)
      expect([answer.status, answer.text]).toEqual([500, 'Internal server error'])
    }
    expect((await call(device.target, `/upload/status/${upload.name}`)).json?.['success']).toBe(false)
    expect((await postChunk(device.target, upload, 1, withSession)).json?.['success']).toBe(true)
  })

  showing('success-false', 'answers 200 with a failure and its text', async () => {
    const device = await faulty({ name: 'success-false', chunk: 'complete', error: 'no' })
    await postChunks(device.target, upload)
    const answer = await postComplete(device.target, upload, withSession)
    expect([answer.status, answer.text]).toEqual([200, '{"success": false, "error": "no"}'])
  })

  showing('wrong-json', 'answers in each of its shapes after doing the work', async () => {
    const texts: string[] = []
    for (const shape of ['truncated', 'text-success', 'other-chunk', 'no-success', 'list'] as const) {
      const device = await faulty({ name: 'wrong-json', chunk: 2, shape })
      const answer = await postChunk(device.target, upload, 2, withSession)
      expect(answer.status).toBe(200)
      expect(await have(device)).toBe('0400')
      texts.push(answer.text)
    }
    expect(texts).toEqual([
      '{"success": tr',
      '{"success": "true"}',
      '{"success": true, "chunk": 3}',
      '{"ok": true}',
      '[{"success": true}]',
    ])
  })

  showing('html-instead-of-json', 'answers 200 with a page that even holds the word success', async () => {
    const device = await faulty({ name: 'html-instead-of-json', chunk: 0 })
    const answer = await postChunk(device.target, upload, 0)
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html; charset=UTF-8'])
    expect(answer.text).toContain('"success":true')
    expect(answer.json).toBeUndefined()
  })

  showing('liar', 'answers success to everything, stores other bytes and hashes them truly', async () => {
    const device = await start({ features: { ...seedFeatures, hash: true }, faults: [{ name: 'liar' }] })
    expect((await send(device.target, upload, false)).json).toEqual({ success: true, path: upload.name })
    const stored = device.flash.readTarget(upload.name) ?? new Uint8Array()
    expect(stored).toHaveLength(upload.content.length)
    expect(stored).not.toEqual(upload.content)
    const hash = (await call(device.target, `/upload/hash/${upload.name}?nonce=aa`)).json
    const hmac = createHmac('sha256', Buffer.from('aa', 'hex')).update(stored).digest('hex')
    expect(hash).toMatchObject({ sha256: sha256(stored), hmac })
    // Its second completion fails inside, and still it says success.
    expect((await postComplete(device.target, upload)).json).toEqual({ success: true, path: upload.name })
  })

  test('liar praises even a full disk', async () => {
    const device = await faulty({ name: 'liar' }, { name: 'disk-full', part: 0 })
    expect((await postChunk(device.target, upload, 4)).text).toBe('{"success": true, "chunk": 4}')
  })

  showing('cached-hash', 'repeats the hash it was told and echoes the nonce with an old HMAC', async () => {
    const device = await faulty({ name: 'liar' }, { name: 'cached-hash' })
    await send(device.target, upload)
    const first = (await call(device.target, `/upload/hash/${upload.name}?nonce=01`)).json
    const second = (await call(device.target, `/upload/hash/${upload.name}?nonce=02`)).json
    expect(first).toMatchObject({ sha256: sha256(upload.content), nonce: '01' })
    expect(second).toMatchObject({ sha256: sha256(upload.content), nonce: '02', hmac: first?.['hmac'] })
    const right = createHmac('sha256', Buffer.from('02', 'hex')).update(upload.content).digest('hex')
    expect(second?.['hmac']).not.toBe(right)
  })

  test('cached-hash without sessions repeats the hash of earlier content, without an HMAC if asked so', async () => {
    const device = await start({
      features: { ...seedFeatures, hash: true },
      faults: [{ name: 'cached-hash', hmac: 'absent' }],
    })
    const earlier = uploadOf(someBytes(3000, 9))
    await send(device.target, earlier, false)
    await call(device.target, `/upload/hash/${upload.name}`)
    await send(device.target, upload, false)
    expect((await call(device.target, `/upload/hash/${upload.name}?nonce=03`)).json).toEqual({
      success: true,
      sha256: sha256(earlier.content),
      size: 10_500,
      nonce: '03',
    })
  })

  showing('buffer-hash', 'hashes what came in, not what is in flash, and has no HMAC', async () => {
    const device = await faulty({ name: 'liar' }, { name: 'buffer-hash' })
    await send(device.target, upload)
    expect((await call(device.target, `/upload/hash/${upload.name}?nonce=04`)).json).toEqual({
      success: true,
      sha256: sha256(upload.content),
      size: 10_500,
    })
    expect(sha256(device.flash.readTarget(upload.name) ?? new Uint8Array())).not.toBe(sha256(upload.content))
  })
})

describe('faults of flash and of identity', () => {
  showing('disk-full', 'has no space from part k on, for ever', async () => {
    const device = await faulty({ name: 'disk-full', part: 2 })
    const answers: number[] = []
    for (const index of [0, 1, 2, 3, 2]) answers.push((await postChunk(device.target, upload, index)).status)
    expect(answers).toEqual([200, 200, 500, 500, 500])
  })

  showing('stale-longer-file', 'leaves the tail of an older, longer file behind the new one', async () => {
    const device = await start({ features: seedFeatures })
    const longer = uploadOf(someBytes(12_000, 3))
    await send(device.target, longer, false)
    device.setFaults([{ name: 'stale-longer-file' }])
    await send(device.target, upload, false)
    const stored = device.flash.readTarget(upload.name) ?? new Uint8Array()
    expect(stored.slice(0, 10_500)).toEqual(upload.content)
    expect(stored.slice(10_500)).toEqual(longer.content.slice(10_500))
  })

  test('stale-longer-file shows in the hash of a fresh device too', async () => {
    const device = await faulty({ name: 'stale-longer-file', tail: 100 })
    await send(device.target, upload)
    const hash = (await call(device.target, `/upload/hash/${upload.name}`)).json
    expect(hash).toMatchObject({ size: 10_600 })
    expect(hash?.['sha256']).not.toBe(sha256(upload.content))
  })

  showing('bad-self-check', 'boots the old firmware after a sound upload', async () => {
    const device = await faulty({ name: 'bad-self-check' })
    const rebooted = device.nextBoot()
    await send(device.target, uploadOf(buildTestImage()))
    await rebooted
    expect(device.flash.refusedImage()).not.toBeNull()
    expect((await call(device.target, '/telemetry')).json).toMatchObject({
      boot_count: 2,
      app: { version: '1.0.0' },
      ota: { running: 'ota_0' },
    })
  })

  showing('rollback', 'runs the new firmware for a moment, then the old one again', async () => {
    const clock = new ManualClock()
    const device = await start({ clock, faults: [{ name: 'rollback', ms: 80 }] })
    const first = device.nextBoot()
    await send(device.target, uploadOf(buildTestImage({ version: '2.0.0' })))
    await clock.runNext()
    await clock.runNext()
    await first
    const second = device.nextBoot()
    expect((await call(device.target, '/telemetry')).json).toMatchObject({
      app: { version: '2.0.0' },
      ota: { state: 'pending_verify' },
    })
    await clock.runNext()
    await clock.runNext()
    await second
    expect((await call(device.target, '/telemetry')).json).toMatchObject({
      boot_count: 3,
      reset_reason: 'panic',
      app: { version: '1.0.0' },
      ota: { running: 'ota_0', state: 'valid' },
    })
  })

  showing('wrong-chip', 'names another chip', async () => {
    const device = await faulty({ name: 'wrong-chip', chip: 'ESP32-S3' })
    expect((await call(device.target, '/telemetry')).json).toMatchObject({ device: { chip: 'ESP32-S3' } })
  })

  showing('other-device-after-reboot', 'answers with another MAC and id at the same address', async () => {
    const device = await faulty({ name: 'other-device-after-reboot' })
    const before = (await call(device.target, '/telemetry')).json?.['device']
    expect(before).toMatchObject({ id: 'esp32-1' })
    await device.reboot()
    const after = (await call(device.target, '/telemetry')).json?.['device']
    expect(after).toMatchObject({ id: 'esp32-1-other', mac: '02:4f:50:de:ad:01' })
    expect(before).not.toMatchObject({ mac: '02:4f:50:de:ad:01' })
  })

  showing('hostile-name', 'puts escapes, markup and a direction override into every text', async () => {
    const device = await faulty({ name: 'hostile-name' })
    const telemetry = await call(device.target, '/telemetry')
    const hostile: unknown = expect.toSatisfy(
      (text: string) => text.includes('\u001b[2J') && text.includes('\u202e') && text.includes('<img'),
    )
    expect(telemetry.json).toMatchObject({
      device: { id: hostile, board: hostile },
      app: { name: hostile, version: hostile },
    })
    // As text on the wire the characters are escaped, as Python does.
    expect(telemetry.text).not.toMatch(/[\u0000-\u001f\u007f-\uffff]/)
    expect((await post(device.target, '/upload/complete/none.bin/1')).json).toEqual({ success: false, error: hostile })
    expect(device.identity.name).toContain('\u001b')
  })
})

describe('faults together', () => {
  test('act in one device, each at its own place', async () => {
    const device = await faulty(
      { name: 'error-500', chunk: 1 },
      { name: 'drop-reply', chunk: 2, times: 1 },
      { name: 'success-false', chunk: 1 },
    )
    const first = await postChunk(device.target, upload, 1)
    const second = await postChunk(device.target, upload, 1)
    const third = await postChunk(device.target, upload, 1)
    expect([first.status, second.json?.['success'], third.json?.['success']]).toEqual([500, false, true])
    expect(await codesOfChunks(device, [2, 2])).toEqual(['ECONNRESET', 'answered'])
  })

  test('are replaced while the device runs', async () => {
    const device = await faulty({ name: 'error-500', chunk: 'any', times: 0 })
    expect((await postChunk(device.target, upload, 0)).status).toBe(500)
    device.setFaults([])
    expect((await postChunk(device.target, upload, 0)).status).toBe(200)
  })

  test('with a wrong value are refused before anything starts', async () => {
    const wrong = { name: 'reboot', chunk: -1 } as const
    await expect(startVirtualEsp32({ faults: [wrong] })).rejects.toMatchObject({
      code: 'option.invalid',
      message: 'the fault "reboot" takes a chunk index, "complete" or "any" as "chunk", not -1',
    })
  })

  test('are all shown above', () => {
    expect([...shown].sort()).toEqual([...faultNames].sort())
  })
})
