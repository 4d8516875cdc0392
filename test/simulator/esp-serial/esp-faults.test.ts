/** Every named fault of the boards does what its summary says. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { buildDemoFirmware, randomBytes } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import { buildOtaRecord } from '../../../src/core/formats/esp-image/ota-data.ts'
import type { EspSerialOptions } from '../../../src/simulator/esp-serial/esp-board.ts'
import { espSerialFaults } from '../../../src/simulator/esp-serial/esp-faults.ts'
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { lineFaults } from '../../../src/simulator/uart/line-faults.ts'
import { BenchBoard, boardsOfThisFile, words } from './memory-wire.ts'

const keep = boardsOfThisFile()
const ok = new Uint8Array(2)

async function stubWith(fault: NamedFault, options: EspSerialOptions = {}): Promise<BenchBoard> {
  const board = keep(new BenchBoard({ wiring: 'none', faults: [fault], ...options }))
  board.chip.powerOn(true)
  await board.startStub()
  return board
}

async function writeBlock(board: BenchBoard, content = randomBytes(2)(0x1000)): Promise<Uint8Array> {
  await board.ask(0x02, words(0x1000, 1, 0x4000, 0x20_0000))
  return (await board.askBlock(0x03, content)).body
}

type Case = () => Promise<void>

const cases: Readonly<Record<string, Case>> = {
  'lost-frame': async () => {
    const board = await stubWith({ name: 'lost-frame', op: '0a' } as NamedFault)
    board.send(0x0a, words(0x4000_1000))
    expect((await board.ask(0x0a, words(0x4000_1000))).op).toBe(0x0a)
    expect([board.waitingFrames, board.chip.frames.filter(op => op === 0x0a)]).toEqual([0, [0x0a, 0x0a]])
    const deaf = await stubWith({ name: 'lost-frame', op: '0a', way: 'command' } as NamedFault)
    deaf.send(0x0a, words(0))
    await deaf.ask(0x0a, words(0))
    expect(deaf.chip.frames.filter(op => op === 0x0a)).toHaveLength(1)
  },
  'split-frames': async () => {
    const board = await stubWith({ name: 'split-frames', pieces: 4 } as NamedFault)
    const pieces: Uint8Array[] = []
    board.wire.onBytes = bytes => pieces.push(bytes)
    board.send(0x0a, words(0))
    expect(pieces).toHaveLength(4)
  },
  'bad-status': async () => {
    const board = await stubWith({ name: 'bad-status', op: '13', error: 'c4' } as NamedFault)
    expect((await board.ask(0x13, words(0, 16, 0, 0))).body).toEqual(Uint8Array.of(1, 0xc4))
    expect((await board.ask(0x13, words(0, 16, 0, 0))).body).toHaveLength(18)
  },
  'wrong-checksum-answer': async () => {
    const board = await stubWith({ name: 'wrong-checksum-answer' })
    const content = randomBytes(2)(0x1000)
    expect(await writeBlock(board, content)).toEqual(Uint8Array.of(1, 7))
    expect((await board.askBlock(0x03, content)).body).toEqual(ok)
    expect(Buffer.compare(board.flash.view(0x20_0000, 0x1000), content)).toBe(0)
  },
  'md5-mismatch': async () => {
    const board = await stubWith({ name: 'md5-mismatch' })
    const content = randomBytes(2)(0x1000)
    expect(await writeBlock(board, content)).toEqual(ok)
    const written = board.flash.view(0x20_0000, 0x1000).slice()
    expect(written.filter((byte, index) => byte !== content[index])).toHaveLength(1)
    const { body } = await board.ask(0x13, words(0x20_0000, 0x1000, 0, 0))
    expect(Buffer.from(body.subarray(0, 16))).toEqual(board.flash.md5(0x20_0000, 0x1000))
    await writeBlock(board, content)
    expect(Buffer.compare(board.flash.view(0x20_0000, 0x1000), content)).toBe(0)
  },
  'stuck-sector': async () => {
    const board = await stubWith({ name: 'stuck-sector', offset: 0x20_0010 } as NamedFault)
    expect(await writeBlock(board)).toEqual(ok)
    expect(board.flash.view(0x20_0000, 0x1000).every(byte => byte === 0xff)).toBe(true)
  },
  'reset-mid-write': async () => {
    const board = await stubWith({ name: 'reset-mid-write', block: 1 } as NamedFault)
    await board.ask(0x02, words(0x2000, 2, 0x1000, 0x20_0000))
    expect((await board.askBlock(0x03, new Uint8Array(0x1000))).body).toEqual(ok)
    board.send(0x03, words(4, 1, 0, 0, 0), 0xef)
    expect(board.chip.mode).toBe('app')
    expect(board.flash.view(0x20_1000, 4)).toEqual(new Uint8Array(4).fill(0xff))
  },
  'no-stub': async () => {
    await expect(
      Promise.race([stubWith({ name: 'no-stub' }), sleep(100).then(() => Promise.reject(new Error('silence')))]),
    ).rejects.toThrow('silence')
  },
  'baud-limit': async () => {
    const board = await stubWith({ name: 'baud-limit', baud: 230_400 } as NamedFault)
    await board.ask(0x0f, words(230_400, 115_200))
    expect(board.wire.line.baudRate).toBe(230_400)
    await board.ask(0x0f, words(921_600, 230_400))
    expect(board.wire.line.baudRate).toBeLessThan(800_000)
  },
  'slow-erase': async () => {
    const board = await stubWith({ name: 'slow-erase', factor: 40 } as NamedFault, { timeScale: 0.25 })
    const startedMs = performance.now()
    await board.ask(0xd1, words(0x20_0000, 0x1000))
    expect(performance.now() - startedMs).toBeGreaterThan(80)
  },
  rollback: () => crashing({ name: 'rollback' }, [2, 'app']),
  panics: () => crashing({ name: 'panics' }, [5, 'none']),
  'other-board': async () => {
    const board = keep(new BenchBoard({ wiring: 'none', faults: [{ name: 'other-board', after: 1 }] as never }))
    const own = board.chip.mac
    board.flash.program(0x20_0000, new Uint8Array(1))
    board.chip.powerOn(true)
    board.chip.reset()
    expect(board.chip.mac).toBe(own)
    board.chip.reset()
    const value = (await board.ask(0x0a, words(0x3ff5_a004))).value
    expect([board.chip.mac, value.toString(16)]).toEqual(['02:4f:50:de:ad:01', '50dead01'])
    expect(board.flash.view(0x20_0000, 1)).toEqual(Uint8Array.of(0xff))
  },
  'no-boot-log': () => {
    const board = keep(new BenchBoard({ faults: [{ name: 'no-boot-log' }] }))
    board.chip.powerOn()
    expect(board.chip.mode).toBe('app')
    expect(board.text.trim().split('\r\n').at(-1)).toMatch(/^rst:/)
    return Promise.resolve()
  },
}

/** New firmware in the other slot, tried for the first time. */
async function crashing(fault: NamedFault, [starts, end]: [number, string]): Promise<void> {
  const board = keep(new BenchBoard({ faults: [fault], confirmMs: 1000 }))
  const app = buildDemoFirmware({ sizeBytes: 20_000, version: '2.0.0', seed: 3 })
  for (let at = 0; at < app.length; at += 0x1000) board.flash.program(0x15_0000 + at, app.subarray(at, at + 0x1000))
  board.flash.program(0xf000, buildOtaRecord(2, 'new'))
  board.chip.powerOn()
  for (let turn = 0; turn < 100 && board.text.split('rst:').length <= starts; turn++) await sleep(10)
  await sleep(100)
  expect(board.text).toContain("Guru Meditation Error: Core  0 panic'ed (LoadProhibited)")
  expect([board.text.match(/^rst:/gm)?.length, board.chip.mode]).toEqual([starts, end])
  expect(board.newApp()).toBeNull()
}

describe('the faults of boards with an Espressif chip', () => {
  it('are all tried here, but those of the line', () => {
    const own = Object.keys(espSerialFaults).filter(name => !Object.hasOwn(lineFaults, name))
    expect(Object.keys(cases).sort()).toEqual(own.sort())
  })

  it('take no command that is no byte', () => {
    for (const faults of [[{ name: 'lost-frame', op: '0x11' }], [{ name: 'bad-status', error: 'bad' }]]) {
      expect(() => new BenchBoard({ faults })).toThrow(/a byte in hexadecimal/)
    }
  })

  it.each(Object.entries(cases))('%s', async (_name, tryOut) => {
    await tryOut()
  })
})
