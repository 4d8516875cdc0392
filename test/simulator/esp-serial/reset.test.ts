/** Modem lines, EN and IO0: which sequences lead where. */
import { describe, expect, it } from 'vitest'
import type { UartLines } from '../../../src/simulator/uart/uart.ts'
import { ManualClock } from '../manual-clock.ts'
import type { EspSerialOptions } from '../../../src/simulator/esp-serial/esp-board.ts'
import { BenchBoard, boardsOfThisFile } from './memory-wire.ts'

const keep = boardsOfThisFile()

/** `D1 R0 100`: lines and milliseconds, as in the protocol sheet; a pair in brackets is set at once. */
const classic = 'D0 R1 100 D1 R0 50 D0'
const tight = '(0,0) (1,1) (0,1) 100 (1,0) 50 (0,0)'
const usbJtag = 'R0 D0 100 D1 R0 100 R1 D0 R1 100 D0 R0'
const hardReset = 'D0 R1 100 R0 100'

class Board extends BenchBoard {
  readonly clock: ManualClock
  #lines: UartLines = { dtr: false, rts: false }

  constructor(options: EspSerialOptions = {}) {
    const clock = new ManualClock()
    super({ enDelayMs: 3, bootMs: 5, ...options, clock })
    this.clock = clock
    this.chip.powerOn(options.wiring === 'none')
    clock.advance(20)
  }

  run(sequence: string): string {
    for (const step of sequence.split(' ')) {
      const [what, value] = [step[0], step.slice(1)]
      if (what === 'D') this.#set({ ...this.#lines, dtr: value === '1' })
      else if (what === 'R') this.#set({ ...this.#lines, rts: value === '1' })
      else if (what === '(') this.#set({ dtr: step[1] === '1', rts: step[3] === '1' })
      else this.clock.advance(Number(step))
    }
    this.clock.advance(20)
    return this.chip.mode
  }

  #set(lines: UartLines): void {
    this.#lines = lines
    this.chip.onLines(lines)
  }
}

const newBoard = (options?: EspSerialOptions): Board => keep(new Board(options))

describe('the two transistors', () => {
  it.each([
    ['the classic sequence', classic, 'download'],
    ['both lines at once', tight, 'download'],
    ['a hard reset', hardReset, 'app'],
    ['a reset while DTR stays asserted', 'D1 R1 100 R0 100', 'app'],
    ['no pause before IO0 is let go', 'D0 R1 100 D1 R0 D0', 'app'],
    ['both lines asserted and released', 'D1 R1 100 D0 R0', 'app'],
    ['EN for ever', 'D0 R1 1000', 'held'],
    ['the sequence of a native port', usbJtag, 'app'],
  ])('make of %s: %s → %s', (_name, sequence, mode) => {
    expect(newBoard().run(sequence)).toBe(mode)
  })

  it('come out of reset once, however often EN is pulled before the capacitor is full', () => {
    const board = newBoard()
    board.text = ''
    board.run('D0 R1 100 R0 1 R1 1 R0 50')
    expect(board.text.match(/rst:0x1/g)).toHaveLength(1)
  })

  it('say what they do in the boot text', () => {
    const board = newBoard()
    expect(board.text).toContain('rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)')
    board.text = ''
    board.run(classic)
    expect(board.text).toContain('boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))')
    expect(board.text).toContain('waiting for download')
  })
})

describe('the chip’s own USB port', () => {
  it.each([
    [usbJtag, 'download'],
    [hardReset, 'app'],
    [classic, 'app'],
  ])('makes of %s: %s', (sequence, mode) => {
    expect(newBoard({ wiring: 'usb-serial-jtag', chip: 'ESP32-S3' }).run(sequence)).toBe(mode)
  })
})

describe('a board without lines', () => {
  it('waits for a download whatever the lines do, until it loses its supply', () => {
    const board = newBoard({ wiring: 'none' })
    expect(board.chip.mode).toBe('download')
    expect(board.run(hardReset)).toBe('download')
    board.chip.reset()
    expect(board.chip.mode).toBe('download')
    board.chip.onPower(false)
    expect(board.chip.mode).toBe('off')
    board.chip.onPower(true)
    expect(board.run('100')).toBe('app')
  })

  it('stays where it is when the cable goes, with a supply of its own', () => {
    const board = newBoard({ wiring: 'none', isSelfPowered: true })
    board.chip.onPower(false)
    expect(board.chip.mode).toBe('download')
  })
})
