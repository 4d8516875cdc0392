import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { instantTimes } from '../../../src/simulator/board/board-options.ts'
import { updateErrors } from '../../../src/simulator/board/update.ts'
import { startEsphome, type EsphomeSettings } from '../../../src/simulator/esphome-ota/kind.ts'
import { answerOf } from '../../../src/simulator/esphome-ota/password.ts'
import type { VirtualEsphome } from '../../../src/simulator/esphome-ota/virtual-esphome.ts'
import { ManualClock } from '../manual-clock.ts'
import { buildTestImage } from '../test-image.ts'
import { call, errorCodeOf, someBytes } from '../wire.ts'
import { EsphomeClient, hashed, MAGIC, sizeOf, update } from './esphome-client.ts'

const running: VirtualEsphome[] = []
const clients: EsphomeClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(running.splice(0).map(device => device.close()))
})

async function start(settings: EsphomeSettings = {}): Promise<VirtualEsphome> {
  const device = await startEsphome({ ...instantTimes, telemetry: true, ...settings })
  running.push(device)
  return device
}

async function connect(device: VirtualEsphome): Promise<EsphomeClient> {
  const client = await EsphomeClient.open(device.target)
  clients.push(client)
  return client
}

async function telemetry(device: VirtualEsphome): Promise<unknown> {
  return (await call(device.telemetryUrl ?? '', '/telemetry')).json
}

/** Three blocks, the last of them not full. */
const image = buildTestImage({ version: '2025.11.1', dataBytes: 20_000 })
const GOOD = '00024041424347474744' + '45'

describe('an update', () => {
  it('of version 2 is acknowledged every 8192 bytes and at the end, and the device restarts into it', async () => {
    const device = await start()
    const back = device.nextBoot()
    expect(await update(device.target, image)).toEqual({ answers: GOOD, errorCode: null })
    await back
    expect([device.activeImage(), device.stored()]).toEqual([image, image])
    expect(device.dataRequests()).toBe(3)
    expect(await telemetry(device)).toMatchObject({ app: { version: '2025.11.1' }, boot_count: 2 })
  })

  it('of version 1 has no acknowledgements', async () => {
    const device = await start({ version: 1 })
    const back = device.nextBoot()
    expect((await update(device.target, image)).answers).toBe('00014041424344' + '45')
    await back
    expect(device.activeImage()).toEqual(image)
  })

  it('of exactly two blocks is acknowledged twice, byte by byte as they come', async () => {
    const device = await start()
    const padded = Buffer.concat([image.subarray(0, 16_384)])
    const client = await connect(device)
    client.send(MAGIC, 0x02, sizeOf(padded), hashed('md5', padded))
    expect(await client.hex(6)).toBe('000240414243')
    client.send(padded.subarray(0, 8191))
    client.send(padded.subarray(8191, 8192))
    expect(await client.hex(1)).toBe('47')
    client.send(padded.subarray(8192))
    // Cut off as it is, the bootloader refuses it.
    expect(await client.hex(3)).toBe('474484')
  })

  it('restarts also when the client leaves without its last word', async () => {
    const device = await start()
    const back = device.nextBoot()
    const client = await connect(device)
    client.send(MAGIC, 0x02, sizeOf(image), hashed('md5', image), image)
    expect(await client.hex(11)).toBe(GOOD)
    client.close()
    await back
    expect(device.activeImage()).toEqual(image)
  })

  it('of another client waits until the first has gone', async () => {
    const device = await start()
    const first = await connect(device)
    first.send(MAGIC)
    expect(await first.hex(2)).toBe('0002')
    const second = await connect(device)
    second.send(MAGIC)
    expect(second.unread).toBe('')
    first.close()
    expect(await second.hex(2)).toBe('0002')
  })

  it('that breaks off leaves nothing behind', async () => {
    const device = await start()
    const client = await connect(device)
    client.send(MAGIC, 0x02, sizeOf(image), hashed('md5', image), image.subarray(0, 9000))
    expect(await client.hex(7)).toBe('00024041424347')
    client.close()
    await expect.poll(() => device.leftovers()).toBe(0)
    expect((await update(device.target, image)).answers).toBe(GOOD)
  })
})

describe('the errors', () => {
  it('80: other first bytes', async () => {
    const client = await connect(await start())
    client.send(Buffer.from('GET / HTTP'))
    expect(await client.hex(1)).toBe('80')
    await client.ended()
  })

  it('89: more than a slot holds; 88 on an ESP8266', async () => {
    const large = buildTestImage({ dataBytes: 9000 })
    expect((await update((await start({ slotBytes: 8192 })).target, large)).answers).toBe('0002404189')
    expect((await update((await start({ slotBytes: 8192, isEsp8266: true })).target, large)).answers).toBe('0002404188')
  })

  it('8b: an MD5 that is not that of the bytes', async () => {
    const device = await start()
    expect((await update(device.target, image, '0'.repeat(32))).answers).toBe('0002404142434747474' + '48b')
    expect([device.stored(), device.stats.boots]).toEqual([null, 1])
  })

  it('84: an image that the bootloader refuses; 80: no image at all', async () => {
    const device = await start()
    const bad = buildTestImage({ fault: 'hash' })
    expect((await update(device.target, bad)).answers).toBe('000240414243474484')
    expect((await update(device.target, someBytes(3000))).answers).toBe('00024041424380')
  })

  it('nothing, and the end, when the client is silent for 20 s', async () => {
    const clock = new ManualClock()
    const client = await connect(await start({ clock }))
    client.send(MAGIC)
    expect(await client.hex(2)).toBe('0002')
    await clock.runNext()
    await client.ended()
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(20_000)
  })

  it('ff when no data comes for 90 s', async () => {
    const clock = new ManualClock()
    const client = await connect(await start({ clock, telemetry: false }))
    client.send(MAGIC, 0x02, sizeOf(image), hashed('md5', image))
    expect(await client.hex(6)).toBe('000240414243')
    await clock.runNext()
    expect(await client.hex(1)).toBe('ff')
  })
})

describe('features', () => {
  it('the extended bit is answered with flags, and the kind of update is asked for', async () => {
    const client = await connect(await start())
    client.send(MAGIC, 0x06, 0x00, sizeOf(image))
    expect(await client.hex(6)).toBe('000248004142')
    const other = await connect(await start())
    other.send(MAGIC, 0x06, 0x01, sizeOf(image))
    expect(await other.hex(6)).toBe('00024800418e')
  })

  it('the extended bit is ignored by old devices', async () => {
    const client = await connect(await start({ version: 1 }))
    client.send(MAGIC, 0x06)
    expect(await client.hex(4)).toBe('00014041')
  })

  it('only an ESP8266 takes gzip, and unpacks it', async () => {
    const packed = gzipSync(image)
    const device = await start({ isEsp8266: true })
    const back = device.nextBoot()
    const client = await connect(device)
    client.send(MAGIC, 0x03, sizeOf(packed), hashed('md5', packed), packed)
    expect(await client.hex(6)).toBe('000246414243')
    expect(await client.hex(3)).toBe('474445')
    client.send(0x00)
    await back
    expect(device.activeImage()).toEqual(image)
    const esp32 = await connect(await start())
    esp32.send(MAGIC, 0x03)
    expect(await esp32.hex(4)).toBe('00024041')
  })
})

describe('the password', () => {
  it('is answered as the published vectors say', () => {
    const nonce = '0123456789abcdef0123456789abcdef'
    const clientNonce = 'fedcba9876543210fedcba9876543210'
    expect(answerOf('md5', 'secret', nonce, clientNonce)).toBe('7c2798ce9c25f7ce261ba918f9d624c9')
    expect(answerOf('sha256', 'secret', nonce.repeat(2), clientNonce.repeat(2))).toBe(
      '045fd7c9e185365bf2fa5007c212f757d5d39aa6d67828323ea7ea8e015ba5ca',
    )
  })

  const login = async (device: VirtualEsphome, features: number, password: string): Promise<string> => {
    const client = await connect(device)
    client.send(MAGIC, features)
    expect(await client.hex(3)).toMatch(/^000[12]40$/)
    const asked = await client.hex(1)
    if (asked !== '01' && asked !== '02') return asked
    const [hash, digits] = asked === '01' ? (['md5', 32] as const) : (['sha256', 64] as const)
    const nonce = await client.text(digits)
    expect(nonce).toMatch(new RegExp(`^[0-9a-f]{${String(digits)}}$`))
    const clientNonce = 'ab'.repeat(digits / 2)
    client.send(clientNonce, hashed(hash, password + nonce + clientNonce))
    const answer = asked + (await client.hex(1))
    // The device serves one client at a time.
    client.close()
    return answer
  }

  it('is asked for with SHA-256 by newest devices, which refuse a client that does not know it', async () => {
    const device = await start({ password: 'secret', hash: 'sha256' })
    expect(await login(device, 0x02, 'secret')).toBe('0241')
    expect(await login(device, 0x02, 'wrong')).toBe('0282')
    expect(await login(device, 0x00, 'secret')).toBe('82')
  })

  it('is asked for with MD5 by old ones, whatever the client knows', async () => {
    const device = await start({ password: 'secret', version: 1 })
    expect(await login(device, 0x02, 'secret')).toBe('0141')
    expect(await login(device, 0x00, 'wrong')).toBe('0182')
  })

  it('is asked for with what the client knows by those between', async () => {
    const device = await start({ password: 'secret', hash: 'both' })
    expect(await login(device, 0x02, 'secret')).toBe('0241')
    expect(await login(device, 0x00, 'secret')).toBe('0141')
  })

  it('refuses-password: is refused though it is right', async () => {
    const device = await start({ password: 'secret', faults: [{ name: 'refuses-password' }] })
    expect(await login(device, 0x02, 'secret')).toBe('0282')
  })
})

describe('the fault', () => {
  const faulty = (name: string, parameters: object = {}, settings: EsphomeSettings = {}): Promise<VirtualEsphome> =>
    start({ ...settings, faults: [{ name, ...parameters }] })

  it.each([
    ['greeting', ''],
    ['features', '0002'],
    ['auth', '000240'],
    ['prepare', '00024041'],
    ['md5', '0002404142'],
    ['data', '00024041424347'],
    ['received', '000240414243474747'],
    ['end', '00024041424347474744'],
  ])('error-code in place of the answer at %s, once', async (stage, before) => {
    const device = await faulty('error-code', { code: '83', stage, byte: 9000 })
    expect((await update(device.target, image)).answers.slice(0, before.length + 2)).toBe(`${before}83`)
    expect([device.stored(), device.leftovers(), device.stats.boots]).toEqual([null, 0, 1])
    expect((await update(device.target, image)).answers).toBe(GOOD)
  })

  it.each(['80', '81', '82', '84', '85', '86', '87', '88', '89', '8a', '8b', '8c', '8d', '8e', '8f', '90', 'ff'])(
    'error-code %s is sent as it is named',
    async code => {
      const device = await faulty('error-code', { code, stage: 'prepare' })
      expect((await update(device.target, image)).answers).toBe(`00024041${code}`)
    },
  )

  it.each(updateErrors)('update-error %s has its byte', async text => {
    const device = await faulty('update-error', { text, byte: 0 })
    const { answers } = await update(device.target, image)
    const codes: Readonly<Record<string, string>> = {
      'Flash Read Failed': '84',
      'Not Enough Space': '89',
      'Bad Size Given': '89',
      'MD5 Check Failed': '8b',
      'Wrong Magic Byte': '80',
      'Could Not Activate The Firmware': '84',
      'Partition Could Not be Found': '8a',
      'Bad Argument': '81',
    }
    expect(answers.slice(-2)).toBe(codes[text] ?? '83')
    expect([device.stored(), device.leftovers()]).toEqual([null, 0])
  })

  it('no-ack: does not acknowledge a block and falls silent', async () => {
    const device = await faulty('no-ack', { block: 1 })
    const client = await connect(device)
    client.send(MAGIC, 0x02, sizeOf(image), hashed('md5', image), image.subarray(0, 16_384))
    expect(await client.hex(7)).toBe('00024041424347')
    await telemetry(device)
    expect(client.unread).toBe('')
    client.close()
    expect((await update(device.target, image)).answers).toBe(GOOD)
  })

  it.each(['greeting', 'auth', 'end'])('silent from the answer at %s on', async stage => {
    const device = await faulty('silent', { stage, times: 1 })
    const client = await connect(device)
    client.send(MAGIC, 0x02, sizeOf(image), hashed('md5', image), image)
    const before = { greeting: '', auth: '000240', end: GOOD.slice(0, -2) }[stage] ?? ''
    expect(await client.hex(before.length / 2)).toBe(before)
    await telemetry(device)
    expect(client.unread).toBe('')
    const back = stage === 'end' ? device.nextBoot() : Promise.resolve()
    client.close()
    await back
    expect(device.activeImage()).toEqual(stage === 'end' ? image : null)
  })

  it('no-answer: falls silent once the data begins', async () => {
    const device = await faulty('no-answer')
    const client = await connect(device)
    client.send(MAGIC, 0x02, sizeOf(image), hashed('md5', image), image)
    expect(await client.hex(6)).toBe('000240414243')
    await telemetry(device)
    expect([client.unread, device.stored()]).toEqual(['', null])
  })

  it('bit-flip: the MD5 does not fit', async () => {
    const device = await faulty('bit-flip', { byte: 9001 })
    expect((await update(device.target, image)).answers).toBe('00024041424347474744' + '8b')
    expect((await update(device.target, image)).answers).toBe(GOOD)
  })

  it.each([
    ['lost-answer', { stage: 'end' }, GOOD.slice(0, -2), true],
    ['drop-reply', {}, GOOD.slice(0, -2), true],
    ['lost-answer', { stage: 'received' }, '000240414243474747', false],
    ['lost-answer', { stage: 'data' }, '000240414243', false],
  ])('%s %o: the connection ends in place of the answer', async (name, parameters, before, isStored) => {
    const device = await faulty(name, parameters)
    const back = isStored ? device.nextBoot() : Promise.resolve()
    expect((await update(device.target, image)).answers).toBe(before)
    await back
    expect(device.activeImage()).toEqual(isStored ? image : null)
  })

  it.each([
    ['cut', { percent: 50 }],
    ['reset-at-byte', { byte: 10_000 }],
    ['reboot', { byte: 10_000 }],
  ])('%s %o: the connection ends in the data', async (name, parameters) => {
    const device = await faulty(name, parameters)
    const back = name === 'reboot' ? device.nextBoot() : Promise.resolve()
    expect((await update(device.target, image)).answers).toBe('00024041424347')
    await back
    expect([device.stored(), device.leftovers()]).toEqual([null, 0])
    expect((await update(device.target, image)).answers).toBe(GOOD)
  })

  it('unknown-version and another-service: greet with something else', async () => {
    expect((await update((await faulty('unknown-version')).target, image)).answers).toBe('0003')
    const client = await connect(await faulty('another-service'))
    client.send(MAGIC)
    expect(await client.text(8)).toBe('HTTP/1.1')
  })

  it.each(['stores-garbage', 'bad-self-check', 'liar'])('%s: says success, and the old image runs on', async name => {
    const device = await faulty(name)
    const back = device.nextBoot()
    expect((await update(device.target, image)).answers).toBe(GOOD)
    await back
    expect(await telemetry(device)).toMatchObject({ app: { version: '1.0.0' }, boot_count: 2 })
    expect(device.refusedImage() === null).toBe(name === 'liar')
  })

  it('rollback: the new image runs, panics, and the old one runs again', async () => {
    const device = await faulty('rollback', { ms: 5 }, { confirmMs: 1000 })
    const first = device.nextBoot()
    await update(device.target, image)
    await first
    expect(device.activeImage()).toEqual(image)
    await device.nextBoot()
    expect(device.activeImage()).toBeNull()
  })

  it('no-restart, slow-boot and never-returns', async () => {
    const stays = await faulty('no-restart')
    await update(stays.target, image)
    expect([stays.stored(), stays.stats.boots]).toEqual([image, 1])
    const clock = new ManualClock()
    const device = await faulty('slow-boot', { ms: 5000 }, { clock })
    const back = device.reboot()
    await clock.runNext()
    await back
    expect(clock.monotonicMs()).toBe(5000)
    device.setFaults([{ name: 'never-returns' }])
    void device.reboot()
    await clock.untilAwaited()
    expect(await errorCodeOf(EsphomeClient.open(device.target))).toBe('ECONNREFUSED')
  })

  it('slow: needs its time for every answer and every block', async () => {
    const device = await faulty('slow', { ms: 4 })
    const startedAt = performance.now()
    expect((await update(device.target, image)).answers).toBe(GOOD)
    // Seven answers and three blocks; a timer may be early by a fraction of a millisecond.
    expect(performance.now() - startedAt).toBeGreaterThan(10 * 4 - 10)
  })

  it('wrong-chip, other-device-after-reboot and hostile-name: show in the telemetry', async () => {
    const device = await faulty('wrong-chip')
    expect(await telemetry(device)).toMatchObject({ device: { chip: 'ESP32-C3' } })
    device.setFaults([{ name: 'other-device-after-reboot' }, { name: 'hostile-name' }])
    await device.reboot()
    const shown = await telemetry(device)
    expect(shown).toMatchObject({ device: { mac: '02:4f:50:de:ad:01' } })
    expect(JSON.stringify(shown)).toContain('u001b')
  })
})
