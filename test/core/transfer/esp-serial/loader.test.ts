import { createHash, randomBytes } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { connectBoard, type ConnectParts } from '../../../../src/core/transfer/esp-serial/connect.ts'
import type { ConnectRequest } from '../../../../src/core/transfer/esp-serial/connection.ts'
import type { EspLoader } from '../../../../src/core/transfer/esp-serial/esp-loader.ts'
import type { UsbId } from '../../../../src/core/transfer/esp-serial/reset-sequences.ts'
import { ScriptedEspRom, securityInfo } from '../../../fakes/scripted-esp-rom.ts'
import { ScriptedLoaderLink, answer, framed, type HeardCommand } from '../../../fakes/scripted-loader-link.ts'
import { quickClock } from './quick-clock.ts'

const S3 = 9

interface Bench {
  readonly link: ScriptedLoaderLink
  readonly rom: ScriptedEspRom
  readonly loader: EspLoader
  readonly clock: ReturnType<typeof quickClock>
}

async function bench(
  change: (link: ScriptedLoaderLink, rom: ScriptedEspRom) => void = () => undefined,
  { usb = null, platform = 'linux' }: { usb?: UsbId | null; platform?: NodeJS.Platform } = {},
): Promise<Bench> {
  const link = new ScriptedLoaderLink()
  const rom = new ScriptedEspRom()
  link.react = rom.react
  change(link, rom)
  const clock = quickClock()
  const parts: ConnectParts = { open: () => Promise.resolve(link), usbOf: () => Promise.resolve(usb), platform }
  const { loader } = await connectBoard(request(clock), parts)
  return { link, rom, loader, clock }
}

function request(clock: ReturnType<typeof quickClock>): ConnectRequest {
  return {
    endpoint: { kind: 'serial', text: 'serial:/dev/scripted', path: '/dev/scripted' },
    options: { startBaudRate: 115_200, usesResets: true, resetSequence: null },
    isQuick: false,
    signal: new AbortController().signal,
    clock,
    log: () => undefined,
  }
}

async function readAll(loader: EspLoader, offset: number, sizeBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of loader.read(offset, sizeBytes)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const words = ({ data }: HeardCommand): number[] =>
  Array.from({ length: data.length / 4 }, (_, index) =>
    new DataView(data.buffer, data.byteOffset).getUint32(index * 4, true),
  )
const heard = (link: ScriptedLoaderLink, opcode: number): HeardCommand[] =>
  link.heard.filter(command => command.opcode === opcode)

describe('the stub', () => {
  it('is loaded into RAM in blocks, and attached anew', async () => {
    const { link, rom, loader } = await bench((_, rom) => (rom.securityInfo = securityInfo(S3)))
    expect(loader.abilities.blockBytes).toBe(0x400)
    await loader.startStub()
    expect(loader.isStub).toBe(true)
    expect(loader.abilities).toEqual({
      hasMd5: true,
      canReadFlash: true,
      canCompress: true,
      canErase: true,
      blockBytes: 0x4000,
    })
    expect(rom.ramSegments.map(({ sizeBytes, got }) => got - sizeBytes)).toEqual([0, 0])
    expect(heard(link, 0x05).map(command => words(command)[2])).toEqual([0x1800, 0x1800])
    expect(heard(link, 0x0d).map(command => command.data.length)).toEqual([8, 4])
    const uploads = heard(link, 0x05).length
    await loader.startStub()
    expect(heard(link, 0x05)).toHaveLength(uploads)
  })

  it('is found running, and not loaded again', async () => {
    const { link, loader } = await bench((_, rom) => (rom.isStub = true))
    expect(loader.isStub).toBe(true)
    await loader.startStub()
    expect(heard(link, 0x05)).toEqual([])
  })

  it('is loaded again when a block of it was lost', async () => {
    const { link, rom, loader } = await bench()
    let isLost = false
    link.react = command => {
      if (command.opcode === 0x07 && !isLost) {
        isLost = true
        return []
      }
      return rom.react(command)
    }
    await loader.startStub()
    expect(loader.isStub).toBe(true)
    expect(heard(link, 0x05).length).toBe(3)
  })

  it('is silence that may pass when nobody answers after the reset either: the line is opened anew for the next try', async () => {
    const { link, rom, loader } = await bench()
    let isDead = false
    link.react = command => {
      isDead ||= command.opcode === 0x07
      return isDead ? [] : rom.react(command)
    }
    await expect(loader.startStub()).rejects.toMatchObject({ code: 'loader.silent' })
  })

  it('is given up when it never says that it runs, and the ROM does the work', async () => {
    const { link, rom, loader } = await bench()
    let isDead = false
    link.onLines = () => (isDead = false)
    link.react = command => {
      if (isDead) return []
      isDead = command.opcode === 0x06
      return isDead ? [] : rom.react(command)
    }
    await loader.startStub()
    expect(loader.isStub).toBe(false)
    expect(loader.abilities).toMatchObject({ hasMd5: true, blockBytes: 0x400 })
    expect(await loader.md5(0, 4096)).toMatch(/^[0-9a-f]{32}$/)
  })

  it('is started through the ROM’s read function on an S3 with secure boot', async () => {
    const { link, rom, loader } = await bench((_, rom) => (rom.securityInfo = securityInfo(S3, 1)))
    rom.registers.set(0x3fce_f688, 0x1234_5678)
    link.react = command => {
      if (command.opcode !== 0x0e) return rom.react(command)
      rom.isStub = true
      return [Buffer.from('OHAI')]
    }
    await loader.startStub()
    expect(words(heard(link, 0x06)[0] ?? fail())).toEqual([1, 0])
    const writes = heard(link, 0x09)
      .map(words)
      .filter(([address]) => address === 0x3fce_f688)
    expect(writes.map(([, value]) => value).at(-1)).toBe(0x1234_5678)
    expect(writes).toHaveLength(2)
  })

  it('takes blocks of 2 KiB over the USB-OTG of the ROM', async () => {
    const { link, loader } = await bench((_, rom) => (rom.securityInfo = securityInfo(S3)), {
      usb: { vendorId: 0x303a, productId: 0x0009 },
    })
    await loader.startStub()
    expect(words(heard(link, 0x05)[0] ?? fail())[2]).toBe(0x800)
    expect(loader.abilities.blockBytes).toBe(0x800)
  })
})

describe('writing', () => {
  it('pads the last block of a plain write, and flushes the stub', async () => {
    const { link, rom, loader } = await bench()
    await loader.startStub()
    const image = randomBytes(20_000)
    const write = await loader.beginWrite(0x1000, image.length)
    await write.block(image.subarray(0, 0x4000))
    await write.block(image.subarray(0x4000))
    const before = link.heard.length
    await write.end()
    expect(link.heard.slice(before).map(({ opcode }) => opcode)).toEqual([0x0a])
    expect(words(heard(link, 0x02)[0] ?? fail())).toEqual([20_000, 2, 0x4000, 0x1000, 0])
    const [first, second] = heard(link, 0x03)
    expect([first?.data.length, second?.data.length]).toEqual([0x4010, 0x4010])
    expect(second?.data.subarray(16 + 20_000 - 0x4000).every(byte => byte === 0xff)).toBe(true)
    expect(rom.flash.subarray(0x1000, 0x1000 + image.length).equals(image)).toBe(true)
  })

  it('tells a ROM the size in whole blocks, and the ESP32’s no fifth word', async () => {
    const { link, rom, loader } = await bench()
    const image = Buffer.alloc(5000, 7)
    const packed = deflateSync(image)
    const write = await loader.beginCompressedWrite(0, image.length, packed.length)
    await write.block(packed, image.length)
    await write.end()
    expect(words(heard(link, 0x10)[0] ?? fail())).toEqual([5120, 1, 0x400, 0])
    expect(heard(link, 0x11)[0]?.data.length).toBe(16 + packed.length)
    expect(Buffer.from(rom.flash.subarray(0, 5000)).equals(image)).toBe(true)
    const other = await bench((_, rom) => (rom.securityInfo = securityInfo(S3)))
    await other.loader.beginWrite(0, 4096)
    expect(words(heard(other.link, 0x02)[0] ?? fail())).toEqual([4096, 4, 0x400, 0, 0])
  })

  const faults: readonly [string, (command: HeardCommand) => ReturnType<ScriptedLoaderLink['react']>][] = [
    ['its answer stays away', () => []],
    ['the checksum was wrong', ({ opcode }) => [answer(opcode, { status: [0xc1, 0] })]],
    ['its answer is cut', ({ opcode }) => [answer(opcode).subarray(0, 9)]],
    ['its answer is noise', () => [{ raw: Uint8Array.of(0xc0, 1, 0xdb, 9, 0xc0) }]],
  ]
  it.each(faults)('sends a block three times when %s', async (_name, fault) => {
    const { link, rom, loader } = await bench()
    await loader.startStub()
    let left = 2
    link.react = command => (command.opcode === 0x03 && left-- > 0 ? fault(command) : rom.react(command))
    const write = await loader.beginWrite(0, 4096)
    await write.block(new Uint8Array(4096))
    expect(heard(link, 0x03).map(command => words(command)[1])).toEqual([0, 0, 0])
    expect(loader.repeats).toBe(2)
    left = 3
    await expect(write.block(new Uint8Array(4096))).rejects.toMatchObject({
      code: expect.stringMatching(/^loader\.(silent|refused|broken-frame)$/) as unknown,
    })
  })

  it('sends no block again when flash failed: the error is of the block before', async () => {
    const { link, rom, loader } = await bench()
    await loader.startStub()
    const write = await loader.beginWrite(0, 4096)
    link.react = command => (command.opcode === 0x03 ? [answer(0x03, { status: [0xc4, 0] })] : rom.react(command))
    await expect(write.block(new Uint8Array(4096))).rejects.toMatchObject({
      code: 'loader.refused',
      message: expect.stringContaining('FLASH_DATA: flash operation failed') as unknown,
      details: { error: 0xc4 },
    })
    expect(heard(link, 0x03)).toHaveLength(1)
  })

  it('encodes a block in one write', async () => {
    const { link, loader } = await bench()
    await loader.startStub()
    const write = await loader.beginWrite(0, 0x4000)
    const before = link.rawWrites.length
    await write.block(new Uint8Array(0x4000).fill(0xc0))
    expect(link.rawWrites.length - before).toBe(1)
  })
})

describe('reading and hashing', () => {
  it.each([false, true])('asks for the MD5 of flash (stub: %s)', async withStub => {
    const { rom, loader } = await bench()
    if (withStub) await loader.startStub()
    rom.flash.set(randomBytes(5000), 100)
    const ours = createHash('md5').update(rom.flash.subarray(0, 8192)).digest('hex')
    expect(await loader.md5(0, 8192)).toBe(ours)
  })

  it.each([false, true])('reads flash, whatever it holds (stub: %s)', async withStub => {
    const { rom, loader } = await bench()
    if (withStub) await loader.startStub()
    rom.flash = randomBytes(64 * 1024)
    const sizeBytes = withStub ? 9000 : 300
    expect((await readAll(loader, 4096, sizeBytes)).equals(rom.flash.subarray(4096, 4096 + sizeBytes))).toBe(true)
  })

  it('reads again what arrived damaged, and gives only what the MD5 confirmed', async () => {
    const { link, rom, loader } = await bench()
    await loader.startStub()
    rom.flash = randomBytes(64 * 1024)
    let reads = 0
    link.react = command => {
      const reaction = [...rom.react(command)]
      if (command.opcode !== 0xd2 || ++reads > 1) return reaction
      const piece = reaction[1]
      if (piece instanceof Uint8Array) reaction[1] = piece.map((byte, at) => (at === 7 ? byte ^ 1 : byte))
      return reaction
    }
    expect((await readAll(loader, 0, 8192)).equals(rom.flash.subarray(0, 8192))).toBe(true)
    expect(reads).toBe(2)
  })
})

describe('the rate', () => {
  it('is changed at both ends, and made sure of', async () => {
    const { link, rom, loader } = await bench()
    await loader.startStub()
    link.react = command => {
      const reaction = rom.react(command)
      if (command.opcode === 0x0f) link.loaderBaudRate = words(command)[0] ?? 0
      return reaction
    }
    expect(await loader.changeBaudRate(921_600)).toBe(921_600)
    expect(loader.baudRate).toBe(921_600)
    expect(heard(link, 0x0f).map(words)).toEqual([[921_600, 115_200]])
  })

  it('stays when the loader refuses the change', async () => {
    const { link, rom, loader } = await bench()
    link.react = command => (command.opcode === 0x0f ? [answer(0x0f, { status: [1, 1, 0, 0] })] : rom.react(command))
    expect(await loader.changeBaudRate(921_600)).toBe(115_200)
    expect(link.settings.baudRate).toBe(115_200)
  })

  it('goes back when the adapter cannot keep it', async () => {
    const { rom, loader } = await bench()
    await loader.startStub()
    // The loader never really changes.
    expect(await loader.changeBaudRate(2_000_000)).toBe(115_200)
    expect(loader.isStub).toBe(true)
    expect(rom.ramSegments).toHaveLength(2)
  })

  it('starts the loader anew when it is lost at a rate that does not hold', async () => {
    const { link, rom, loader } = await bench()
    await loader.startStub()
    link.react = command => {
      const reaction = rom.react(command)
      if (command.opcode === 0x0f) link.loaderBaudRate = -1
      return reaction
    }
    link.onLines = () => {
      link.loaderBaudRate = 115_200
      rom.isStub = false
    }
    expect(await loader.changeBaudRate(2_000_000)).toBe(115_200)
    expect(loader.isStub).toBe(true)
    expect(rom.ramSegments).toHaveLength(4)
  })

  it('notices another board behind the line', async () => {
    const { link, rom, loader } = await bench((_, rom) => rom.registers.set(0x3ff5_a004, 0x1122_3344))
    expect(loader.facts.mac).toBe('00:00:11:22:33:44')
    link.react = command => {
      const reaction = rom.react(command)
      if (command.opcode === 0x0f) link.loaderBaudRate = -1
      return reaction
    }
    link.onLines = () => {
      link.loaderBaudRate = 115_200
      rom.registers.set(0x3ff5_a004, 0x5566_7788)
    }
    await expect(loader.changeBaudRate(2_000_000)).rejects.toMatchObject({ code: 'device.identity-changed' })
  })
})

describe('Secure Download Mode', () => {
  it('has plain writes alone', async () => {
    const { link, rom, loader } = await bench((_, rom) => {
      rom.securityInfo = securityInfo(S3, 0b101, 1)
      rom.isSecureDownload = true
    })
    expect(loader.facts).toMatchObject({
      mac: null,
      revision: null,
      flashBytes: null,
      security: { isSecureBootEnabled: true, isSecureDownloadMode: true, isFlashEncrypted: true },
    })
    await loader.startStub()
    expect(loader.isStub).toBe(false)
    expect(loader.abilities).toEqual({
      hasMd5: false,
      canReadFlash: false,
      canCompress: false,
      canErase: false,
      blockBytes: 0x400,
    })
    const image = randomBytes(1024)
    const write = await loader.beginWrite(0, image.length)
    await write.block(image)
    await write.end()
    expect(rom.flash.subarray(0, 1024).equals(image)).toBe(true)
    link.react = () => []
    const sent = heard(link, 0x03).length
    await expect(write.block(image)).rejects.toMatchObject({ code: 'loader.silent' })
    expect(heard(link, 0x03).length - sent, 'nothing would find a block that was taken twice').toBe(1)
  })
})

describe('starting the program', () => {
  it('pulses RTS with DTR released, at the rate of the boot log', async () => {
    const { link, loader } = await bench()
    link.settings = { ...link.settings, baudRate: 921_600 }
    link.loaderBaudRate = 921_600
    const before = link.lines.length
    expect(await loader.startProgram()).toBe('lines')
    expect(link.lines.slice(before)).toEqual([
      { dtr: false, rts: true },
      { dtr: false, rts: false },
    ])
    expect(link.settings.baudRate).toBe(115_200)
  })

  it('tells the ROM where there are no lines, and says that a stub cannot be told', async () => {
    const { link, loader } = await bench(link => (link.modemLines = 'no'))
    expect(await loader.startProgram()).toBe('command')
    expect(heard(link, 0x04).map(words)).toEqual([[1]])
    await loader.startStub()
    expect(await loader.startProgram()).toBe('unknown')
  })
})

describe('erasing', () => {
  it('names what the ROM refuses', async () => {
    const { link, rom, loader } = await bench()
    await loader.startStub()
    await loader.eraseRegion(0x1000, 0x2000)
    await loader.eraseChip()
    expect(words(heard(link, 0xd1)[0] ?? fail())).toEqual([0x1000, 0x2000])
    expect(heard(link, 0xd0)).toHaveLength(1)
    link.react = command => (command.opcode === 0xd0 ? [answer(0xd0, { status: [0xff, 0] })] : rom.react(command))
    await expect(loader.eraseChip()).rejects.toMatchObject({
      code: 'loader.refused',
      details: { command: 'ERASE_FLASH', error: 0xff, isUnsupported: true },
    })
  })
})

describe('a session in pieces', () => {
  it.each([1, 2, 3, 7])('holds with answers cut to %i bytes', async pieceBytes => {
    const { rom, loader } = await bench((link, rom) => {
      link.pieceBytes = pieceBytes
      rom.securityInfo = securityInfo(S3)
    })
    await loader.startStub()
    rom.flash = randomBytes(64 * 1024)
    expect((await readAll(loader, 0, 5000)).equals(rom.flash.subarray(0, 5000))).toBe(true)
    expect(await loader.md5(0, 4096)).toBe(createHash('md5').update(rom.flash.subarray(0, 4096)).digest('hex'))
  })

  it('takes no late answer for the answer to the next question', async () => {
    const { link, rom, loader } = await bench()
    await loader.startStub()
    rom.flash.fill(7, 0, 4096)
    let isLate = true
    link.react = command => {
      const reaction = rom.react(command)
      if (command.opcode !== 0x13 || !isLate) return reaction
      isLate = false
      // It comes together with the answer to the repetition.
      const { react } = link
      link.react = again => {
        link.react = react
        return [...reaction, ...rom.react(again)]
      }
      return []
    }
    const of = (from: number): string =>
      createHash('md5')
        .update(rom.flash.subarray(from, from + 4096))
        .digest('hex')
    expect(await loader.md5(0, 4096)).toBe(of(0))
    expect(await loader.md5(4096, 4096)).toBe(of(4096))
  })

  it('hears answers behind noise and behind answers of before', async () => {
    const { link, rom, loader } = await bench()
    link.react = command => [
      { raw: Buffer.from('I (12) boot: hello\r\n') },
      { raw: framed(answer(0x08, { value: 5 })) },
      ...rom.react(command),
    ]
    expect(await loader.md5(0, 4096)).toMatch(/^[0-9a-f]{32}$/)
  })
})

function fail(): never {
  throw new Error('the command was not heard')
}
