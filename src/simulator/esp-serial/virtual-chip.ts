/**
 * A virtual Espressif chip on a UART: reset by the modem lines, ROM loader or boot from flash, stub, application with its log.
 * Everything but the flash and the efuses is made anew at each reset.
 */
import { chipByName } from '../../core/formats/esp-image/chips.ts'
import type { DeviceClock } from '../board/device-clock.ts'
import type { UartLines, UartPeripheral, UartWire } from '../uart/uart.ts'
import { appLog, bootloaderLog, heapLine, invalidHeader, panicLog, romBanner, type ResetReason } from './boot-log.ts'
import { bootFrom, markValid, type BootedApp, type BootPlace } from './bootloader.ts'
import type { ChipModel } from './chip-table.ts'
import type { EspSerialFaultHooks } from './esp-faults.ts'
import { FlashWork } from './flash-work.ts'
import { imageDataOps, type Loader, type LoaderHost, type SecurityFacts } from './loader.ts'
import type { NorFlash, NorFlashTimes } from './nor-flash.ts'
import { RegisterFile } from './registers.ts'
import { RomLoader } from './rom-loader.ts'
import { StubLoader } from './stub-loader.ts'
import { LineWiring, type Wiring } from './wiring.ts'

export interface ChipOptions {
  readonly model: ChipModel
  readonly mac: string
  readonly revision: number
  readonly magic: number
  readonly security: SecurityFacts
  readonly wiring: Wiring
  /** Whether it keeps its supply when the cable is pulled. */
  readonly isSelfPowered: boolean
  readonly flashTimes: NorFlashTimes
  /** From the release of EN until IO0 is looked at: the capacitor at EN. */
  readonly enDelayMs: number
  /** From a reset until the application runs. */
  readonly bootMs: number
  /** From there until it says that it is well. */
  readonly confirmMs: number
  /** Between two lines with the free heap; 0 for none. */
  readonly heapEveryMs: number
  readonly clock: DeviceClock
  /** Where its bootloader looks for the partition table. */
  readonly tableOffset: number
  /** Tells delivered firmware from new. */
  readonly factoryApp: Uint8Array | null
}

/** Where the chip has come to. `none`: nothing bootable, or nothing that answers until the next reset. */
export type ChipMode = 'off' | 'held' | 'booting' | 'download' | 'stub' | 'app' | 'none'

const DEFAULT_BAUD_RATE = 115_200
const ESP8266_BOOT_BAUD_RATE = 74_880
/** A chip that cannot boot tries again; a real one never stops. */
const BOOT_TRIES = 5
const RETRY_MS = 100
const PANIC_AFTER_MS = 30
const FREE_HEAP_BYTES = 270_000

export class VirtualChip implements UartPeripheral {
  mode: ChipMode = 'off'
  /** Every command that a loader took, in order. */
  readonly frames: number[] = []
  dataRequests = 0
  mac: string
  readonly #options: ChipOptions
  readonly #flash: NorFlash
  readonly #faults: () => readonly EspSerialFaultHooks[]
  readonly #wiring: LineWiring
  readonly #timers = new Set<() => void>()
  readonly #bootWaiters: ((mode: ChipMode) => void)[] = []
  #wire: UartWire | null = null
  #loader: Loader | null = null
  #app: BootedApp | null = null
  /** Counts resets, so that nothing of an earlier life goes on in a later one. */
  #life = 0
  #isDownloadWanted: boolean
  #failedBoots = 0

  constructor(options: ChipOptions, flash: NorFlash, faults: () => readonly EspSerialFaultHooks[]) {
    this.#options = options
    this.#flash = flash
    this.#faults = faults
    this.#wiring = new LineWiring(options.wiring)
    this.#isDownloadWanted = options.wiring === 'none'
    this.mac = options.mac
  }

  attach(wire: UartWire): void {
    this.#wire = wire
  }

  onBytes(bytes: Uint8Array): void {
    this.#loader?.receive(bytes)
  }

  onLines(lines: UartLines): void {
    const effect = this.#wiring.follow(lines)
    if (effect === null || this.mode === 'off') return
    this.#isDownloadWanted = effect.isDownloadWanted
    if (effect.reset === 'reset') this.reset()
    else if (effect.reset === 'held' && this.mode !== 'held') {
      this.#endLife('held')
    } else if (effect.reset === 'held') {
      // Pulled again before the capacitor was full.
      this.#stopTimers()
    } else if (this.mode === 'held' && this.#timers.size === 0) {
      this.#after(this.#options.enDelayMs, () => {
        this.reset()
      })
    }
  }

  onPower(isOn: boolean): void {
    if (this.#options.isSelfPowered) return
    if (isOn) this.powerOn()
    else this.powerOff()
  }

  /** Gets its supply; who held IO0 low by hand before has let it go, unless told otherwise. */
  powerOn(isDownloadHeld = false): void {
    this.#isDownloadWanted = isDownloadHeld
    this.#failedBoots = 0
    this.#start('power-on', true)
  }

  powerOff(): void {
    this.#endLife('off')
  }

  /** EN goes low and high again. */
  reset(): void {
    this.#failedBoots = 0
    for (const fault of this.#faults()) this.#become(fault.macAfterReset?.() ?? this.mac)
    this.#start('power-on', true)
  }

  /** Resolves with the mode when it has come out of its next reset or power-on. Call it before what causes that. */
  nextBoot(): Promise<ChipMode> {
    return new Promise(resolve => this.#bootWaiters.push(resolve))
  }

  get bootPlace(): BootPlace {
    const { model, tableOffset } = this.#options
    const chip = chipByName(model.name)
    return { imageChipId: chip?.imageChipId ?? null, bootloaderOffset: chip?.bootloaderOffset ?? 0, tableOffset }
  }

  /** What it runs; while it runs nothing, what its bootloader would start now. */
  get runningApp(): BootedApp | null {
    if (this.#app !== null) return this.#app
    const next = bootFrom(this.#flash, this.bootPlace, false)
    return next.kind === 'app' ? next : null
  }

  #become(mac: string): void {
    if (mac === this.mac) return
    this.mac = mac
    this.#flash.renew()
  }

  #start(reason: ResetReason, hasBanner: boolean): void {
    this.#endLife('booting')
    const { model, bootMs } = this.#options
    const bootRate = model.rom === 'esp8266' ? ESP8266_BOOT_BAUD_RATE : DEFAULT_BAUD_RATE
    this.#wire?.setLine({ baudRate: bootRate, parity: 'none' })
    if (hasBanner) this.#say(romBanner(model, reason, this.#isDownloadWanted))
    if (this.#isDownloadWanted) {
      this.#wire?.setLine({ baudRate: DEFAULT_BAUD_RATE, parity: 'none' })
      // The ROM measures the rate by the first SYNC.
      this.#wire?.followRate()
      this.#loader = new RomLoader(this.#hostOfLife())
      this.#settle('download')
    } else if (bootMs === 0) this.#boot()
    else {
      this.#after(bootMs, () => {
        this.#boot()
      })
    }
  }

  #boot(): void {
    const { model, factoryApp, confirmMs } = this.#options
    this.#wire?.setLine({ baudRate: DEFAULT_BAUD_RATE, parity: 'none' })
    const result = bootFrom(this.#flash, this.bootPlace, true)
    if (result.kind === 'none') {
      this.#log(result.isRomFailure ? invalidHeader(result.notes) : bootloaderLog(result))
      this.#settle('none')
      if (++this.#failedBoots >= BOOT_TRIES) return
      this.#after(RETRY_MS, () => {
        this.#start('watchdog', true)
      })
      return
    }
    this.#app = result
    if (model.rom !== 'esp8266') this.#log(bootloaderLog(result) + appLog(this.#flash, result))
    this.#settle('app')
    const isNew = factoryApp === null || !this.#isImage(result, factoryApp)
    const crashes = this.#faults().map(fault => fault.crashes)
    if (crashes.includes('always') || (crashes.includes('unproven') && isNew)) {
      this.#after(Math.min(PANIC_AFTER_MS, confirmMs), () => {
        this.#panic()
      })
      return
    }
    if (result.isUnproven) {
      this.#after(confirmMs, () => {
        markValid(this.#flash, this.#options)
      })
    }
    this.#sayHeap()
  }

  #panic(): void {
    this.#log(panicLog())
    if (++this.#failedBoots >= BOOT_TRIES) this.#endLife('none')
    else this.#start('panic', true)
  }

  #sayHeap(): void {
    const { heapEveryMs } = this.#options
    if (heapEveryMs === 0) return
    let lines = 0
    const sayOne = (): void => {
      // It falls and comes back, as heaps do.
      this.#log(heapLine(FREE_HEAP_BYTES - (lines++ % 8) * 512))
      this.#after(heapEveryMs, sayOne)
    }
    sayOne()
  }

  #isImage({ partition, image }: BootedApp, bytes: Uint8Array): boolean {
    return Buffer.compare(this.#flash.view(partition.offset, image.sizeBytes), bytes) === 0
  }

  #settle(mode: ChipMode): void {
    this.mode = mode
    for (const resolve of this.#bootWaiters.splice(0)) resolve(mode)
  }

  #endLife(mode: ChipMode): void {
    this.#life++
    this.#stopTimers()
    this.#loader = null
    this.#app = null
    this.mode = mode
  }

  #stopTimers(): void {
    for (const stop of this.#timers) stop()
    this.#timers.clear()
  }

  #after(delayMs: number, action: () => void): void {
    const stop = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(stop)
      action()
    })
    this.#timers.add(stop)
  }

  #say(text: string): void {
    this.#wire?.send(new TextEncoder().encode(text))
  }

  /** Of bootloader and application: what a fault may take away. */
  #log(text: string): void {
    if (!this.#faults().some(({ isLogSilent }) => isLogSilent === true)) this.#say(text)
  }

  /** The chip as the loaders of this life see it: after the next reset nothing that they do reaches anything. */
  #hostOfLife(): LoaderHost {
    const life = this.#life
    const flash = this.#flash
    const { model, security, revision, magic, flashTimes } = this.#options
    const isAlive = (): boolean => this.#life === life
    const alive = (action: () => void): void => {
      if (isAlive()) action()
    }
    const jedecId = (): number =>
      this.#loader instanceof RomLoader && !this.#loader.isFlashAttached ? 0xff_ffff : flash.jedecId
    const pause = (ms: number): Promise<void> =>
      new Promise(resolve => {
        alive(() => {
          this.#after(ms, resolve)
        })
      })
    const times = (): NorFlashTimes => {
      const factor = this.#faults().reduce((product, { eraseFactor }) => product * (eraseFactor ?? 1), 1)
      return { ...flashTimes, eraseMsPerSector: flashTimes.eraseMsPerSector * factor }
    }
    return {
      chip: model,
      imageChipId: this.bootPlace.imageChipId ?? 0,
      flash,
      work: new FlashWork(flash, times, { isAlive, pause }),
      registers: new RegisterFile(model, { mac: this.mac, revision, magic, ...security }, jedecId),
      security,
      faults: this.#faults,
      send: bytes => {
        alive(() => this.#wire?.send(bytes))
      },
      setBaudRate: baudRate => {
        alive(() => {
          this.#setBaudRate(baudRate)
        })
      },
      keepRate: () => {
        alive(() => this.#wire?.setLine(this.#wire.line))
      },
      isAlive,
      onCommand: op => {
        this.frames.push(op)
        if (imageDataOps.has(op)) this.dataRequests++
      },
      runRam: () => {
        alive(() => {
          this.#runStub()
        })
      },
      leave: how => {
        alive(() => {
          if (how === 'reset') this.#start('software', true)
          else {
            this.#endLife('booting')
            this.#boot()
          }
        })
      },
      crash: () => {
        alive(() => {
          this.#isDownloadWanted = false
          this.#start('watchdog', true)
        })
      },
    }
  }

  #runStub(): void {
    if (this.#faults().some(fault => fault.silencesStub?.() === true)) {
      this.#endLife('none')
      return
    }
    const stub = new StubLoader(this.#hostOfLife())
    this.#loader = stub
    this.mode = 'stub'
    stub.greet()
  }

  #setBaudRate(baudRate: number): void {
    const fastest = Math.min(...this.#faults().map(fault => fault.fastestBaudRate ?? Number.POSITIVE_INFINITY))
    // Another rate than the client's is what garbage comes of.
    const real = baudRate > fastest ? Math.round(baudRate * 0.8) : baudRate
    this.#wire?.setLine({ baudRate: real, parity: 'none' })
  }
}
