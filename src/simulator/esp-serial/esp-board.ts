/** A board with an Espressif chip, put together from its options; it has no port yet, and no power. */
import { FlashproofError } from '../../shared/errors.ts'
import { boardOptionsOf, type BoardSettings } from '../board/board-options.ts'
import type { BoardOptions } from '../board/board.ts'
import { openFlashStorage, type FlashStorage } from '../board/flash-storage.ts'
import { FaultSet, type NamedFault } from '../faults/fault-table.ts'
import type { UartPortOptions } from '../uart/uart.ts'
import { appPartitions, type BootPartition } from './bootloader.ts'
import { chipModelOf, type ChipModel } from './chip-table.ts'
import { espSerialFaults, type EspSerialFaultHooks } from './esp-faults.ts'
import { deliver, factoryApp, type FactoryState, type FactoryWish } from './factory.ts'
import { walkImage } from './image-walk.ts'
import { NorFlash, usualFlashTimes, type NorFlashTimes } from './nor-flash.ts'
import { VirtualChip } from './virtual-chip.ts'
import type { Wiring } from './wiring.ts'

export interface EspSerialOptions extends BoardSettings {
  /** A name of the table of chips; ESP32 by default. */
  readonly chip?: string
  /** major × 100 + minor; a usual one of the chip by default. */
  readonly revision?: number
  /** Which of the chip's magic values, from 0. */
  readonly magicIndex?: number
  /** A power of two; 4 MiB by default. */
  readonly flashBytes?: number
  readonly factory?: FactoryState
  /** Where its bootloader looks for the partition table; 0x8000 by default. */
  readonly tableOffset?: number
  readonly carrier?: UartPortOptions['carrier']
  readonly wiring?: Wiring
  readonly isSelfPowered?: boolean
  readonly isSecureDownload?: boolean
  readonly hasSecureBoot?: boolean
  readonly isEncrypted?: boolean
  /** How long flash work takes, in parts of a real chip's time; 0 takes none, 1 by default. */
  readonly timeScale?: number
  readonly enDelayMs?: number
  readonly heapEveryMs?: number
  readonly keepsRate?: boolean
  readonly latencyMs?: number
  readonly port?: number
}

const MIB = 1024 * 1024
const USUAL_TABLE_OFFSET = 0x8000

export class EspBoard {
  readonly options: BoardOptions
  readonly chip: VirtualChip
  readonly flash: NorFlash
  readonly chipName: string
  faults: FaultSet
  readonly #storage: FlashStorage | null
  /** The application that it came with; null for a board without one. */
  readonly #delivered: Uint8Array | null

  /** @throws {FlashproofError} option.invalid for a fault or a chip that does not exist or a value out of its range */
  constructor(settings: EspSerialOptions) {
    this.chipName = settings.chip ?? settings.identity?.chip ?? 'ESP32'
    const model = modelOf(this.chipName, settings)
    this.options = boardOptionsOf(
      { ...settings, identity: { ...settings.identity, chip: this.chipName } },
      espSerialFaults,
    )
    this.faults = new FaultSet(this.options.faults, this.options.seed, espSerialFaults)
    const wish: FactoryWish = {
      chip: this.chipName,
      flashBytes: settings.flashBytes ?? 4 * MIB,
      state: settings.factory ?? 'two-slots',
      tableOffset: settings.tableOffset ?? USUAL_TABLE_OFFSET,
      version: this.options.firmware.version,
      seed: this.options.seed,
    }
    this.#storage = typeof settings.flashDir === 'string' ? openFlashStorage(settings.flashDir) : null
    this.#delivered = factoryApp(wish)
    this.flash = this.#newFlash(wish)
    this.chip = this.#newChip(settings, model, wish)
  }

  setFaults(specs: readonly NamedFault[]): void {
    this.faults = new FaultSet(specs, this.options.seed, espSerialFaults)
  }

  /** The application that was written last since this process made the board, as long as its own header says, sound or not. */
  lastWrittenApp(): Uint8Array | null {
    const whole = { label: '', type: 0, subtype: 0, offset: 0, sizeBytes: this.flash.sizeBytes }
    const partitions =
      this.chipName === 'ESP8266' ? [whole] : appPartitions(this.flash, this.chip.bootPlace.tableOffset)
    let last: BootPartition | null = null
    let newest = 0
    for (const partition of partitions) {
      const writtenAs = this.flash.lastProgrammed(partition.offset, partition.sizeBytes)
      if (writtenAs <= newest) continue
      newest = writtenAs
      last = partition
    }
    if (last === null) return null
    const image = walkImage(this.flash.view(last.offset, last.sizeBytes), this.chip.bootPlace.imageChipId)
    return typeof image === 'string' ? null : this.flash.view(last.offset, image.sizeBytes).slice()
  }

  /** The application that runs or would start now; null for the one that it came with, and where none would. */
  newApp(): Uint8Array | null {
    const app = this.chip.runningApp
    if (app === null) return null
    const bytes = this.flash.view(app.partition.offset, app.image.sizeBytes).slice()
    const isDelivered = this.#delivered !== null && Buffer.compare(bytes, this.#delivered) === 0
    return isDelivered ? null : bytes
  }

  close(): void {
    this.chip.powerOff()
    this.#storage?.close()
  }

  #hooks(): readonly EspSerialFaultHooks[] {
    return this.faults.all.flatMap(({ espSerial }) => espSerial ?? [])
  }

  #newFlash(wish: FactoryWish): NorFlash {
    const faults = {
      programs: (offset: number, bytes: Uint8Array): Uint8Array =>
        this.#hooks().reduce((all, fault) => fault.programs?.(offset, all) ?? all, bytes),
      isStuck: (offset: number): boolean => this.#hooks().some(fault => fault.isStuck?.(offset) === true),
    }
    return new NorFlash(wish.flashBytes, this.#storage, faults, cells => {
      deliver(cells, wish)
    })
  }

  #newChip(settings: EspSerialOptions, model: ChipModel, { tableOffset }: FactoryWish): VirtualChip {
    const options = {
      model,
      mac: this.options.identity.mac,
      revision: settings.revision ?? model.usualRevision,
      magic: model.magics[settings.magicIndex ?? 0] ?? 0,
      security: {
        isSecureDownload: settings.isSecureDownload ?? false,
        hasSecureBoot: settings.hasSecureBoot ?? false,
        isEncrypted: settings.isEncrypted ?? false,
      },
      wiring: settings.wiring ?? 'two-transistors',
      isSelfPowered: settings.isSelfPowered ?? false,
      flashTimes: scaled(usualFlashTimes, settings.timeScale ?? 1),
      enDelayMs: settings.enDelayMs ?? 3,
      bootMs: settings.bootMs ?? 300,
      confirmMs: this.options.confirmMs,
      heapEveryMs: settings.heapEveryMs ?? 1000,
      clock: this.options.clock,
      tableOffset,
      factoryApp: this.#delivered,
    }
    return new VirtualChip(options, this.flash, () => this.#hooks())
  }
}

/** @throws {FlashproofError} option.invalid for a chip that is not in the table, or that cannot be locked so */
function modelOf(name: string, { isSecureDownload }: EspSerialOptions): ChipModel {
  try {
    const model = chipModelOf(name)
    if (isSecureDownload !== true || model.securityInfoBytes > 0) return model
  } catch (thrown) {
    throw new FlashproofError('option.invalid', `there is no virtual ${name}`, { chip: name }, { cause: thrown })
  }
  throw new FlashproofError('option.invalid', `the ${name} has no Secure Download Mode`, { chip: name })
}

function scaled(
  { eraseMsPerSector, programMsPerSector, readMsPerSector }: NorFlashTimes,
  scale: number,
): NorFlashTimes {
  return {
    eraseMsPerSector: eraseMsPerSector * scale,
    programMsPerSector: programMsPerSector * scale,
    readMsPerSector: readMsPerSector * scale,
  }
}
