/** A virtual STM32 on a serial line: power, BOOT0 and NRST, and what runs after a reset: the loader, an application, nothing. */
import type { FlashStorage } from '../board/flash-storage.ts'
import type { FaultSet } from '../faults/fault-table.ts'
import { seededRandom } from '../random.ts'
import type { UartLines, UartPeripheral, UartWire } from '../uart/uart.ts'
import type { Stm32FaultHooks } from './faults.ts'
import { SystemLoader } from './loader.ts'
import { PageFlash } from './page-flash.ts'
import { FLASH_BASE, flashBytesOf, RAM_BASE, type Stm32Product } from './products.ts'
import { ChipRunner } from '../uart/chip-program.ts'

export interface ChipSettings {
  readonly product: Stm32Product
  /** Older loaders say less; the product's by default. */
  readonly protocolVersion?: number
  /** Whether DTR is at BOOT0 and RTS asserted pulls NRST; without, BOOT0 is high for good. */
  readonly isWired: boolean
  /** Whether DTR asserted is BOOT0 low, as without an inverter in between. */
  readonly hasLowBoot0: boolean
  /** Whether the application says nothing when it starts. */
  readonly hasSilentApp: boolean
  /** Whether its flash is read-protected before it is switched on first. */
  readonly isReadProtected: boolean
  /** In its flash before it is switched on first. */
  readonly firmware: Uint8Array
  /** What the times of erasing and programming are multiplied with. */
  readonly timeScale: number
  readonly seed: number
  /** What tells chips of one seed apart. */
  readonly id: string
}

const APP_LINE = { baudRate: 115_200, parity: 'none' } as const
const LOADER_LINE = { baudRate: 115_200, parity: 'even' } as const
const UNIQUE_ID_BYTES = 12

export class Stm32Chip implements UartPeripheral {
  readonly flash: PageFlash
  readonly #settings: ChipSettings
  readonly #faults: () => FaultSet
  readonly #runner = new ChipRunner()
  readonly #uniqueId: Uint8Array
  #wire: UartWire | null = null
  #lines: UartLines = { dtr: false, rts: false }
  #isPowered = true
  #resets = 0
  /** WRITE commands whose data came. */
  writes = 0
  /** What it does now. */
  state: 'off' | 'held' | 'loader' | 'application' | 'hung' = 'off'

  constructor(settings: ChipSettings, storage: FlashStorage, faults: () => FaultSet) {
    this.#settings = settings
    this.#faults = faults
    const random = seededRandom(settings.seed, `${settings.id} uid`)
    this.#uniqueId = Uint8Array.from({ length: UNIQUE_ID_BYTES }, () => random.integer(256))
    this.flash = new PageFlash(settings.product, storage, () => this.#defects(), settings)
  }

  attach(wire: UartWire): void {
    this.#wire = wire
    this.#boot()
  }

  onBytes(bytes: Uint8Array): void {
    this.#runner.onBytes(bytes)
  }

  onLines(lines: UartLines): void {
    const before = this.#lines
    this.#lines = lines
    if (!this.#settings.isWired || !this.#isPowered) return
    if (lines.rts) {
      this.#runner.stop()
      this.state = 'held'
    } else if (before.rts) this.reset()
  }

  onPower(isOn: boolean): void {
    this.#isPowered = isOn
    if (isOn) this.reset()
    else {
      this.#runner.stop()
      this.state = 'off'
    }
  }

  /** As NRST does it: everything but the flash is made anew. */
  reset(): void {
    this.#resets++
    this.#boot()
  }

  close(): void {
    this.#runner.stop()
    this.flash.close()
  }

  /** What a start from flash would run; null where its first two words are no stack and no entry. */
  startable(): Uint8Array | null {
    return this.#isVectorTable(FLASH_BASE) ? this.flash.programmed() : null
  }

  #boot(): void {
    this.#runner.stop()
    const isBoot0High = !this.#settings.isWired || this.#lines.dtr !== this.#settings.hasLowBoot0
    if (isBoot0High) this.#startLoader()
    else this.#startApplication(FLASH_BASE)
  }

  #startLoader(): void {
    const { product, timeScale, protocolVersion } = this.#settings
    const wire = this.#wire
    if (wire === null) return
    this.state = 'loader'
    // Whatever the rate is of the first 0x7F.
    wire.setLine(LOADER_LINE)
    wire.followRate()
    const loader = new SystemLoader({
      product,
      protocolVersion: protocolVersion ?? product.protocolVersion,
      flash: this.flash,
      ram: new Uint8Array(product.ramBytes),
      faults: () => this.#hooks(),
      timeScale,
      pid: () => this.#pid(),
      information: (address, sizeBytes) => this.#information(address, sizeBytes),
      send: bytes => {
        wire.send(bytes)
      },
      synchronised: () => {
        wire.setLine(wire.line)
      },
      onWrite: () => {
        this.writes++
      },
      reset: () => {
        this.reset()
      },
      go: address => {
        this.#startApplication(address)
      },
    })
    this.#runner.start(loader.run())
  }

  #startApplication(address: number): void {
    this.#runner.stop()
    this.state = this.#isVectorTable(address) ? 'application' : 'hung'
    this.#wire?.setLine(APP_LINE)
    if (this.state === 'application' && !this.#settings.hasSilentApp) {
      this.#wire?.send(new TextEncoder().encode('app started\r\n'))
    }
  }

  #isVectorTable(address: number): boolean {
    const { product } = this.#settings
    const offset = address - FLASH_BASE
    if (offset < 0 || offset + 8 > this.flash.sizeBytes) return false
    const head = this.flash.read(offset, 8)
    const words = new DataView(head.buffer)
    const [stack, entry] = [words.getUint32(0, true), words.getUint32(4, true)]
    const isStack = stack % 4 === 0 && stack > RAM_BASE && stack <= RAM_BASE + product.ramBytes
    // Thumb code: the lowest bit is set.
    return isStack && entry % 2 === 1 && entry > FLASH_BASE && entry < FLASH_BASE + flashBytesOf(product)
  }

  #information(address: number, sizeBytes: number): Uint8Array | null {
    const { product } = this.#settings
    const flashKib = flashBytesOf(product) / 1024
    const places = [
      { start: product.uniqueIdAddress, bytes: this.#uniqueId },
      { start: product.flashSizeAddress, bytes: Uint8Array.of(flashKib & 0xff, flashKib >> 8) },
    ]
    for (const { start, bytes } of places) {
      const at = address - start
      if (at >= 0 && at + sizeBytes <= bytes.length) return bytes.slice(at, at + sizeBytes)
    }
    return null
  }

  #pid(): number {
    const others = this.#hooks().map(({ pidAfterReset }) => pidAfterReset)
    const other = this.#resets === 0 ? undefined : others.find(pid => pid !== undefined)
    return other ?? this.#settings.product.pid
  }

  #defects(): { protectedPages: number[]; stuckBits: { offset: number; mask: number }[] } {
    const hooks = this.#hooks()
    return {
      protectedPages: hooks.flatMap(({ protectedPages }) => protectedPages ?? []),
      stuckBits: hooks.flatMap(({ stuckBit }) =>
        stuckBit === undefined ? [] : [{ offset: stuckBit.address - FLASH_BASE, mask: stuckBit.mask }],
      ),
    }
  }

  #hooks(): readonly Stm32FaultHooks[] {
    return this.#faults().all.flatMap(({ stm32Serial }) => stm32Serial ?? [])
  }
}
