/** A virtual board with an Espressif chip on a serial port: what tests and fleets start. */
import type { VirtualDevice } from '../device-kind.ts'
import { uartFaultsOf } from '../uart/line-faults.ts'
import { openUartPort } from '../uart/uart-port.ts'
import type { LineChange } from '../uart/uart.ts'
import { EspBoard, type EspSerialOptions } from './esp-board.ts'
import type { ChipMode } from './virtual-chip.ts'

export interface VirtualEspSerial extends VirtualDevice {
  readonly chip: string
  /** Where it has come to: in a loader, in an application, held in reset. */
  readonly mode: ChipMode
  /** Every change of the modem lines since the start. */
  readonly lineHistory: readonly LineChange[]
  /** The commands that its loaders took, in order. */
  readonly frames: readonly number[]
  /** A copy of the whole flash. */
  flash(): Uint8Array
  /** Resolves when it has come out of its next reset. Call it before what causes that. */
  nextBoot(): Promise<ChipMode>
  /** Pulls the cable until `plug`. */
  unplug(): Promise<void>
  plug(): Promise<void>
}

/**
 * Switches one on and resolves when clients can open its port.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startVirtualEspSerial(options: EspSerialOptions = {}): Promise<VirtualEspSerial> {
  const board = new EspBoard(options)
  const { chip } = board
  const port = await openUartPort({
    peripheral: chip,
    carrier: options.carrier ?? 'rfc2217',
    faults: () => uartFaultsOf(board.faults),
    seed: board.options.seed,
    keepsRate: options.keepsRate ?? false,
    latencyMs: options.latencyMs ?? 0,
    port: options.port ?? 0,
  })
  chip.powerOn(options.wiring === 'none')
  const afterNextBoot = (cause: () => void): Promise<void> => {
    const back = chip.nextBoot()
    cause()
    return back.then(() => undefined)
  }
  return {
    target: port.target,
    chip: board.chipName,
    get mode() {
      return chip.mode
    },
    get identity() {
      return { ...board.options.identity, mac: chip.mac }
    },
    get faults() {
      return board.faults.specs
    },
    get lineHistory() {
      return port.lineHistory
    },
    frames: chip.frames,
    flash: () => board.flash.copy(),
    stored: () => board.lastWrittenApp(),
    activeImage: () => board.newApp(),
    // What a broken transfer leaves lies where the next one writes: nothing gathers.
    leftovers: () => 0,
    dataRequests: () => chip.dataRequests,
    setFaults: specs => {
      board.setFaults(specs)
    },
    reboot: () =>
      afterNextBoot(() => {
        chip.reset()
      }),
    panic: () =>
      afterNextBoot(() => {
        chip.powerOff()
        chip.powerOn()
      }),
    nextBoot: () => chip.nextBoot(),
    unplug: () => port.unplug(),
    plug: () => port.plug(),
    close: async () => {
      board.close()
      await port.close()
    },
  }
}
