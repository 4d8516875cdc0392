/** Starts a virtual STM32 whose system bootloader waits on a serial line. */
import { boardOptionsOf } from '../board/board-options.ts'
import { openFlashStorage } from '../board/flash-storage.ts'
import type { VirtualDevice } from '../device-kind.ts'
import { FaultSet, type NamedFault } from '../faults/fault-table.ts'
import { uartFaultsOf } from '../uart/line-faults.ts'
import { openUartPort } from '../uart/uart-port.ts'
import type { LineChange, UartPort, UartPortOptions } from '../uart/uart.ts'
import { Stm32Chip, type ChipSettings } from './chip.ts'
import { stm32SerialFaults } from './faults.ts'
import { products, type ProductName } from './products.ts'

export interface Stm32SerialOptions
  extends Partial<Omit<ChipSettings, 'product' | 'id'>>, Partial<Omit<UartPortOptions, 'peripheral' | 'faults'>> {
  readonly identity?: { readonly id: string; readonly name: string; readonly mac?: string }
  readonly faults?: readonly NamedFault[]
  /** Folder of its flash; null keeps it in memory. */
  readonly flashDir?: string | null
  /** `f103` by default. */
  readonly product?: ProductName
}

export interface VirtualStm32Serial extends VirtualDevice {
  /** All of its flash, from 0x08000000. */
  flash(): Uint8Array
  /** What it does now. */
  state(): Stm32Chip['state']
  readonly lineHistory: readonly LineChange[]
  readonly uart: UartPort
}

/** The times of a real chip would make practice long. */
const DEFAULT_TIME_SCALE = 0.1

/**
 * Switches one on and resolves when clients can connect.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startVirtualStm32Serial(options: Stm32SerialOptions = {}): Promise<VirtualStm32Serial> {
  const product = products[options.product ?? 'f103']
  const identity = { ...options.identity, chip: product.name, board: 'STM32 with its bootloader on USART1' }
  const board = boardOptionsOf({ ...(options.seed !== undefined && { seed: options.seed }), identity })
  let faults = new FaultSet(options.faults ?? [], board.seed, stm32SerialFaults)
  const chip = new Stm32Chip(
    {
      isWired: false,
      hasLowBoot0: false,
      hasSilentApp: false,
      isReadProtected: false,
      firmware: new Uint8Array(),
      timeScale: DEFAULT_TIME_SCALE,
      ...options,
      product,
      seed: board.seed,
      id: board.identity.id,
    },
    openFlashStorage(options.flashDir ?? null),
    () => faults,
  )
  const uart = await openUartPort({
    carrier: 'rfc2217',
    ...options,
    peripheral: chip,
    faults: () => uartFaultsOf(faults),
    seed: board.seed,
  })
  return {
    target: uart.target,
    identity: board.identity,
    get faults() {
      return faults.specs
    },
    stored: () => chip.flash.programmed(),
    activeImage: () => chip.startable(),
    leftovers: () => 0,
    dataRequests: () => chip.writes,
    setFaults: specs => {
      faults = new FaultSet(specs, board.seed, stm32SerialFaults)
    },
    reboot: () => {
      chip.reset()
      return Promise.resolve()
    },
    panic: async () => {
      await uart.unplug()
      await uart.plug()
    },
    flash: () => chip.flash.content(),
    state: () => chip.state,
    lineHistory: uart.lineHistory,
    uart,
    close: async () => {
      await uart.close()
      chip.close()
    },
  }
}
