import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { chipModels } from '../../../src/simulator/esp-serial/chip-table.ts'
import type { EspSerialOptions } from '../../../src/simulator/esp-serial/esp-board.ts'
import { randomBytes } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import { BenchBoard, boardsOfThisFile, joined, words } from './memory-wire.ts'

const keep = boardsOfThisFile()
const ok = new Uint8Array(4)
const failed = (error: number): Uint8Array => Uint8Array.of(1, error, 0, 0)

function romOf(options: EspSerialOptions = {}): BenchBoard {
  const board = keep(new BenchBoard({ wiring: 'none', ...options }))
  board.chip.powerOn(true)
  return board
}

async function attached(options: EspSerialOptions = {}): Promise<BenchBoard> {
  const board = romOf(options)
  expect((await board.ask(0x0d, words(0, 0))).body).toEqual(ok)
  return board
}

describe('the loader in ROM', () => {
  it('answers SYNC eight times', async () => {
    const board = romOf()
    board.sendBytes(Buffer.from(`c0000824000000000007071220${'55'.repeat(32)}c0`, 'hex'))
    for (let time = 0; time < 8; time++) {
      expect(await board.answer()).toEqual({ op: 0x08, value: 0x2012_0707, body: ok })
    }
    expect(board.waitingFrames).toBe(0)
  })

  it('reads the magic register of every chip, and its MAC', async () => {
    for (const { name, magics, efuseBase, macOffset, rom } of chipModels) {
      const board = romOf({ chip: name, identity: { mac: '02:4f:50:c0:db:07' } })
      board.sendBytes(Buffer.from('c0000a04000000000000100040c0', 'hex'))
      const status = rom === 'esp8266' ? 2 : 4
      expect([name, await board.answer()]).toEqual([
        name,
        { op: 0x0a, value: magics[0] ?? 0, body: new Uint8Array(status) },
      ])
      if (rom === 'esp8266') continue
      const low = (await board.ask(0x0a, words(efuseBase + macOffset))).value
      const high = (await board.ask(0x0a, words(efuseBase + macOffset + 4))).value
      expect([name, low, high & 0xffff]).toEqual([name, 0x50c0_db07, 0x024f])
    }
  })

  it.each([
    ['ESP32', [0x3ff5_a000, 0x7f << 20], [0x3ff5_a018, 1 << 4]],
    ['ESP32-C3', [0x6000_8834, 7 << 18], [0x6000_8838, 1 << 20]],
    ['ESP32-C2', [0x6000_8830, 7 << 7], [0x6000_8830, 1 << 21]],
  ] as const)('shows the locks of an %s in its efuses', async (chip, crypt, boot) => {
    for (const isLocked of [false, true]) {
      const board = romOf({ chip, isEncrypted: isLocked, hasSecureBoot: isLocked })
      const [count, secure] = [await board.ask(0x0a, words(crypt[0])), await board.ask(0x0a, words(boot[0]))]
      expect([(count.value & crypt[1]) !== 0, (secure.value & boot[1]) !== 0]).toEqual([isLocked, isLocked])
    }
  })

  it.each([0, 100, 200, 300])('shows revision %i of an ESP32 in three places', async revision => {
    const board = romOf({ revision })
    const bits = [
      ((await board.ask(0x0a, words(0x3ff5_a00c))).value >>> 15) & 1,
      ((await board.ask(0x0a, words(0x3ff5_a014))).value >>> 20) & 1,
      ((await board.ask(0x0a, words(0x3ff6_607c))).value >>> 31) & 1,
    ]
    expect(bits).toEqual([1, 1, 1].map((bit, index) => (index < revision / 100 ? bit : 0)))
  })

  it('tells chip id and locks, where it knows the command', async () => {
    const info = await romOf({ chip: 'ESP32-C3', hasSecureBoot: true, isEncrypted: true }).ask(0x14, new Uint8Array())
    expect(Buffer.from(info.body).toString('hex')).toBe('0100000001000000000000000500000000000000' + '00000000')
    expect((await romOf({ chip: 'ESP32-S2' }).ask(0x14, new Uint8Array())).body).toHaveLength(12 + 4)
  })

  it.each(['ESP32', 'ESP8266'])('refuses what it does not know eight times, naming no command (%s)', async chip => {
    const board = romOf({ chip })
    board.send(0x14, new Uint8Array())
    for (let time = 0; time < 8; time++) {
      const { op, body } = await board.answer()
      expect([op, body[0], body[1]]).toEqual([0, 1, 5])
    }
    expect(board.waitingFrames).toBe(0)
  })

  it('shows its flash only once it is attached', async () => {
    const board = romOf()
    const readId = async (): Promise<number> => {
      await board.ask(0x09, words(0x3ff4_2024, 0x7000_009f, 0xffff_ffff, 0))
      await board.ask(0x09, words(0x3ff4_2000, 1 << 18, 0xffff_ffff, 0))
      return (await board.ask(0x0a, words(0x3ff4_2080))).value
    }
    expect(await readId()).toBe(0xff_ffff)
    expect((await board.ask(0x02, words(0x400, 1, 0x400, 0x1_0000))).body).toEqual(failed(1))
    await board.ask(0x0d, words(0, 0))
    expect(await readId()).toBe(0x16_40ef)
  })

  it('writes blocks, pads nothing of its own, and hashes in hexadecimal', async () => {
    const board = await attached()
    const content = randomBytes(3)(0x400 * 3)
    expect((await board.ask(0x02, words(content.length, 3, 0x400, 0x2_0000))).body).toEqual(ok)
    for (let block = 0; block < 3; block++) {
      const { body } = await board.askBlock(0x03, content.slice(block * 0x400, (block + 1) * 0x400), block)
      expect(body).toEqual(ok)
    }
    const { body } = await board.ask(0x13, words(0x2_0000, content.length, 0, 0))
    expect(Buffer.from(body.subarray(0, 32)).toString()).toBe(createHash('md5').update(content).digest('hex'))
    expect(body.subarray(32)).toEqual(ok)
    expect((await board.askBlock(0x03, new Uint8Array(0x400))).body).toEqual(failed(1))
  })

  it('inflates, and says what is no zlib stream', async () => {
    const board = await attached({ chip: 'ESP32-C3' })
    const content = new Uint8Array(0x1000).map((_byte, index) => index >> 4)
    const packed = Uint8Array.from(deflateSync(content))
    await board.ask(0x10, words(0x1000, 1, 0x400, 0x3_0000, 0))
    expect((await board.askBlock(0x11, packed)).body).toEqual(ok)
    expect(Buffer.compare(board.flash.view(0x3_0000, 0x1000), content)).toBe(0)
    await board.ask(0x10, words(0x1000, 2, 0x400, 0x3_0000, 0))
    expect((await board.askBlock(0x11, new Uint8Array(100).fill(7))).body).toEqual(failed(0x0b))
    expect((await board.askBlock(0x11, packed)).body).toEqual(failed(0x0b))
  })

  it.each([
    ['a wrong check sum', 0x07, 0x03, joined(words(4, 0, 0, 0), words(1)), 0],
    ['a wrong length', 0x05, 0x03, joined(words(5, 0, 0, 0), words(1)), 0xee],
    ['a block without a beginning', 0x06, 0x03, joined(words(4, 0, 0, 0), words(0)), 0xef],
    ['blocks as large as the stub’s', 0x01, 0x02, words(0x4000, 1, 0x4000, 0), 0],
    ['the fifth word, which the ESP32 does not know', 0x05, 0x02, words(0x400, 1, 0x400, 0, 0), 0],
    ['what lies behind the flash', 0x01, 0x02, words(0x1000, 4, 0x400, 0x40_0000), 0],
    ['an attach of one word', 0x05, 0x0d, words(0), 0],
    ['the hash of more than there is', 0x01, 0x13, words(0x3f_f000, 0x2000, 0, 0), 0],
  ])('refuses %s', async (_name, error, op, data, checksum) => {
    const board = await attached()
    expect((await board.ask(op, data, checksum)).body).toEqual(failed(error))
  })

  it('takes more than 4 MiB only once it was told of it', async () => {
    const board = await attached({ flashBytes: 16 * 1024 * 1024 })
    const begin = words(0x400, 1, 0x400, 0x80_0000)
    expect((await board.ask(0x02, begin)).body).toEqual(failed(1))
    const size = words(0, 16 * 1024 * 1024, 0x1_0000, 0x1000, 0x100, 0xffff)
    expect((await board.ask(0x0b, size)).body).toEqual(ok)
    expect((await board.ask(0x02, begin)).body).toEqual(ok)
  })

  it('reads a block back, and says when it is not what it wrote', async () => {
    const board = await attached({ faults: [{ name: 'stuck-sector', offset: 0x2_0123 }] as never })
    await board.ask(0x02, words(0x400, 1, 0x400, 0x2_0000))
    expect((await board.askBlock(0x03, randomBytes(1)(0x400))).body).toEqual(failed(0x08))
  })

  it('answers two status bytes on an ESP8266, and erases more than it was asked', async () => {
    const board = romOf({ chip: 'ESP8266' })
    board.flash.program(0x2000, new Uint8Array(1))
    expect((await board.ask(0x02, words(0x2000, 8, 0x400, 0))).body).toEqual(new Uint8Array(2))
    expect(board.flash.view(0x2000, 1)).toEqual(Uint8Array.of(0xff))
  })

  it('knows few commands in Secure Download Mode', async () => {
    const board = await attached({ chip: 'ESP32-S3', isSecureDownload: true })
    for (const [op, data] of [
      [0x0a, words(0x4000_1000)],
      [0x13, words(0, 16, 0, 0)],
      [0x10, words(0x400, 1, 0x400, 0, 0)],
      [0x05, words(8, 1, 0x1800, 0x4009_0000)],
    ] as const) {
      expect((await board.ask(op, data)).body).toEqual(failed(5))
      for (let rest = 0; rest < 7; rest++) await board.answer()
    }
    expect((await board.ask(0x14, new Uint8Array())).body[0]).toBe(1 << 2)
    expect((await board.ask(0x02, words(0x400, 1, 0x400, 0x1_0000, 0))).body).toEqual(ok)
    expect((await board.askBlock(0x03, randomBytes(9)(0x400))).body).toEqual(ok)
  })

  it('changes its rate behind the answer', async () => {
    const board = romOf()
    expect((await board.ask(0x0f, words(921_600, 115_200))).body).toEqual(failed(1))
    expect(board.wire.line.baudRate).toBe(115_200)
    expect((await board.ask(0x0f, words(921_600, 0))).body).toEqual(ok)
    expect(board.wire.line.baudRate).toBe(921_600)
  })

  it('takes its time to erase, before it answers', async () => {
    const board = romOf({ timeScale: 0.2 })
    await board.ask(0x0d, words(0, 0))
    const startedMs = performance.now()
    expect((await board.ask(0x02, words(0x4_0000, 256, 0x400, 0x1_0000))).body).toEqual(ok)
    expect(performance.now() - startedMs).toBeGreaterThan(100)
  })

  it('leaves for the application that it has written', async () => {
    const board = romOf()
    expect((await board.ask(0x04, words(1))).body).toEqual(ok)
    expect(board.chip.mode).toBe('app')
  })
})
