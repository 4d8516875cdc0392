import { createSocket } from 'node:dgram'
import { afterEach, describe, expect, it } from 'vitest'
import { instantTimes } from '../../../src/simulator/board/board-options.ts'
import { derivedKey, expectedResponse, storedHash } from '../../../src/simulator/arduino-ota/password.ts'
import {
  PRACTICE_PASSWORD,
  startVirtualArduinoOta,
  type ArduinoOtaOptions,
  type VirtualArduinoOta,
} from '../../../src/simulator/arduino-ota/virtual-arduino-ota.ts'
import { buildTestImage } from '../test-image.ts'
import { call } from '../wire.ts'
import { digest, Espota, respond } from './espota-client.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(thing => thing.close()))
})

async function start(options: ArduinoOtaOptions = {}): Promise<{ device: VirtualArduinoOta; client: Espota }> {
  const device = await startVirtualArduinoOta({ ...instantTimes, readTimeoutMs: 100, ...options })
  const client = new Espota(device.target)
  open.push(client, device)
  return { device, client }
}

const image = buildTestImage({ version: '2.0.0', dataBytes: 5000 })
const CNONCE_MD5 = 'fe'.repeat(16)
const CNONCE_SHA256 = 'cd'.repeat(32)

describe('the answer that a device expects to its challenge', () => {
  it('is the one of the reference vectors', () => {
    expect(storedHash('pbkdf2', 'a-real-password')).toBe(
      '980061b57e53c2de71a544b88d868652220a5f638b654459743bc497df202f9e',
    )
    const stored = storedHash('pbkdf2', 'a-real-password')
    expect(derivedKey(stored, 'ab'.repeat(32), CNONCE_SHA256)).toBe(
      'b7a2bf1029f505602abfc2362e593d50150a2407c9095f96f5c6efe9789e21d6',
    )
    expect(expectedResponse('pbkdf2', stored, 'ab'.repeat(32), CNONCE_SHA256)).toBe(
      '4d63ba8b1efa8949a0c5caefe7e8bc77db582e5531bdf2667c663394b4551b93',
    )
    expect(
      expectedResponse(
        'md5',
        storedHash('md5', 'secret'),
        '0123456789abcdef0123456789abcdef',
        'fedcba9876543210fedcba9876543210',
      ),
    ).toBe('97a3111e1a27299c210fc49a94a97011')
  })
})

describe('an invited device', () => {
  it('connects back, answers each piece with its length, says OK and restarts into the image', async () => {
    const { device, client } = await start()
    const booted = device.nextBoot()
    expect(await client.invite(image)).toBe('OK')
    const heard = await client.transfer(image)
    const counts = Array.from({ length: Math.ceil(image.length / 1024) }, (_, index) =>
      String(Math.min(1024, image.length - index * 1024)),
    )
    expect(heard).toBe(`${counts.join('')}OK`)
    await booted
    expect(device.activeImage()).toEqual(image)
    expect(device.stored()).toEqual(image)
  })

  it('glues its last count to the OK where it is so built', async () => {
    const { client } = await start({ gluesEnd: true })
    await client.invite(image.subarray(0, 1024))
    expect(await client.transfer(image.subarray(0, 1024))).toMatch(/^1024ERROR\[9\]: Could Not Activate The Firmware$/)
  })

  it('hears nothing in other commands and in an MD5 of another length', async () => {
    const { client } = await start()
    const port = await client.listen()
    client.send(`7 ${String(port)} 10 ${'0'.repeat(32)}\n`)
    client.send(`0 ${String(port)} 10 ${'0'.repeat(31)}\n`)
    expect(await client.hear(60)).toBeNull()
  })

  it('takes a file system, which nothing but its MD5 checks', async () => {
    const { device, client } = await start()
    const files = Uint8Array.from({ length: 3000 }, (_, index) => index & 0xff)
    const booted = device.nextBoot()
    const port = await client.listen()
    client.send(`100 ${String(port)} ${String(files.length)} ${digest('md5', files)}\n`)
    expect(await client.hear()).toBe('OK')
    expect(await client.transfer(files)).toMatch(/OK$/)
    await booted
    expect(device.stored()).toEqual(files)
    expect(device.activeImage()).toBeNull()
  })

  it('says that the MD5 is another, and goes on running what it ran', async () => {
    const { device, client } = await start()
    await client.invite(image, '0'.repeat(32))
    expect(await client.transfer(image)).toMatch(/ERROR\[7\]: MD5 Check Failed$/)
    expect(device.stored()).toBeNull()
    expect(device.activeImage()).toBeNull()
  })

  it('never connects for an image that is larger than its slot', async () => {
    const { client } = await start({ slotBytes: 4096 })
    expect(await client.invite(image)).toBe('OK')
    const first = await Promise.race([client.connection, client.hear(80)])
    expect(first).toBeNull()
  })

  it('repeats its last count three times when nothing more comes, then hangs up', async () => {
    const { client } = await start({ readTimeoutMs: 20 })
    await client.invite(image)
    const socket = await client.connection
    socket.write(image.subarray(0, 100))
    const pieces: Buffer[] = []
    for await (const piece of socket) pieces.push(piece as Buffer)
    expect(Buffer.concat(pieces).toString()).toBe('100100100100')
  })

  it('takes a second invitation after a failed one', async () => {
    const { device, client } = await start({ faults: [{ name: 'bit-flip' }] })
    await client.invite(image)
    expect(await client.transfer(image)).toContain('MD5 Check Failed')
    const second = new Espota(device.target)
    open.push(second)
    expect(await second.invite(image)).toBe('OK')
    expect(await second.transfer(image)).toMatch(/OK$/)
  })
})

describe('a device with a password', () => {
  it.each([
    ['md5', 'md5', 32, CNONCE_MD5],
    ['pbkdf2', 'sha256', 64, CNONCE_SHA256],
    ['pbkdf2-md5-hash', 'md5', 64, CNONCE_SHA256],
  ] as const)('of the form %s lets in whoever knows it', async (auth, hash, length, cnonce) => {
    const { client } = await start({ auth })
    const [word, nonce = ''] = (await client.invite(image))?.split(' ') ?? []
    expect([word, nonce.length]).toEqual(['AUTH', length])
    client.send(`200 ${cnonce} ${respond(digest(hash, PRACTICE_PASSWORD), nonce, cnonce)}\n`)
    expect(await client.hear()).toBe('OK')
    expect(await client.transfer(image)).toMatch(/OK$/)
  })

  it('refuses the SHA-256 form where it keeps an MD5, and another nonce comes with the next invitation', async () => {
    const { client } = await start({ auth: 'pbkdf2-md5-hash' })
    const port = await client.listen()
    const invitation = `0 ${String(port)} ${String(image.length)} ${digest('md5', image)}\n`
    client.send(invitation)
    const nonce = (await client.hear())?.slice(5) ?? ''
    client.send(`200 ${CNONCE_SHA256} ${respond(digest('sha256', PRACTICE_PASSWORD), nonce, CNONCE_SHA256)}\n`)
    expect(await client.hear()).toBe('Authentication Failed')
    client.send(invitation)
    expect(await client.hear()).not.toBe(`AUTH ${nonce}`)
  })

  it('swallows one invitation that comes in place of an answer', async () => {
    const { client } = await start({ auth: 'md5' })
    const port = await client.listen()
    const invitation = `0 ${String(port)} ${String(image.length)} ${digest('md5', image)}\n`
    client.send(invitation)
    expect(await client.hear()).toMatch(/^AUTH [0-9a-f]{32}$/)
    client.send(invitation)
    expect(await client.hear(60)).toBeNull()
    client.send(invitation)
    expect(await client.hear()).toMatch(/^AUTH [0-9a-f]{32}$/)
  })

  it('that answers late has forgotten its challenge when the invitation is repeated meanwhile', async () => {
    const late = { name: 'slow', ms: 30 }
    const { client } = await start({ auth: 'md5', faults: [late] })
    const port = await client.listen()
    const invitation = `0 ${String(port)} ${String(image.length)} ${digest('md5', image)}\n`
    client.send(invitation)
    client.send(invitation)
    const nonce = (await client.hear())?.slice(5) ?? ''
    expect(nonce).toHaveLength(32)
    client.send(`200 ${CNONCE_MD5} ${respond(digest('md5', PRACTICE_PASSWORD), nonce, CNONCE_MD5)}\n`)
    expect(await client.hear(80)).toBeNull()
  })

  it('of an old core answers on the invitation’s socket, whoever authenticates', async () => {
    const { client } = await start({ auth: 'md5', answersInvitationOnly: true })
    const nonce = (await client.invite(image))?.slice(5) ?? ''
    const other = createSocket('udp4')
    open.push(other)
    client.send(`200 ${CNONCE_MD5} ${respond(digest('md5', PRACTICE_PASSWORD), nonce, CNONCE_MD5)}\n`, other)
    expect(await client.hear()).toBe('OK')
  })
})

describe('a faulty device', () => {
  it.each([
    [{ name: 'bit-flip' }, /ERROR\[7\]: MD5 Check Failed$/],
    [{ name: 'error-text', text: 'ERROR[1]: Flash Write Failed' }, /ERROR\[1\]: Flash Write Failed$/],
    [{ name: 'cut', chunk: 2 }, /^10241024$/],
    [{ name: 'cut', chunk: 2, at: 'in-body' }, /^10241024$/],
    [{ name: 'reset-at-byte', byte: 1500 }, /^(1024)?$/],
    [{ name: 'reboot', chunk: 1 }, /^(1024)?$/],
  ])('with %j says no OK and keeps what it ran', async (fault, heard) => {
    const { device, client } = await start({ faults: [fault] })
    await client.invite(image)
    expect(await client.transfer(image)).toMatch(heard)
    expect(device.stored()).toBeNull()
    expect(device.activeImage()).toBeNull()
  })

  it.each([{ name: 'no-final-ok' }, { name: 'cut', chunk: 'complete' }])(
    'with %j runs the image without having said so',
    async fault => {
      const { device, client } = await start({ faults: [fault] })
      const booted = device.nextBoot()
      await client.invite(image)
      expect(await client.transfer(image)).toMatch(/^[\d]+$/)
      await booted
      expect(device.activeImage()).toEqual(image)
    },
  )

  it('that lies says OK and runs what it ran', async () => {
    const { device, client } = await start({ faults: [{ name: 'liar' }] })
    const booted = device.nextBoot()
    await client.invite(image)
    expect(await client.transfer(image)).toMatch(/OK$/)
    await booted
    expect(device.activeImage()).toBeNull()
    expect(device.stored()).toHaveLength(image.length)
    expect(device.stored()).not.toEqual(image)
  })

  it('whose image breaks before its first boot goes on with the old one', async () => {
    const { device, client } = await start({ faults: [{ name: 'bad-self-check' }] })
    const booted = device.nextBoot()
    await client.invite(image)
    expect(await client.transfer(image)).toMatch(/OK$/)
    await booted
    expect(device.refusedImage()).not.toBeNull()
    expect(device.activeImage()).toBeNull()
  })

  it('that loses datagrams answers the next one', async () => {
    const loss = { name: 'lost-invitation', times: 1 }
    const { client } = await start({ faults: [loss] })
    const port = await client.listen()
    const invitation = `0 ${String(port)} ${String(image.length)} ${digest('md5', image)}\n`
    client.send(invitation)
    expect(await client.hear(50)).toBeNull()
    client.send(invitation)
    expect(await client.hear()).toBe('OK')
  })

  it('that does not connect back says OK all the same', async () => {
    const { client } = await start({ faults: [{ name: 'no-connect-back' }] })
    expect(await client.invite(image)).toBe('OK')
    expect(await Promise.race([client.connection, client.hear(50)])).toBeNull()
  })

  it('that refuses the right password says so', async () => {
    const { client } = await start({ auth: 'md5', faults: [{ name: 'refuses-password' }] })
    const nonce = (await client.invite(image))?.slice(5) ?? ''
    client.send(`200 ${CNONCE_MD5} ${respond(digest('md5', PRACTICE_PASSWORD), nonce, CNONCE_MD5)}\n`)
    expect(await client.hear()).toBe('Authentication Failed')
  })
})

it('answers telemetry on the TCP port of the same number, before and after', async () => {
  const { device, client } = await start({ telemetry: true })
  const web = device.target.replace('udp:', 'http:')
  expect(device.telemetryUrl).toBe(`${web}/telemetry`)
  expect((await call(web, '/telemetry')).json).toMatchObject({ app: { version: '1.0.0' }, boot_count: 1 })
  const booted = device.nextBoot()
  await client.invite(image)
  await client.transfer(image)
  await booted
  expect((await call(web, '/telemetry')).json).toMatchObject({ app: { version: '2.0.0' }, boot_count: 2 })
})
