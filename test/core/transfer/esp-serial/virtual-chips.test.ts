/** The loader against virtual chips, which were written from the wire facts alone: over a port with rate, parity and lines. */
import { createHash, randomBytes } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { describe, expect, it, type TestContext } from 'vitest'
import { systemClock } from '../../../../src/core/clock.ts'
import { parseTarget } from '../../../../src/core/discovery/target.ts'
import { espChips } from '../../../../src/core/formats/esp-image/chips.ts'
import { connectBoard } from '../../../../src/core/transfer/esp-serial/connect.ts'
import type { ConnectRequest, EspConnection } from '../../../../src/core/transfer/esp-serial/connection.ts'
import type { EspLoader } from '../../../../src/core/transfer/esp-serial/esp-loader.ts'
import {
  startVirtualEspSerial,
  type VirtualEspSerial,
} from '../../../../src/simulator/esp-serial/virtual-esp-serial.ts'
import type { NamedFault } from '../../../../src/simulator/faults/fault-table.ts'

type BoardOptions = NonNullable<Parameters<typeof startVirtualEspSerial>[0]>

/** What a test opens is closed when it is over; the tests run beside each other. */
class Bench {
  readonly #later: (end: () => Promise<void>) => void

  constructor({ onTestFinished }: TestContext) {
    this.#later = onTestFinished
  }

  async board(options: BoardOptions = {}): Promise<VirtualEspSerial> {
    const device = await startVirtualEspSerial({ timeScale: 0, ...options })
    this.#later(() => device.close())
    return device
  }

  async connect(device: VirtualEspSerial, options: Partial<ConnectRequest['options']> = {}): Promise<EspConnection> {
    const endpoint = parseTarget(device.target)
    if (endpoint.kind !== 'rfc2217' && endpoint.kind !== 'tcp') throw new Error(`${device.target} is no line`)
    const connection = await connectBoard({
      endpoint,
      options: { startBaudRate: 115_200, usesResets: true, resetSequence: null, ...options },
      isQuick: false,
      signal: new AbortController().signal,
      clock: systemClock,
      log: () => undefined,
    })
    this.#later(() => connection.link.close())
    return connection
  }
}

async function write(loader: EspLoader, offset: number, image: Uint8Array): Promise<void> {
  const packed = loader.abilities.canCompress ? deflateSync(image) : null
  const stream = packed ?? image
  const writing =
    packed === null
      ? await loader.beginWrite(offset, image.length)
      : await loader.beginCompressedWrite(offset, image.length, packed.length)
  const { blockBytes } = loader.abilities
  for (let at = 0; at < stream.length; at += blockBytes) await writing.block(stream.subarray(at, at + blockBytes))
  await writing.end()
}

async function read(loader: EspLoader, offset: number, sizeBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of loader.read(offset, sizeBytes)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')
const fault = (name: string, values: Readonly<Record<string, unknown>> = {}): NamedFault => ({ name, ...values })

describe.concurrent('a virtual chip', () => {
  it.for(espChips.map(({ name }) => name))(
    '%s is known, written and read, by ROM and by stub',
    async (chip, context) => {
      const bench = new Bench(context)
      const device = await bench.board({ chip, flashBytes: 2 * 1024 * 1024, factory: 'blank' })
      const { loader } = await bench.connect(device)
      expect(loader.facts).toMatchObject({
        chip: { name: chip },
        mac: device.identity.mac,
        flashBytes: 2 * 1024 * 1024,
      })
      await loader.setFlashSize(2 * 1024 * 1024)
      const image = randomBytes(10_000)
      await write(loader, 0x1_0000, image)
      expect(Buffer.from(device.flash().subarray(0x1_0000, 0x1_0000 + image.length)).equals(image)).toBe(true)
      await loader.startStub()
      if (!loader.isStub) return
      await loader.setFlashSize(2 * 1024 * 1024)
      expect(await loader.md5(0x1_0000, image.length)).toBe(md5(image))
      const other = randomBytes(40_000)
      await write(loader, 0x2_0000, other)
      expect((await read(loader, 0x2_0000, other.length)).equals(other)).toBe(true)
    },
  )
})

describe.concurrent('a virtual board', () => {
  it('is reset as the sheet says', async context => {
    const bench = new Bench(context)
    const device = await bench.board()
    await bench.connect(device)
    // RFC 2217 has a command for each line: where both change, one of them is first.
    const lines = device.lineHistory.map(({ dtr, rts }) => `${dtr ? '1' : '0'}${rts ? '1' : '0'}`)
    expect(lines).toEqual(['10', '11', '01', '11', '10', '00'])
    const [, , held, , entering, released] = device.lineHistory.map(({ atMs }) => atMs)
    expect((entering ?? 0) - (held ?? 0)).toBeGreaterThanOrEqual(99)
    expect((released ?? 0) - (entering ?? 0)).toBeGreaterThanOrEqual(49)
  })

  it('changes its rate, is erased, and starts its program', async context => {
    const bench = new Bench(context)
    const device = await bench.board()
    const { loader, link } = await bench.connect(device)
    await loader.startStub()
    await loader.setFlashSize(loader.facts.flashBytes ?? 0)
    expect(await loader.changeBaudRate(921_600)).toBe(921_600)
    expect(await loader.md5(0, 4096)).toBe(md5(device.flash().subarray(0, 4096)))
    await loader.eraseRegion(0x20_0000, 0x2000)
    expect(
      device
        .flash()
        .subarray(0x20_0000, 0x20_2000)
        .every(byte => byte === 0xff),
    ).toBe(true)
    const booted = device.nextBoot()
    expect(await loader.startProgram()).toBe('lines')
    expect(await booted).toBe('app')
    const text = Buffer.from(await link.readSome({ timeoutMs: 3000 })).toString('latin1')
    expect(text).toMatch(/boot|rst|ESP/)
  })

  it('goes back from a rate that its adapter does not carry', async context => {
    const bench = new Bench(context)
    const device = await bench.board({ faults: [fault('baud-limit', { baud: 460_800 })] })
    const { loader } = await bench.connect(device)
    await loader.startStub()
    expect(await loader.changeBaudRate(460_800)).toBe(460_800)
    const rate = await loader.changeBaudRate(921_600)
    expect(rate).toBeLessThanOrEqual(460_800)
    expect(loader.isStub).toBe(true)
    expect(await loader.md5(0, 4096)).toBe(md5(device.flash().subarray(0, 4096)))
  })

  it.for([
    ['a lost answer to a block', fault('lost-frame', { op: '11', way: 'answer' })],
    ['a lost block', fault('lost-frame', { op: '11', way: 'command' })],
    ['a block that it calls damaged', fault('wrong-checksum-answer')],
    ['answers in pieces', fault('split-frames')],
    ['a lost MD5', fault('lost-frame', { op: '13', way: 'answer' })],
    ['a lost answer to a question', fault('lost-frame', { op: '0a', way: 'answer' })],
  ] as const)('is written through %s, or the MD5 tells', async ([, named], context) => {
    const bench = new Bench(context)
    const device = await bench.board({ faults: [named] })
    const { loader } = await bench.connect(device)
    await loader.startStub()
    await loader.setFlashSize(loader.facts.flashBytes ?? 0)
    const image = randomBytes(40_000)
    await write(loader, 0x20_0000, image).catch((error: unknown) => {
      // A block that was taken twice breaks the stream.
      expect(error).toMatchObject({ code: 'loader.refused' })
    })
    const isWritten = Buffer.from(device.flash().subarray(0x20_0000, 0x20_0000 + image.length)).equals(image)
    expect((await loader.md5(0x20_0000, image.length)) === md5(image)).toBe(isWritten)
    if (!isWritten) await write(loader, 0x20_0000, image)
    expect(await loader.md5(0x20_0000, image.length)).toBe(md5(image))
  })

  it('is met in Secure Download Mode', async context => {
    const bench = new Bench(context)
    const device = await bench.board({ chip: 'ESP32-S3', isSecureDownload: true })
    const { loader } = await bench.connect(device)
    expect(loader.facts.security).toMatchObject({ isSecureDownloadMode: true })
    const image = randomBytes(3000)
    await write(loader, 0x20_0000, image)
    expect(Buffer.from(device.flash().subarray(0x20_0000, 0x20_0000 + image.length)).equals(image)).toBe(true)
  })

  it('is met over raw TCP when it waits in its loader', async context => {
    const bench = new Bench(context)
    const device = await bench.board({ carrier: 'raw', wiring: 'none', isSelfPowered: true })
    const { loader } = await bench.connect(device)
    await loader.startStub()
    const image = randomBytes(5000)
    await write(loader, 0x20_0000, image)
    expect(await loader.md5(0x20_0000, image.length)).toBe(md5(image))
    expect(await loader.startProgram()).toBe('unknown')
  })

  it('is met with its stub still running', async context => {
    const bench = new Bench(context)
    const device = await bench.board()
    const first = await bench.connect(device)
    await first.loader.startStub()
    await first.link.close()
    const second = await bench.connect(device, { usesResets: false })
    expect(second.loader.isStub).toBe(true)
    expect(await second.loader.md5(0, 4096)).toBe(md5(device.flash().subarray(0, 4096)))
  })
})
