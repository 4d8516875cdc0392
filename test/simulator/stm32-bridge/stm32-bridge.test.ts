import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { convertHex } from '../../../src/simulator/stm32-bridge/hex-conversion.ts'
import { stm32BridgeKind } from '../../../src/simulator/stm32-bridge/kind.ts'
import {
  startVirtualStm32Bridge,
  type Stm32BridgeOptions,
  type VirtualStm32Bridge,
} from '../../../src/simulator/stm32-bridge/virtual-stm32-bridge.ts'
import { call, errorCodeOf, post, sha256, someBytes, type WireAnswer } from '../wire.ts'
import { BOUNDARY, browserForm } from './browser-form.ts'

const running: VirtualStm32Bridge[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(device => device.close()))
})

const { instant } = stm32BridgeKind.traits

async function start(options: Stm32BridgeOptions = {}): Promise<VirtualStm32Bridge> {
  const device = await startVirtualStm32Bridge({ ...instant, ...options })
  running.push(device)
  return device
}

function upload(
  device: VirtualStm32Bridge,
  bytes: Uint8Array,
  fileName?: string,
  boundary?: string,
): Promise<WireAnswer> {
  const { contentType, body } = browserForm(bytes, fileName, boundary)
  return post(device.target, '/upload', body, { headers: { 'Content-Type': contentType } })
}

/** An STM32 program, more or less: 3001 bytes whose last is no white space. */
const image = Uint8Array.from([...someBytes(3000), 0xff])
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

describe('a gateway to an STM32', () => {
  it('takes a file, programs the STM32, and says so in its own words', async () => {
    const device = await start()
    expect(device.stored()).toBeNull()
    expect(await upload(device, image)).toMatchObject({ status: 200, text: 'BIN file uploaded successfully' })
    expect(device.uploaded()).toEqual(image)
    expect(device.stored()).toBeNull()
    expect(await post(device.target, '/download')).toMatchObject({
      status: 200,
      text: 'Firmware downloaded to STM32 successfully with checksum verification',
    })
    expect(device.stored()).toEqual(image)
    expect(device.activeImage()).toEqual(image)
  })

  it('has a page, and no status', async () => {
    const device = await start()
    expect((await call(device.target, '/')).text).toContain('<form action="/upload"')
    expect((await call(device.target, '/status')).status).toBe(404)
    expect((await call(device.target, '/upload')).status).toBe(405)
  })

  it('keeps what the STM32 was programmed with over its own restart', async () => {
    const device = await start()
    await upload(device, image)
    await post(device.target, '/download')
    await device.reboot()
    expect(device.stored()).toEqual(image)
  })

  it('says what is missing', async () => {
    const device = await start()
    expect(await post(device.target, '/upload')).toMatchObject({ status: 400, text: 'No content received' })
    expect(await post(device.target, '/download')).toMatchObject({
      status: 404,
      text: 'Firmware file not found. Please upload firmware first.',
    })
  })

  it('refuses what its memory does not hold, and keeps the raw form', async () => {
    const device = await start()
    expect(await upload(device, someBytes(160_000))).toMatchObject({ status: 500, text: 'Memory allocation failed' })
    expect(device.uploaded()?.length).toBeGreaterThan(160_000)
    const large = await start({ hasPsram: true })
    expect((await upload(large, someBytes(160_000))).status).toBe(200)
  })

  it('works on one request after another', async () => {
    const device = await start({ timeScale: 0.01, status: true })
    await upload(device, image)
    const order: string[] = []
    const note = async (name: string, answer: Promise<WireAnswer>): Promise<void> => {
      expect((await answer).status).toBe(200)
      order.push(name)
    }
    const first = note('download', post(device.target, '/download'))
    await expect
      .poll(async () => (await call(device.target, '/status')).json?.['state'], { interval: 1 })
      .toBe('sending')
    await Promise.all([first, note('page', call(device.target, '/')), note('again', post(device.target, '/download'))])
    expect(order[0]).toBe('download')
    expect(device.stored()).toEqual(image)
  })
})

describe('the habits of its upload', () => {
  it('leave a boundary in the firmware that no browser made', async () => {
    const device = await start()
    const boundary = '------------------------abcdef0123456789'
    expect((await upload(device, image, 'firmware.bin', boundary)).status).toBe(200)
    expect(Buffer.from(device.uploaded() ?? [])).toEqual(Buffer.concat([image, Buffer.from(`\r\n--${boundary}--\r\n`)]))
  })

  it('want the head of the part in the first read', async () => {
    const device = await start()
    const long = `${'x'.repeat(2000)}.bin`
    expect(await upload(device, image, long)).toMatchObject({ status: 400, text: 'Invalid multipart format' })
    const short = `${'x'.repeat(1800)}.bin`
    expect((await upload(device, image, short)).status).toBe(200)
    expect(device.uploaded()).toEqual(image)
  })

  it('do not find a head that comes in two writes', async () => {
    const device = await start()
    const { contentType, body } = browserForm(image)
    const head = `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: ${contentType}\r\nContent-Length: ${String(body.length)}\r\n\r\n`
    const socket = connect(device.port, '127.0.0.1')
    socket.setNoDelay(true)
    const answer = new Promise<string>(resolve => {
      socket.once('data', piece => {
        resolve(piece.toString())
      })
    })
    socket.write(Buffer.concat([Buffer.from(head), body.subarray(0, 60)]))
    expect(await answer).toContain('Invalid multipart format')
    socket.destroy()
  })

  it.each([
    ['a line feed', '\n'],
    ['several of them', ' \t\r\n\r\n'],
  ])('shorten a file that ends in %s', async (_name, end) => {
    const device = await start()
    await upload(device, Buffer.concat([image, text(end)]))
    expect(device.uploaded()).toEqual(image)
  })

  it('cut a file where it holds the boundary’s own words', async () => {
    const device = await start()
    await upload(device, Buffer.concat([image, text('\r\n------WebKitFormBoundary and more'), image]))
    expect(device.uploaded()).toEqual(image)
  })

  it.each([
    ['a name that ends in .hex', 'firmware.hex', ':0400000001020304F2\n:00000001FF\n'],
    ['a name that ends in .HEX', 'firmware.HEX', ':0400000001020304F2\n:00000001FF\n'],
    ['a first byte that is a colon', 'firmware.bin', ':0400000001020304F2\n:00000001FF\n'],
  ])('take %s for Intel HEX', async (_name, fileName, content) => {
    const device = await start()
    expect(await upload(device, text(content), fileName)).toMatchObject({
      status: 200,
      text: 'HEX file uploaded and converted to BIN successfully',
    })
    expect(device.uploaded()).toEqual(Uint8Array.from([1, 2, 3, 4]))
  })

  it('keep the text of a HEX file that could not be converted', async () => {
    const device = await start()
    expect(await upload(device, text(':00000001FF'))).toMatchObject({
      status: 500,
      text: 'HEX to BIN conversion failed',
    })
    expect(device.uploaded()).toEqual(text(':00000001FF'))
  })

  it('keep the beginning of an upload that was cut, and program it when told to', async () => {
    const device = await start({ faults: [named('cut', { chunk: 0, at: 'in-body' })] })
    await upload(device, image).catch(() => undefined)
    const kept = device.uploaded()
    expect(kept?.length).toBeGreaterThan(1000)
    expect(kept?.length).toBeLessThan(image.length)
    expect((await post(device.target, '/download')).status).toBe(200)
    expect(device.stored()).toEqual(kept)
  })
})

describe('its conversion of Intel HEX', () => {
  const convert = (hex: string): number[] | null => {
    const image = convertHex(hex, () => true)
    return image === null ? null : [...image]
  }

  it.each([
    [
      'moves the lowest address to the start and fills gaps with FF',
      ':02000400AABB00\n:01000800CC00\n',
      [0xaa, 0xbb, 0xff, 0xff, 0xcc],
    ],
    ['compares no checksum', ':0100000011AA\n', [0x11]],
    ['knows extended linear addresses', ':020000040800F2\n:0100000011EE\n:020000040801F1\n', [0x11]],
    [
      'does not know segments: what follows lands at the address of its line',
      ':020000021000EC\n:0100000011EE\n:0100010022DC\n',
      [0x11, 0x22],
    ],
    ['reads nothing behind the end record', ':0100000011EE\n:00000001FF\n:0100010022DC\n', [0x11]],
    ['reads lower case and CRLF', ':01000000abxx\r\n', [0xab]],
    ['passes over other lines', '; comment\n:0100000011EE\n', [0x11]],
  ])('%s', (_name, hex, bytes) => {
    expect(convert(hex)).toEqual(bytes)
  })

  it('reads 255 characters of a line', () => {
    const bytes = Array.from({ length: 255 }, () => 0x5a)
    const line = `:FF000000${'5A'.repeat(255)}00\n`
    const image = convert(line)
    expect(image).toHaveLength(255)
    expect(image?.slice(0, 123)).toEqual(bytes.slice(0, 123))
    expect(image?.slice(123)).toEqual(Array.from({ length: 132 }, () => 0))
  })

  it('fails without memory for the span', () => {
    const far = ':020000040800F2\n:0100000011EE\n:020000041FFFDC\n:0100000011EE\n'
    expect(convertHex(far, sizeBytes => sizeBytes < 110_000)).toBeNull()
  })
})

describe('a gateway with a status', () => {
  it('says how far the programming is, while it programs', async () => {
    const device = await start({ status: true, timeScale: 0.02 })
    expect((await call(device.target, '/status')).json).toEqual({
      state: 'idle',
      bytes: 0,
      total: 0,
      error: null,
      sha256: null,
    })
    await upload(device, image)
    expect((await call(device.target, '/status')).json).toMatchObject({ state: 'idle', sha256: sha256(image) })
    const states = new Set<unknown>()
    const done = { isOver: false, bytes: -1 }
    const programmed = post(device.target, '/download').then(() => (done.isOver = true))
    while (!done.isOver) {
      const { json } = await call(device.target, '/status')
      states.add(json?.['state'])
      if (json?.['state'] !== 'sending') continue
      expect(json['total']).toBe(image.length)
      expect(Number(json['bytes'])).toBeGreaterThanOrEqual(done.bytes)
      done.bytes = Number(json['bytes'])
    }
    await programmed
    expect(done.bytes).toBeGreaterThan(0)
    expect(states).toContain('sending')
    expect((await call(device.target, '/status')).json).toMatchObject({
      state: 'done',
      bytes: image.length,
      total: image.length,
    })
  })

  it('names the error that ended it', async () => {
    const device = await start({ status: true, faults: [named('stm32-absent')] })
    await upload(device, image)
    await post(device.target, '/download')
    expect((await call(device.target, '/status')).json).toMatchObject({
      state: 'error',
      error: 'STM32 not ready for firmware update',
    })
  })
})

describe('a faulty gateway or STM32', () => {
  it.each([
    [named('stm32-absent'), 'STM32 not ready for firmware update'],
    [named('length-refused'), 'STM32 rejected firmware length (FW_ERR)'],
    [named('length-timeout'), 'STM32 length response timeout'],
    [named('no-ack', { group: 40 }), 'STM32 did not acknowledge data byte'],
    [named('uart-corrupt', { byte: 300 }), 'Firmware transfer failed - checksum error'],
  ])('with %j says why, and the STM32 has no application', async (fault, error) => {
    const device = await start({ faults: [fault] })
    await upload(device, image)
    expect(await post(device.target, '/download')).toMatchObject({ status: 500, text: error })
    expect(device.stored()).toBeNull()
  })

  it('does not know that the STM32 has its program when the last answer is lost on the UART', async () => {
    const device = await start({ faults: [named('checksum-timeout')] })
    await upload(device, image)
    expect(await post(device.target, '/download')).toMatchObject({ status: 500, text: 'Checksum verification timeout' })
    expect(device.stored()).toEqual(image)
  })

  it('goes on when only the first two requests to the STM32 were not heard', async () => {
    const device = await start({ faults: [named('stm32-absent', { times: 2 })] })
    await upload(device, image)
    expect((await post(device.target, '/download')).status).toBe(200)
  })

  it('refuses a program that is larger than the STM32', async () => {
    const device = await start({ stm32FlashBytes: 2048 })
    await upload(device, image)
    expect((await post(device.target, '/download')).text).toBe('STM32 rejected firmware length (FW_ERR)')
  })

  it('says OK to two bytes that changed places, because their sum is the same', async () => {
    const device = await start({ faults: [named('checksum-blind', { byte: 100 })] })
    await upload(device, image)
    expect((await post(device.target, '/download')).status).toBe(200)
    const stored = device.stored() ?? new Uint8Array()
    const different = [...image.keys()].filter(index => stored[index] !== image[index])
    expect(stored).toHaveLength(image.length)
    expect(different).toHaveLength(2)
    expect(different[0]).toBeGreaterThanOrEqual(100)
  })

  it('programs on when its answer is lost', async () => {
    const device = await start({ faults: [named('cut', { chunk: 'complete' })] })
    await upload(device, image)
    expect(await errorCodeOf(post(device.target, '/download'))).toBe('ECONNRESET')
    expect(device.stored()).toEqual(image)
  })

  it('programs on when it loses its network, and answers again afterwards', async () => {
    const device = await start({ timeScale: 0.01, wifiLossMs: 30, faults: [named('wifi-loss', { group: 100 })] })
    await upload(device, image)
    expect(await errorCodeOf(post(device.target, '/download'))).toBe('ECONNRESET')
    expect(device.stored()).toBeNull()
    await expect.poll(() => device.stored(), { interval: 5 }).toEqual(image)
    await expect.poll(() => errorCodeOf(call(device.target, '/')), { interval: 5 }).toBe('answered')
  })

  it('leaves the STM32 half written when it restarts, and programs it anew when told again', async () => {
    const device = await start({ faults: [named('gateway-reboot', { group: 100 })] })
    await upload(device, image)
    const booted = device.nextBoot()
    expect(await errorCodeOf(post(device.target, '/download'))).toBe('ECONNRESET')
    await booted
    expect(device.stored()).toBeNull()
    expect((await post(device.target, '/download')).status).toBe(200)
    expect(device.stored()).toEqual(image)
  })

  it('that truncates uploads says that all is well', async () => {
    const device = await start({ faults: [named('truncated-upload', { bytes: 500 })] })
    expect((await upload(device, image)).status).toBe(200)
    expect((await post(device.target, '/download')).status).toBe(200)
    expect(device.stored()).toEqual(image.subarray(0, 500))
  })
})

it('shows telemetry of the gateway where it has it', async () => {
  const device = await start({ telemetry: true })
  expect((await call(device.target, '/telemetry')).json).toMatchObject({
    device: { mac: device.identity.mac },
    app: { name: 'stm32-gateway' },
  })
  expect(BOUNDARY).toMatch(/^----WebKitFormBoundary[A-Za-z0-9]{16}$/)
})

function named(name: string, parameters: object = {}): { readonly name: string } {
  return { name, ...parameters }
}
