/** Boards and files for the tests of the plan and the run. */
import { buildDemoFirmware } from '../../../../src/core/formats/esp-image/demo-firmware.ts'
import { buildOtaData } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable, type Partition } from '../../../../src/core/formats/esp-image/partition-table.ts'
import { FakeEspBoard, type FakeEspOptions } from '../../../fakes/fake-esp-board.ts'
import { bootloader } from '../../formats/esp-image/esp-files.ts'

export const SLOT_BYTES = 0x10_0000
export const SLOT_0 = 0x1_0000
export const SLOT_1 = 0x11_0000

export const layout: readonly Partition[] = [
  { label: 'nvs', type: 'data', subtype: 'nvs', offset: 0x9000, sizeBytes: 0x5000 },
  { label: 'otadata', type: 'data', subtype: 'ota', offset: 0xe000, sizeBytes: 0x2000 },
  { label: 'app0', type: 'app', subtype: 'ota_0', offset: SLOT_0, sizeBytes: SLOT_BYTES },
  { label: 'app1', type: 'app', subtype: 'ota_1', offset: SLOT_1, sizeBytes: SLOT_BYTES },
  { label: 'spiffs', type: 'data', subtype: 'spiffs', offset: 0x21_0000, sizeBytes: 0x1f_0000 },
]

export const factoryOnly: readonly Partition[] = [
  { label: 'nvs', type: 'data', subtype: 'nvs', offset: 0x9000, sizeBytes: 0x6000 },
  { label: 'factory', type: 'app', subtype: 'factory', offset: SLOT_0, sizeBytes: SLOT_BYTES },
]

export function firmware(seed: number, more: { chip?: string; sizeBytes?: number; projectName?: string } = {}): Buffer {
  return Buffer.from(buildDemoFirmware({ sizeBytes: 200_000, version: `1.0.${String(seed)}`, seed, ...more }))
}

/** A board in the field: bootloader, table, settings, and an old app in `ota_0`, which runs. */
export function fieldBoard(
  options: FakeEspOptions & { readonly partitions?: readonly Partition[] } = {},
): FakeEspBoard {
  const board = new FakeEspBoard({ bootLog: bootLogOf, ...options })
  const { chip } = board.facts
  const partitions = options.partitions ?? layout
  board.put(chip.bootloaderOffset, bootloader(chip.name))
  board.put(0x8000, buildPartitionTable(partitions))
  board.put(0x9000, Buffer.alloc(0x3000, 0x5a))
  if (partitions === layout) board.put(0xe000, buildOtaData())
  board.put(SLOT_0, firmware(1, { chip: chip.name }))
  return board
}

/** What ESP-IDF's start prints, for the app that this flash would start. */
export function bootLogOf(flash: Uint8Array): string {
  const view = Buffer.from(flash.buffer)
  const first = view.readUInt32LE(0xe000)
  const second = view.readUInt32LE(0xf000)
  const isSecond = second !== 0xffff_ffff && (first === 0xffff_ffff || second > first)
  const sequence = isSecond ? second : first
  const app = sequence === 0xffff_ffff || sequence % 2 === 1 ? SLOT_0 : SLOT_1
  const text = (at: number): string => view.toString('latin1', app + 32 + at, app + 32 + at + 32).replace(/\0.*$/s, '')
  const elf = view.toString('hex', app + 32 + 144, app + 32 + 176)
  return [
    'ets Jul 29 2019 12:21:46',
    'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)',
    `\u001B[0;32mI (31) app_init: Project name:     ${text(48)}\u001B[0m`,
    `\u001B[0;32mI (35) app_init: App version:      ${text(16)}\u001B[0m`,
    `\u001B[0;32mI (39) app_init: ELF file SHA256:  ${elf.slice(0, 9)}...\u001B[0m`,
    '',
  ].join('\r\n')
}
