import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { randomBytes } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import type { EspSerialOptions } from '../../../src/simulator/esp-serial/esp-board.ts'
import { BenchBoard, boardsOfThisFile, checksumOf, joined, words } from './memory-wire.ts'

const keep = boardsOfThisFile()
const ok = new Uint8Array(2)
const failed = (error: number): Uint8Array => Uint8Array.of(1, error)
const md5 = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('md5').update(bytes).digest())

async function stubOf(options: EspSerialOptions = {}): Promise<BenchBoard> {
  const board = keep(new BenchBoard({ wiring: 'none', ...options }))
  board.chip.powerOn(true)
  await board.startStub()
  return board
}

describe('the stub', () => {
  it('says that it runs, and shows in SYNC that it is not the ROM', async () => {
    const board = await stubOf()
    expect(board.chip.mode).toBe('stub')
    board.send(0x08, new Uint8Array(36))
    for (let time = 0; time < 8; time++) expect(await board.answer()).toEqual({ op: 0x08, value: 0, body: ok })
  })

  it('does not start from where nothing was loaded', async () => {
    const board = keep(new BenchBoard({ wiring: 'none' }))
    board.chip.powerOn(true)
    await board.ask(0x05, words(8, 1, 0x1800, 0x4009_0000))
    await board.ask(0x06, words(0, 0x4009_0000))
    expect([board.chip.mode, board.waitingFrames]).toEqual(['download', 0])
  })

  it('writes a stream of exactly the size that it was told', async () => {
    const board = await stubOf()
    const content = randomBytes(5)(50_001)
    const packed = Uint8Array.from(deflateSync(content))
    const behind = board.flash.view(0x2_0000 + 50_001, 1)[0]
    expect((await board.ask(0x10, words(content.length, 4, 0x4000, 0x2_0000, 0))).body).toEqual(ok)
    for (let at = 0; at < packed.length; at += 0x4000) {
      expect((await board.askBlock(0x11, packed.slice(at, at + 0x4000), at / 0x4000)).body).toEqual(ok)
    }
    expect((await board.ask(0x12, words(1))).body).toEqual(ok)
    const { body } = await board.ask(0x13, words(0x2_0000, content.length, 0, 0))
    expect(body.subarray(0, 16)).toEqual(md5(content))
    expect(body).toHaveLength(18)
    expect(behind).toBe(0xff)
  })

  it('says at the end when there was not enough, and with the next block when a stream is broken', async () => {
    const board = await stubOf()
    const packed = Uint8Array.from(deflateSync(randomBytes(5)(30_000)))
    await board.ask(0x10, words(30_000, 2, 0x4000, 0x2_0000))
    await board.askBlock(0x11, packed.slice(0, 0x4000))
    expect((await board.ask(0x12, words(1))).body).toEqual(failed(0xc8))
    await board.ask(0x10, words(30_000, 2, 0x4000, 0x2_0000))
    expect((await board.askBlock(0x11, new Uint8Array(64).fill(3))).body).toEqual(ok)
    expect((await board.askBlock(0x11, packed.slice(0, 64))).body).toEqual(failed(0xc7))
  })

  it('drops the padding of the last plain block', async () => {
    const board = await stubOf()
    const content = randomBytes(6)(0x4000 + 100)
    const padded = new Uint8Array(0x4000).fill(0xff)
    padded.set(content.subarray(0x4000))
    await board.ask(0x02, words(content.length, 2, 0x4000, 0x2_0000))
    await board.askBlock(0x03, content.slice(0, 0x4000))
    await board.askBlock(0x03, padded, 1)
    expect((await board.ask(0x04, words(1))).body).toEqual(ok)
    expect(Buffer.compare(board.flash.view(0x2_0000, content.length), content)).toBe(0)
  })

  it.each([
    ['a wrong check sum', 0xc1, 0x11, words(4, 0, 0, 0, 1), 0],
    ['a block without a beginning', 0xc6, 0x11, words(4, 0, 0, 0, 0), 0xef],
    ['blocks that are too large', 0xc2, 0x10, words(0x8000, 1, 0x8000, 0), 0],
    ['what lies behind the flash', 0xc4, 0x10, words(0x2000, 1, 0x4000, 0x3f_f000), 0],
    ['a region that is no sector', 0xc0, 0xd1, words(0x100, 0x1000), 0],
    ['a command that it does not know', 0xff, 0x77, new Uint8Array(), 0],
    ['the locks of an ESP32', 0xff, 0x14, new Uint8Array(), 0],
  ])('refuses %s', async (_name, error, op, data, checksum) => {
    const board = await stubOf()
    expect((await board.ask(op, data, checksum)).body).toEqual(failed(error))
  })

  it('erases a region and no more', async () => {
    const board = await stubOf()
    const before = board.flash.copy()
    expect((await board.ask(0xd1, words(0x1_1000, 0x1000))).body).toEqual(ok)
    const after = board.flash.copy()
    expect(after.subarray(0x1_1000, 0x1_2000).every(byte => byte === 0xff)).toBe(true)
    expect(Buffer.compare(after.subarray(0x1_2000), before.subarray(0x1_2000))).toBe(0)
    expect(Buffer.compare(after.subarray(0, 0x1_1000), before.subarray(0, 0x1_1000))).toBe(0)
  })

  it.each([1, 64, 0x1_0000])('reads flash with a window of %i bytes, and its MD5', async windowBytes => {
    const board = await stubOf()
    const wanted = board.flash.view(0x1_0000, 10_000).slice()
    expect((await board.ask(0xd2, words(0x1_0000, 10_000, 0x1000, windowBytes))).body).toEqual(ok)
    const parts: Uint8Array[] = []
    let bytes = 0
    while (bytes < 10_000) {
      const part = await board.frame()
      parts.push(part)
      bytes += part.length
      board.sendBytes(Uint8Array.of(0xc0, ...escaped(words(bytes)), 0xc0))
    }
    expect(Buffer.compare(Buffer.concat(parts), wanted)).toBe(0)
    expect(await board.frame()).toEqual(md5(wanted))
    expect((await board.ask(0x0a, words(0x4000_1000))).value).toBe(0x00f0_1d83)
  })

  it('ends a reading that is not confirmed as it should be', async () => {
    const board = await stubOf()
    await board.ask(0xd2, words(0, 0x8000, 0x1000, 1))
    await board.frame()
    board.send(0x08, new Uint8Array(36))
    expect(await board.frame()).toHaveLength(16)
    expect((await board.ask(0x0a, words(0x4000_1000))).op).toBe(0x0a)
  })

  it('acknowledges a block before it is written; what follows waits', async () => {
    const board = await stubOf({ timeScale: 0.5 })
    const content = randomBytes(8)(0x4000)
    await board.ask(0x02, words(0x4000, 1, 0x4000, 0x2_0000))
    board.flash.program(0x2_3000, new Uint8Array(4))
    await board.askBlock(0x03, content)
    expect(Buffer.compare(board.flash.view(0x2_0000, 0x4000), content)).not.toBe(0)
    await board.ask(0x0a, words(0))
    expect(Buffer.compare(board.flash.view(0x2_0000, 0x4000), content)).toBe(0)
  })

  it('forgets everything at a reset in the middle of a block, of which a part is written', async () => {
    const board = await stubOf({ timeScale: 1 })
    const content = new Uint8Array(0x4000)
    await board.ask(0x02, words(0x4000, 1, 0x4000, 0x20_0000))
    await board.askBlock(0x03, content)
    board.chip.reset()
    await new Promise(resolve => setTimeout(resolve, 120))
    expect(board.chip.mode).toBe('download')
    expect(board.flash.view(0x20_3000, 0x1000).every(byte => byte === 0xff)).toBe(true)
  })

  it('writes nothing of a block that it was inflating when the chip was reset', async () => {
    const board = await stubOf()
    const before = board.flash.copy()
    const packed = Uint8Array.from(deflateSync(randomBytes(5)(10_000)))
    await board.ask(0x10, words(10_000, 1, 0x4000, 0x1_0000))
    board.send(0x11, joined(words(packed.length, 0, 0, 0), packed), checksumOf(packed))
    board.chip.reset()
    await new Promise(resolve => setTimeout(resolve, 60))
    expect(Buffer.compare(board.flash.copy(), before)).toBe(0)
  })

  it('runs what is in flash', async () => {
    const board = await stubOf({ wiring: 'two-transistors' })
    board.chip.powerOn(true)
    await board.startStub()
    board.chip.onLines({ dtr: true, rts: true })
    board.chip.onLines({ dtr: false, rts: false })
    board.send(0xd3, new Uint8Array())
    expect(board.chip.mode).toBe('app')
  })
})

function escaped(bytes: Uint8Array): number[] {
  return [...bytes].flatMap(byte => (byte === 0xc0 ? [0xdb, 0xdc] : byte === 0xdb ? [0xdb, 0xdd] : [byte]))
}
