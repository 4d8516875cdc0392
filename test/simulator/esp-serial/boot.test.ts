/** What a virtual chip starts, and what it writes about it. */
import { describe, expect, it } from 'vitest'
import { buildDemoFirmware } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import { buildOtaRecord, readOtaRecords, type OtaState } from '../../../src/core/formats/esp-image/ota-data.ts'
import { chipModels } from '../../../src/simulator/esp-serial/chip-table.ts'
import type { EspSerialOptions } from '../../../src/simulator/esp-serial/esp-board.ts'
import { ManualClock } from '../manual-clock.ts'
import { BenchBoard, boardsOfThisFile } from './memory-wire.ts'

const keep = boardsOfThisFile()
const OTA_DATA = 0xe000
const SECTOR = 0x1000
const SLOT_0 = 0x1_0000
const SLOT_1 = 0x15_0000

class Board extends BenchBoard {
  readonly clock: ManualClock

  constructor(options: EspSerialOptions = {}) {
    const clock = new ManualClock()
    super({ confirmMs: 1000, ...options, clock })
    this.clock = clock
  }

  /** As a loader would, without one. */
  write(offset: number, bytes: Uint8Array): void {
    for (let at = offset; at < offset + bytes.length; at += SECTOR) this.flash.eraseSector(at)
    for (let at = 0; at < bytes.length; at += SECTOR) this.flash.program(offset + at, bytes.subarray(at, at + SECTOR))
  }

  otaStates(): [sequence: number, state: OtaState][] {
    return readOtaRecords(this.flash.copy(), OTA_DATA).map(({ sequence, state }) => [sequence, state])
  }

  restart(): void {
    this.text = ''
    this.chip.reset()
  }
}

const newBoard = (options?: EspSerialOptions): Board => keep(new Board(options))
const newApp = (version = '2.0.0'): Uint8Array => buildDemoFirmware({ sizeBytes: 50_000, version, seed: 9 })

describe('the boot of a virtual chip', () => {
  it.each(chipModels.map(({ name }) => name))('starts the firmware that an %s comes with', chip => {
    const board = newBoard({ chip })
    board.chip.powerOn()
    expect(board.chip.mode).toBe('app')
    expect(board.newApp()).toBeNull()
  })

  it('says what it starts, as ESP-IDF does', () => {
    const board = newBoard({ firmware: { version: '1.4.2' } })
    board.chip.powerOn()
    const lines = board.text.replace(/\x1b\[[0-9;]*m/g, '').split('\r\n')
    expect(lines).toContain('rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)')
    expect(lines).toContain('I (300) boot: Loaded app from partition at offset 0x10000')
    expect(lines).toContain('I (400) app_init: Project name:     thermostat')
    expect(lines).toContain('I (401) app_init: App version:      1.4.2')
    expect(lines.find(line => line.includes('ELF file'))).toMatch(
      /^I \(402\) app_init: ELF file SHA256: {2}[0-9a-f]{9}\.\.\.$/,
    )
  })

  it('tells its free heap once a second', () => {
    const board = newBoard({ heapEveryMs: 1000 })
    board.chip.powerOn()
    board.clock.advance(2500)
    expect(board.text.match(/^Free heap: \d+\r$/gm)).toHaveLength(3)
  })

  it('starts what otadata names, and marks it valid when it has run for a while', () => {
    const board = newBoard()
    const app = newApp()
    board.write(SLOT_1, app)
    board.write(OTA_DATA + SECTOR, buildOtaRecord(2, 'new'))
    expect(board.newApp()).toEqual(app)
    board.chip.powerOn()
    expect(board.otaStates()).toEqual([
      [1, 'undefined'],
      [2, 'pending-verify'],
    ])
    expect(board.newApp()).toEqual(app)
    board.clock.advance(1000)
    expect(board.otaStates()[1]).toEqual([2, 'valid'])
    board.restart()
    expect(board.newApp()).toEqual(app)
  })

  it('goes back when a reset comes before that', () => {
    const board = newBoard()
    board.write(SLOT_1, newApp())
    board.write(OTA_DATA + SECTOR, buildOtaRecord(2, 'new'))
    board.chip.powerOn()
    board.clock.advance(500)
    board.restart()
    expect(board.otaStates()[1]).toEqual([2, 'aborted'])
    expect([board.chip.mode, board.newApp()]).toEqual(['app', null])
  })

  it('leaves an application without rollback alone', () => {
    const board = newBoard()
    board.write(SLOT_1, newApp())
    board.write(OTA_DATA + SECTOR, buildOtaRecord(2))
    board.chip.powerOn()
    board.restart()
    expect(board.otaStates()[1]).toEqual([2, 'undefined'])
    expect(board.newApp()).toEqual(newApp())
  })

  it.each([
    [
      'a broken check sum of otadata',
      (board: Board) => {
        board.flash.program(OTA_DATA + SECTOR + 28, new Uint8Array(4))
      },
    ],
    [
      'a bit of the application that flipped',
      (board: Board) => {
        board.flash.program(SLOT_1 + 30_000, new Uint8Array(64))
      },
    ],
    [
      'an application of another chip',
      (board: Board) => {
        board.write(SLOT_1, buildDemoFirmware({ chip: 'ESP32-C3', sizeBytes: 50_000, version: '2.0.0', seed: 9 }))
      },
    ],
  ])('starts the other slot for %s', (_name, harm) => {
    const board = newBoard()
    board.write(SLOT_1, newApp())
    board.write(OTA_DATA + SECTOR, buildOtaRecord(2))
    harm(board)
    board.chip.powerOn()
    expect([board.chip.mode, board.newApp()]).toEqual(['app', null])
  })

  it.each([
    ['nothing at all', { factory: 'blank' as const }, () => undefined, 'invalid header: 0xffffffff'],
    [
      'a broken bootloader',
      {},
      (board: Board) => {
        board.flash.program(0x1100, new Uint8Array(64))
      },
      'csum err',
    ],
    [
      'a broken partition table',
      {},
      (board: Board) => {
        board.flash.program(0x8005, new Uint8Array(1))
      },
      'MD5 checksum of the table is wrong',
    ],
    [
      'no application',
      { factory: 'factory-only' as const },
      (board: Board) => {
        board.flash.eraseSector(SLOT_0)
      },
      'No bootable app partitions',
    ],
  ])('tries a few times to start from %s', (_name, options, harm, text) => {
    const board = newBoard(options)
    harm(board)
    board.chip.powerOn()
    expect(board.text).toContain(text)
    board.clock.advance(10_000)
    expect([board.chip.mode, board.newApp()]).toEqual(['none', null])
    expect(board.text.match(/^rst:/gm)).toHaveLength(5)
    expect(board.text).toContain('rst:0x10 (RTCWDT_RTC_RESET)')
  })

  it('starts the factory application until otadata names a slot', () => {
    const board = newBoard({ factory: 'factory-and-ota' })
    board.chip.powerOn()
    expect(board.text).toContain('Loaded app from partition at offset 0x10000')
    const app = newApp()
    const slot = /app0 .*10 (0[0-9a-f]{7})/.exec(board.text)?.[1] ?? ''
    board.write(Number.parseInt(slot, 16), app)
    board.write(OTA_DATA, buildOtaRecord(1))
    board.restart()
    expect(board.newApp()).toEqual(app)
  })

  it('shows the application that was written last, sound or not', () => {
    const board = newBoard()
    expect(board.lastWrittenApp()).toBeNull()
    const app = newApp()
    board.write(SLOT_1, app)
    board.write(OTA_DATA, buildOtaRecord(3))
    expect(board.lastWrittenApp()).toEqual(app)
    board.flash.program(SLOT_1 + 40_000, new Uint8Array(1))
    expect(board.lastWrittenApp()).toHaveLength(app.length)
    expect(board.lastWrittenApp()).not.toEqual(app)
    board.write(SLOT_0, newApp('3.0.0'))
    expect(board.lastWrittenApp()).toEqual(newApp('3.0.0'))
  })
})
