import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { devicesOfThisFile } from './devices.ts'
import { ManualClock } from './manual-clock.ts'
import { buildTestImage } from './test-image.ts'
import { call, errorCodeOf, postChunk, postChunks, postComplete, send, sha256, someBytes, uploadOf } from './wire.ts'

const start = devicesOfThisFile()
const image = buildTestImage({ name: 'thermostat', version: '2.1.0', elfSha256: '12'.repeat(32) })
const upload = uploadOf(image)

describe('an uploaded application image', () => {
  it.each(['parts', 'direct'] as const)('runs after a reboot at the same address, with storage %s', async storage => {
    const clock = new ManualClock()
    const device = await start({ storage, clock, rebootDelayMs: 200, bootMs: 400, confirmMs: 1000 })
    const rebooted = device.nextBoot()
    expect((await send(device.target, upload)).json?.['success']).toBe(true)
    expect((await call(device.target, '/upload/status/firmware.bin')).json).toMatchObject({ state: 'booting' })
    await clock.runNext()
    await clock.runNext()
    await rebooted
    expect(device.flash.activeImage()).toEqual(image)
    const telemetry = (await call(device.target, '/telemetry')).json
    expect(telemetry).toMatchObject({
      boot_count: 2,
      reset_reason: 'software',
      app: { name: 'thermostat', version: '2.1.0', elf_sha256: '12'.repeat(32) },
      ota: { running: 'ota_1', next: 'ota_0', state: 'pending_verify' },
    })
    expect((await call(device.target, '/upload/status/firmware.bin')).json).toMatchObject({ state: 'stored' })
    expect((await call(device.target, '/upload/hash/firmware.bin')).json).toMatchObject({ sha256: sha256(image) })
    await clock.runNext()
    expect((await call(device.target, '/telemetry')).json).toMatchObject({ ota: { state: 'valid' }, uptime_ms: 1000 })
  })

  it('makes the device go away: connections end and the port refuses until it has booted', async () => {
    const clock = new ManualClock()
    const device = await start({ clock })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await call(device.target, '/telemetry', { agent })
    const rebooted = device.nextBoot()
    await send(device.target, upload)
    await clock.runNext()
    await clock.untilAwaited()
    expect(await errorCodeOf(call(device.target, '/telemetry'))).toBe('ECONNREFUSED')
    await clock.runNext()
    await rebooted
    expect((await call(device.target, '/telemetry', { agent })).status).toBe(200)
    agent.destroy()
  })

  it('takes no chunk between the completion and the reboot', async () => {
    const device = await start({ clock: new ManualClock() })
    await send(device.target, upload)
    expect((await postChunk(device.target, upload, 0, { headers: upload.headers })).json).toEqual({
      success: false,
      error: 'booting',
    })
  })

  it.each([
    ['a wrong checksum', buildTestImage({ fault: 'checksum' }), 'checksum failed'],
    ['a wrong hash', buildTestImage({ fault: 'hash' }), 'hash failed'],
    ['another chip', buildTestImage({ chipId: 9 }), 'mismatch chip ID, expected 0, found 9'],
    ['a missing end', image.subarray(0, 900), 'segment 0 has a bad length'],
  ])('with %s keeps the old firmware', async (_what, bad, problem) => {
    const device = await start()
    const rebooted = device.nextBoot()
    expect((await send(device.target, uploadOf(bad))).json?.['success']).toBe(true)
    await rebooted
    expect(device.flash.refusedImage()).toBe(problem)
    expect((await call(device.target, '/telemetry')).json).toMatchObject({
      boot_count: 2,
      app: { version: '1.0.0' },
      ota: { running: 'ota_0', state: 'valid' },
    })
  })

  it('may have bytes behind its end and no descriptor', async () => {
    const device = await start()
    const plain = Uint8Array.from(buildTestImage())
    plain[32] = 0
    // The descriptor's magic gone, the checksum and the hash no longer fit: the bootloader notices.
    const rebooted = device.nextBoot()
    await send(device.target, uploadOf(plain))
    await rebooted
    expect(device.flash.refusedImage()).toBe('checksum failed')
    const again = device.nextBoot()
    await send(device.target, uploadOf(Buffer.concat([image, Buffer.from([1, 2])])))
    await again
    expect(device.flash.activeImage()).toHaveLength(image.length + 2)
  })

  it('is only stored when the device does not apply images', async () => {
    const device = await start({ apply: 'none' })
    await send(device.target, upload)
    expect(device.stats.boots).toBe(1)
    expect(device.flash.activeImage()).toBeNull()
    expect((await call(device.target, '/upload/status/firmware.bin')).json).toMatchObject({ state: 'stored' })
  })

  it('goes into the slots by turns', async () => {
    const device = await start({ storage: 'direct' })
    for (const [version, slot] of [
      ['2.0.0', 'ota_1'],
      ['3.0.0', 'ota_0'],
      ['4.0.0', 'ota_1'],
    ] as const) {
      const rebooted = device.nextBoot()
      await send(device.target, uploadOf(buildTestImage({ version })))
      await rebooted
      expect((await call(device.target, '/telemetry')).json).toMatchObject({ app: { version }, ota: { running: slot } })
    }
  })
})

describe('power that goes while the parts are joined', () => {
  it('leaves a truncated target and the parts that were not copied yet, and the upload can go on', async () => {
    const long = uploadOf(someBytes(200 * 512), { chunkBytes: 512 })
    const device = await start({ apply: 'none' })
    await postChunks(device.target, long)
    const completing = errorCodeOf(postComplete(device.target, long, { headers: long.headers }))
    while (device.stats.completePosts === 0) await new Promise(resolve => setImmediate(resolve))
    await device.panic()
    expect(await completing).toBe('ECONNRESET')
    const status = (await call(device.target, '/upload/status/firmware.bin')).json
    const have = Buffer.from(String(status?.['have']), 'base64')
    expect([have[0], have[24]]).toEqual([0, 0xff])
    expect(device.flash.readTarget('firmware.bin')?.length).toBeLessThan(long.content.length)
    expect((await send(device.target, long)).json?.['success']).toBe(true)
    expect(device.flash.readTarget('firmware.bin')).toEqual(long.content)
  })
})

describe('a file that is no image', () => {
  it('is stored and nothing reboots', async () => {
    const device = await start()
    await send(device.target, uploadOf(someBytes(5000), { name: 'config.json' }))
    expect(device.stats.boots).toBe(1)
    expect((await call(device.target, '/upload/status/config.json')).json).toMatchObject({ state: 'stored' })
  })
})

describe('flash on disk', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashproof-flash-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it.each(['parts', 'direct'] as const)('continues an upload in another process, with storage %s', async storage => {
    const first = await start({ storage, flashDir: folder, apply: 'none' })
    for (const index of [0, 2]) await postChunk(first.target, upload, index, { headers: upload.headers })
    await first.close()
    const second = await start({ storage, flashDir: folder, apply: 'none' })
    expect((await call(second.target, '/upload/status/firmware.bin')).json).toMatchObject({
      have: Buffer.from([0b101]).toString('base64'),
      state: 'receiving',
    })
    await postChunk(second.target, upload, 1, { headers: upload.headers })
    expect((await postComplete(second.target, upload, { headers: upload.headers })).json?.['success']).toBe(true)
    expect(second.flash.readTarget('firmware.bin')).toEqual(image)
    expect(second.stats.boots).toBe(2)
  })

  it('keeps the running image, the slots and the boot count', async () => {
    const first = await start({ flashDir: folder })
    const rebooted = first.nextBoot()
    await send(first.target, upload)
    await rebooted
    await first.close()
    expect(new Uint8Array(readFileSync(join(folder, 'ota_1.bin')))).toEqual(image)
    const second = await start({ flashDir: folder })
    expect((await call(second.target, '/telemetry')).json).toMatchObject({
      boot_count: 3,
      reset_reason: 'power-on',
      app: { version: '2.1.0' },
      ota: { running: 'ota_1' },
    })
    expect((await call(second.target, '/upload/hash/firmware.bin')).json).toMatchObject({ sha256: sha256(image) })
  })

  it('tries a new image at power-on when the power went before the reboot', async () => {
    const first = await start({ flashDir: folder, clock: new ManualClock() })
    await send(first.target, upload)
    await first.close()
    const second = await start({ flashDir: folder })
    expect((await call(second.target, '/telemetry')).json).toMatchObject({ app: { version: '2.1.0' } })
  })

  it('holds parts and targets of any name as plain files', async () => {
    const first = await start({ flashDir: folder })
    const name = encodeURIComponent('a b/../c')
    expect((await postChunk(first.target, { ...upload, name }, 0)).status).toBe(400)
    await postChunks(first.target, { ...upload, name: 'web/index%1B.html' }, false)
    await first.close()
    const second = await start({ flashDir: folder })
    await postComplete(second.target, { ...upload, name: 'web/index%1B.html' })
    expect(second.flash.readTarget('web/index\u001b.html')).toEqual(image)
  })
})

describe('the port of a device', () => {
  async function takePort(port: number): Promise<() => Promise<void>> {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(port, '127.0.0.1', resolve))
    return () =>
      new Promise(resolve =>
        other.close(() => {
          resolve()
        }),
      )
  }

  it('is the same again after another process had it during the reboot', async () => {
    const clock = new ManualClock()
    const device = await start({ clock })
    const back = device.reboot()
    await clock.untilAwaited()
    const giveBack = await takePort(device.port)
    await clock.runNext()
    // It has found the port taken and waits to try again.
    await clock.untilAwaited()
    await giveBack()
    await clock.runNext()
    await back
    expect((await call(device.target, '/telemetry')).json).toMatchObject({ boot_count: 2 })
  })

  it('stays free when the device is switched off while it waits for it', async () => {
    const clock = new ManualClock()
    const device = await start({ clock })
    const back = device.reboot()
    await clock.untilAwaited()
    const giveBack = await takePort(device.port)
    await clock.runNext()
    await clock.untilAwaited()
    await device.close()
    await back
    await giveBack()
    await clock.runNext()
    const retake = await takePort(device.port)
    await retake()
    expect(await errorCodeOf(call(device.target, '/telemetry'))).toBe('ECONNREFUSED')
  })
})
