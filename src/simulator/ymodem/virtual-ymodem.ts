/** A virtual board whose own bootloader receives a program over YMODEM or XMODEM on a serial line. */
import { boardOptionsOf } from '../board/board-options.ts'
import { openFlashStorage, type FlashStorage } from '../board/flash-storage.ts'
import type { VirtualDevice } from '../device-kind.ts'
import { FaultSet, type NamedFault } from '../faults/fault-table.ts'
import { ChipRunner, read, type ChipProgram } from '../uart/chip-program.ts'
import { uartFaultsOf } from '../uart/line-faults.ts'
import { openUartPort } from '../uart/uart-port.ts'
import type { UartLines, UartPeripheral, UartPort, UartPortOptions, UartWire } from '../uart/uart.ts'
import { ymodemFaults, type YmodemFaultHooks } from './faults.ts'
import { YmodemReceiver, type ReceiverSettings } from './receiver.ts'

export interface YmodemOptions
  extends Partial<ReceiverSettings>, Partial<Omit<UartPortOptions, 'peripheral' | 'faults'>> {
  readonly identity?: { readonly id: string; readonly name: string; readonly mac?: string }
  readonly faults?: readonly NamedFault[]
  /** Folder of its flash; null keeps it in memory. */
  readonly flashDir?: string | null
}

export interface VirtualYmodem extends VirtualDevice {
  /** What it does now. */
  state(): 'off' | 'held' | 'bootloader' | 'application'
  readonly uart: UartPort
}

const APP_FILE = 'app.bin'
const STATE_FILE = 'app.json'
const LINE = { baudRate: 115_200, parity: 'none' } as const
/** Typed to the running application, and followed by the end of a line: it restarts into the bootloader. */
const UPDATE_WORD = 'update'
const BLOCK_BYTES = 1024

const defaults: ReceiverSettings = {
  protocol: 'ymodem',
  hasChecksum: false,
  hasMenu: false,
  pollMs: 1000,
  blockMs: 10_000,
  byteMs: 1000,
  eraseMs: 150,
  programMs: 4,
  flashBytes: 1024 * BLOCK_BYTES,
}

/**
 * Switches one on and resolves when clients can connect.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startVirtualYmodem(options: YmodemOptions = {}): Promise<VirtualYmodem> {
  const identity = { ...options.identity, chip: 'MCU', board: 'Board with a bootloader of its own' }
  const boardOptions = boardOptionsOf({ ...(options.seed !== undefined && { seed: options.seed }), identity })
  let faults = new FaultSet(options.faults ?? [], boardOptions.seed, ymodemFaults)
  const board = new YmodemBoard({ ...defaults, ...options }, openFlashStorage(options.flashDir ?? null), () =>
    faults.all.flatMap(({ ymodem }) => ymodem ?? []),
  )
  const uart = await openUartPort({
    carrier: 'rfc2217',
    ...options,
    peripheral: board,
    faults: () => uartFaultsOf(faults),
    seed: boardOptions.seed,
  })
  return {
    target: uart.target,
    identity: boardOptions.identity,
    get faults() {
      return faults.specs
    },
    // What it was programmed with is what it runs.
    stored: () => board.application(),
    activeImage: () => board.application(),
    leftovers: () => 0,
    dataRequests: () => board.blocks,
    setFaults: specs => {
      faults = new FaultSet(specs, boardOptions.seed, ymodemFaults)
    },
    reboot: () => {
      board.restart()
      return Promise.resolve()
    },
    panic: async () => {
      await uart.unplug()
      await uart.plug()
    },
    state: () => board.state,
    uart,
    close: async () => {
      await uart.close()
      board.close()
    },
  }
}

class YmodemBoard implements UartPeripheral {
  state: ReturnType<VirtualYmodem['state']> = 'off'
  /** Data blocks that came. */
  blocks = 0
  readonly #settings: ReceiverSettings
  readonly #storage: FlashStorage
  readonly #faults: () => readonly YmodemFaultHooks[]
  readonly #runner = new ChipRunner()
  #wire: UartWire | null = null
  #isHeld = false

  constructor(settings: ReceiverSettings, storage: FlashStorage, faults: () => readonly YmodemFaultHooks[]) {
    this.#settings = settings
    this.#storage = storage
    this.#faults = faults
  }

  attach(wire: UartWire): void {
    this.#wire = wire
    wire.setLine(LINE)
    this.restart()
  }

  onBytes(bytes: Uint8Array): void {
    this.#runner.onBytes(bytes)
  }

  /** RTS asserted pulls its reset. */
  onLines({ rts }: UartLines): void {
    const wasHeld = this.#isHeld
    this.#isHeld = rts
    if (this.state === 'off') return
    if (rts) {
      this.#runner.stop()
      this.state = 'held'
    } else if (wasHeld) this.restart()
  }

  onPower(isOn: boolean): void {
    if (isOn) this.restart()
    else {
      this.#runner.stop()
      this.state = 'off'
    }
  }

  /** Into the bootloader, which waits for a program for as long as it takes. */
  restart(): void {
    this.state = 'bootloader'
    const receiver = new YmodemReceiver(
      {
        faults: this.#faults,
        send: bytes => this.#wire?.send(bytes),
        erase: () => {
          this.#remember(null)
          this.#storage.write(APP_FILE, new Uint8Array())
        },
        store: (offset, bytes) => {
          this.#storage.writeAt(APP_FILE, offset, bytes)
        },
        onBlock: () => {
          this.blocks++
        },
        complete: sizeBytes => {
          this.#storage.settle(APP_FILE)
          this.#remember(sizeBytes)
        },
        restart: () => {
          this.restart()
        },
        startApplication: () => {
          this.state = 'application'
          this.#runner.start(this.#runApplication())
        },
      },
      this.#settings,
    )
    this.#runner.start(receiver.run())
  }

  /** The program that it would start; null where none was received to its end. */
  application(): Uint8Array | null {
    const state = this.#storage.read(STATE_FILE)
    if (state === null) return null
    // Written by `#remember` alone, into a folder of ours.
    const { sizeBytes } = JSON.parse(new TextDecoder().decode(state)) as { sizeBytes: number | null }
    return sizeBytes === null ? null : (this.#storage.read(APP_FILE)?.slice(0, sizeBytes) ?? null)
  }

  close(): void {
    this.#runner.stop()
    this.#storage.close()
  }

  *#runApplication(): ChipProgram {
    this.#wire?.send(
      new TextEncoder().encode(`\r\nboot: ${String(this.application()?.length ?? 0)} bytes\r\napp started\r\n`),
    )
    let line = ''
    for (;;) {
      const character = String.fromCharCode(...(yield* read(1)))
      if (character !== '\r' && character !== '\n') line = (line + character).slice(-UPDATE_WORD.length)
      else if (line === UPDATE_WORD) this.restart()
      else line = ''
    }
  }

  #remember(sizeBytes: number | null): void {
    this.#storage.write(STATE_FILE, new TextEncoder().encode(JSON.stringify({ sizeBytes })))
  }
}
