import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../../src/shared/errors.ts'
import { espChips } from '../../../../src/core/formats/esp-image/chips.ts'
import type { ModemLines } from '../../../../src/core/links/byte-link.ts'
import { espTargets } from '../../../../src/core/transfer/esp-serial/chips.ts'
import { connectBoard, type ConnectParts } from '../../../../src/core/transfer/esp-serial/connect.ts'
import type { ConnectRequest, EspConnection } from '../../../../src/core/transfer/esp-serial/connection.ts'
import { flashBytesOf } from '../../../../src/core/transfer/esp-serial/registers.ts'
import type { UsbId } from '../../../../src/core/transfer/esp-serial/reset-sequences.ts'
import { ScriptedEspRom, securityInfo } from '../../../fakes/scripted-esp-rom.ts'
import { ScriptedLoaderLink, answer } from '../../../fakes/scripted-loader-link.ts'
import { quickClock } from './quick-clock.ts'

const USB_JTAG: UsbId = { vendorId: 0x303a, productId: 0x1001 }

interface Scene {
  readonly options?: Partial<ConnectRequest['options']>
  readonly isQuick?: boolean
  readonly usb?: UsbId
  readonly platform?: NodeJS.Platform
  readonly signal?: AbortSignal
  readonly open?: ConnectParts['open']
}

/** Connects, and writes down lines and pauses in the order in which they came, as `10` for DTR asserted and RTS released. */
async function connect(link: ScriptedLoaderLink, scene: Scene = {}): Promise<EspConnection & { history: string[] }> {
  const history: string[] = []
  const { onLines } = link
  link.onLines = lines => {
    history.push(`${lines.dtr ? '1' : '0'}${lines.rts ? '1' : '0'}`)
    onLines(lines)
  }
  const clock = quickClock()
  const request: ConnectRequest = {
    endpoint: { kind: 'serial', text: 'serial:/dev/scripted', path: '/dev/scripted' },
    options: { startBaudRate: 115_200, usesResets: true, resetSequence: null, ...scene.options },
    isQuick: scene.isQuick ?? false,
    signal: scene.signal ?? new AbortController().signal,
    clock: {
      ...clock,
      delay: (delayMs, signal) => {
        if (link.heard.length === 0) history.push(String(delayMs))
        return clock.delay(delayMs, signal)
      },
    },
    log: () => undefined,
  }
  const connection = await connectBoard(request, {
    open: scene.open ?? (() => Promise.resolve(link)),
    usbOf: () => Promise.resolve(scene.usb ?? null),
    platform: scene.platform ?? 'linux',
  })
  return { ...connection, history }
}

function romLink(change: (rom: ScriptedEspRom) => void = () => undefined): ScriptedLoaderLink {
  const link = new ScriptedLoaderLink()
  const rom = new ScriptedEspRom()
  change(rom)
  link.react = rom.react
  return link
}

/** Answers only from the reset with this number on. */
function romAfterResets(resets: number): { link: ScriptedLoaderLink; pulses: () => number } {
  const link = romLink()
  const { react } = link
  let pulses = 0
  let before: ModemLines = { dtr: false, rts: false }
  link.onLines = lines => {
    // EN goes high while IO0 is held: the chip starts its loader.
    if (before.rts && !before.dtr && lines.dtr) pulses += 1
    before = lines
  }
  link.react = command => (pulses < resets ? [] : react(command))
  return { link, pulses: () => pulses }
}

describe('the reset into the loader', () => {
  it('is esptool’s tight one first', async () => {
    const { history } = await connect(romLink())
    expect(history).toEqual(['00', '11', '01', '100', '10', '50', '00'])
  })

  it('tries tight 50 and 550 ms, then classic 50 and 550 ms', async () => {
    const { link } = romAfterResets(4)
    const { history } = await connect(link, {
      options: {},
    })
    const lines = history.filter(entry => entry.length === 2 && /^[01]{2}$/.test(entry))
    expect(lines).toEqual([
      ...['00', '11', '01', '10', '00'],
      ...['00', '11', '01', '10', '00'],
      ...['00', '01', '11', '10', '00'],
      ...['00', '01', '11', '10', '00'],
    ])
  })

  it('is classic on Windows, with DTR written again after RTS', async () => {
    const { history } = await connect(romLink(), { platform: 'win32' })
    expect(history).toEqual(['00', '01', '01', '100', '11', '10', '10', '50', '00'])
  })

  it('is its own for USB-Serial/JTAG', async () => {
    const { history } = await connect(romLink(), { usb: USB_JTAG })
    expect(history).toEqual(['00', '100', '10', '100', '11', '01', '01', '100', '00'])
  })

  it('is what a person wrote', async () => {
    const { history } = await connect(romLink(), { options: { resetSequence: 'D1 | 7 | D0' } })
    expect(history).toEqual(['10', '7', '00'])
  })

  it('is refused before the line is opened when it cannot be read', async () => {
    const open = (): never => {
      throw new Error('the line was opened')
    }
    await expect(connect(romLink(), { options: { resetSequence: 'Q1' }, open })).rejects.toMatchObject({
      code: 'option.invalid',
    })
  })

  it('is left out when it is not wanted', async () => {
    const { history } = await connect(romLink(), { options: { usesResets: false } })
    expect(history).toEqual([])
  })

  it('is repeated seven times, or twice for a question', async () => {
    for (const [isQuick, expected] of [
      [false, 7],
      [true, 2],
    ] as const) {
      const { link, pulses } = romAfterResets(99)
      await expect(connect(link, { isQuick })).rejects.toMatchObject({ code: 'loader.no-answer' })
      expect(pulses()).toBe(expected)
      expect(link.isClosed).toBe(true)
    }
  })

  it('opens the line anew when a chip with its own USB left the bus', async () => {
    const gone = romLink()
    gone.setLines = () => Promise.reject(new FlashproofError('serial.unplugged', 'gone'))
    const links = [gone, romLink()]
    const open: ConnectParts['open'] = () => Promise.resolve(links.shift() ?? gone)
    const { loader } = await connect(gone, { usb: USB_JTAG, open })
    expect(loader.facts.chip.name).toBe('ESP32')
    expect(gone.isClosed).toBe(true)
    await expect(connect(gone, { open: () => Promise.resolve(gone) })).rejects.toMatchObject({
      code: 'serial.unplugged',
    })
  })

  it('stops when it is told to', async () => {
    const stop = new AbortController()
    const link = new ScriptedLoaderLink()
    link.react = () => {
      stop.abort(new FlashproofError('job.cancelled', 'enough'))
      return []
    }
    await expect(connect(link, { signal: stop.signal })).rejects.toMatchObject({ code: 'job.cancelled' })
    expect(link.isClosed).toBe(true)
  })
})

describe('why nobody answers', () => {
  const started = 'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nconfigsip: 0\r\n'
  const waits =
    'rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n'

  function printing(text: string): ScriptedLoaderLink {
    const link = new ScriptedLoaderLink()
    link.onLines = ({ rts }) => {
      if (!rts) link.send([{ raw: Buffer.from(text) }])
    }
    return link
  }

  it('is told when the program starts instead', async () => {
    await expect(connect(printing(started))).rejects.toMatchObject({
      code: 'loader.not-in-download-mode',
      message: expect.stringContaining('boot:0x13 SPI_FAST_FLASH_BOOT') as unknown,
      details: { bootMode: '0x13' },
    })
  })

  it('is told when the chip waits but does not hear', async () => {
    await expect(connect(printing(waits))).rejects.toMatchObject({
      code: 'loader.no-answer',
      message: expect.stringContaining('waits for a download') as unknown,
    })
  })

  it('is told when the chip is silent', async () => {
    await expect(connect(new ScriptedLoaderLink())).rejects.toMatchObject({
      code: 'loader.no-answer',
      message: 'nobody answered after a reset',
    })
  })

  it('tells what to press where there are no lines', async () => {
    const link = new ScriptedLoaderLink()
    link.modemLines = 'no'
    await expect(connect(link)).rejects.toMatchObject({
      code: 'loader.no-answer',
      message: expect.stringMatching(/no modem lines.*hold BOOT, tap RESET/) as unknown,
    })
    await expect(connect(new ScriptedLoaderLink(), { options: { usesResets: false } })).rejects.toMatchObject({
      message: expect.stringMatching(/no reset was asked for/) as unknown,
    })
  })

  it('hears a loader over a line without lines', async () => {
    const link = romLink()
    link.modemLines = 'no'
    expect((await connect(link)).loader.facts.chip.name).toBe('ESP32')
  })
})

describe('who it is', () => {
  it('knows all chips that images know', () => {
    expect(espTargets.map(({ chip }) => chip)).toEqual(espChips)
  })

  it.each(espChips.filter(({ imageChipId }) => ![null, 0, 2].includes(imageChipId)))('$name, by its id', async chip => {
    const { loader } = await connect(romLink(rom => (rom.securityInfo = securityInfo(chip.imageChipId ?? 0))))
    expect(loader.facts.chip).toBe(chip)
  })

  it.each(espTargets.flatMap(({ chip, magics }) => magics.map(magic => ({ chip, magic, name: chip.name }))))(
    '$name, by its magic number',
    async ({ chip, magic }) => {
      const { loader } = await connect(romLink(rom => (rom.magic = magic)))
      expect(loader.facts.chip).toBe(chip)
    },
  )

  it('an ESP32-S2, which gives no id', async () => {
    const link = romLink(rom => {
      rom.securityInfo = securityInfo(0).subarray(0, 12)
      rom.magic = 0x7c6
    })
    expect((await connect(link)).loader.facts.chip.name).toBe('ESP32-S2')
  })

  it('an ESP32-S2 in Secure Download Mode, of which nothing can be read', async () => {
    const link = romLink(rom => {
      rom.securityInfo = Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
      rom.isSecureDownload = true
    })
    const { facts } = (await connect(link)).loader
    expect(facts).toMatchObject({ chip: { name: 'ESP32-S2' }, security: { isSecureDownloadMode: true } })
  })

  it.each([
    ['an id', (rom: ScriptedEspRom) => (rom.securityInfo = securityInfo(77)), /chip id 77/],
    ['a magic number', (rom: ScriptedEspRom) => (rom.magic = 0x1234_5678), /0x12345678/],
  ])('nobody known, by %s', async (_name, change, message) => {
    const link = romLink(change)
    await expect(connect(link)).rejects.toMatchObject({
      code: 'loader.unknown-chip',
      message: expect.stringMatching(message) as unknown,
    })
    expect(link.isClosed).toBe(true)
  })

  it('reads an ESP32: MAC, revision, flash, protection', async () => {
    const { facts } = (
      await connect(
        romLink(rom => {
          const { registers } = rom
          registers.set(0x3ff5_a004, 0xf72c_a211)
          registers.set(0x3ff5_a008, 0xbeef_6055)
          registers.set(0x3ff5_a00c, 1 << 15)
          registers.set(0x3ff5_a014, (1 << 20) | (1 << 24))
          registers.set(0x3ff6_607c, 0x8000_0000)
          registers.set(0x3ff4_2080, 0x16_40ef)
          registers.set(0x3ff5_a000, 1 << 20)
          registers.set(0x3ff5_a018, 1 << 5)
        }),
      )
    ).loader
    expect(facts).toMatchObject({
      mac: '60:55:f7:2c:a2:11',
      revision: 301,
      flashBytes: 4 * 1024 * 1024,
      security: {
        isSecureBootEnabled: true,
        isFlashEncrypted: true,
        isSecureDownloadMode: false,
        flags: ['ABS_DONE_1'],
      },
    })
  })

  it('reads an ESP32-S3 and an ESP32-C3', async () => {
    for (const [chipId, block] of [
      [9, 0x6000_7044],
      [5, 0x6000_8844],
    ] as const) {
      const { facts } = (
        await connect(
          romLink(rom => {
            rom.securityInfo = securityInfo(chipId, 1 << 6)
            rom.registers.set(block, 0xaabb_ccdd)
            rom.registers.set(block + 4, 0x1122)
            rom.registers.set(block + 12, 3 << 18)
            rom.registers.set(block + 20, (1 << 23) | (1 << 24))
          }),
        )
      ).loader
      expect(facts).toMatchObject({ mac: '11:22:aa:bb:cc:dd', revision: 111, flashBytes: null })
      expect(facts.security?.flags).toEqual(['SOFT_DIS_JTAG'])
    }
  })

  it('reads an ESP8266, whose MAC has a way of its own', async () => {
    const { facts } = (
      await connect(
        romLink(rom => {
          rom.magic = 0xfff0_c101
          rom.registers.set(0x3ff0_0050, 0x3300_0000)
          rom.registers.set(0x3ff0_0054, 0x0000_1122)
        }),
      )
    ).loader
    expect(facts).toMatchObject({ mac: '18:fe:34:11:22:33', revision: null, security: null })
  })

  it('does not take empty eFuses for a name', async () => {
    expect((await connect(romLink())).loader.facts.mac).toBeNull()
  })

  it('is not taken for a protected ESP32-S2 when a refusal is repeated late', async () => {
    const link = romLink()
    const { react } = link
    let isRepeated = false
    link.react = command => {
      const late = command.opcode === 0x0a && !isRepeated ? [answer(0x14, { status: [1, 5, 0, 0] })] : []
      isRepeated ||= late.length > 0
      return [...late, ...react(command)]
    }
    const { facts } = (await connect(link)).loader
    expect(facts).toMatchObject({ chip: { name: 'ESP32' }, security: { isSecureDownloadMode: false } })
  })

  it('is read until it comes out the same twice', async () => {
    const link = romLink(rom => rom.registers.set(0x3ff5_a004, 0x1122_3344))
    const { react } = link
    let isFlipped = false
    link.react = command => {
      const address =
        command.data.length >= 4 ? new DataView(command.data.buffer, command.data.byteOffset).getUint32(0, true) : 0
      if (command.opcode !== 0x0a || address !== 0x3ff5_a004 || isFlipped) return react(command)
      isFlipped = true
      return [answer(0x0a, { value: 0x1122_3345 })]
    }
    expect((await connect(link)).loader.facts.mac).toBe('00:00:11:22:33:44')
    link.react = command => (command.opcode === 0x0a ? [answer(0x0a, { value: link.heard.length })] : react(command))
    await expect(connect(link)).rejects.toMatchObject({ code: 'loader.broken-frame' })
  })

  it('asks again when an answer was lost', async () => {
    const link = romLink()
    const { react } = link
    let calls = 0
    link.react = command => (command.opcode === 0x0a && ++calls % 2 === 1 ? [] : react(command))
    expect((await connect(link)).loader.facts.chip.name).toBe('ESP32')
  })

  it('stops the watchdogs of a chip that is flashed over its own USB', async () => {
    const writes: number[] = []
    const link = romLink(rom => (rom.securityInfo = securityInfo(5)))
    const { react } = link
    link.react = command => {
      const { opcode, data } = command
      if (opcode === 0x09) writes.push(new DataView(data.buffer, data.byteOffset).getUint32(0, true))
      return opcode === 0x09 ? [answer(0x09)] : react(command)
    }
    await connect(link, { usb: USB_JTAG })
    expect(writes.slice(0, 3)).toEqual([0x6000_80a8, 0x6000_8090, 0x6000_80a8])
  })
})

describe('the size of flash by its id', () => {
  it.each([
    [0x16_40ef, 4 << 20],
    [0x18_4020, 16 << 20],
    [0x00_071f, 4 << 20],
    [0x20_20c2, 64 << 20],
    [0x39_80c2, 32 << 20],
    [0xff_ffff, null],
    [0, null],
    [0x99_0000, null],
  ])('0x%s', (id, size) => {
    expect(flashBytesOf(id)).toBe(size)
  })
})
