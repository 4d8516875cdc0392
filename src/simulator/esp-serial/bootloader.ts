/**
 * What ROM and second-stage bootloader do with a flash: check the bootloader, read the partition table and otadata, choose an
 * application, roll back. Written for the device alone. Sources: protocol sheet 4.3 and 4.4; ESP-IDF `bootloader_utility.c`.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { walkImage, type WalkedImage } from './image-walk.ts'
import { SECTOR_BYTES, type NorFlash } from './nor-flash.ts'

export interface BootPartition {
  readonly label: string
  readonly type: number
  readonly subtype: number
  readonly offset: number
  readonly sizeBytes: number
}

export interface BootedApp {
  readonly kind: 'app'
  readonly partition: BootPartition
  readonly image: WalkedImage
  /** A new one that goes at the next reset unless it says before that it is well. */
  readonly isUnproven: boolean
  readonly partitions: readonly BootPartition[]
  readonly notes: readonly string[]
}

export interface FailedBoot {
  readonly kind: 'none'
  /** Whether the ROM found no bootloader; else the bootloader found no application. */
  readonly isRomFailure: boolean
  readonly partitions: readonly BootPartition[]
  readonly notes: readonly string[]
}

export type BootResult = BootedApp | FailedBoot

export interface BootPlace {
  readonly imageChipId: number | null
  readonly bootloaderOffset: number
  /** Where its bootloader was built to look for the partition table. */
  readonly tableOffset: number
}

const TABLE_BYTES = 0xc00
const ENTRY_BYTES = 32
const APP = 0
const DATA = 1
const FACTORY = 0x00
const FIRST_OTA_SLOT = 0x10
const LAST_OTA_SLOT = 0x1f
const OTA_DATA = 0x00

const states = { new: 0, pendingVerify: 1, valid: 2, invalid: 3, aborted: 4 } as const
const ERASED = 0xffff_ffff

interface OtaRecord {
  readonly sector: 0 | 1
  readonly sequence: number
  readonly state: number
}

/**
 * Boots.
 * @param mayWrite whether otadata is brought up to date as the bootloader does; false to look what would start
 */
export function bootFrom(flash: NorFlash, place: BootPlace, mayWrite: boolean): BootResult {
  const { bootloaderOffset, imageChipId, tableOffset } = place
  // The ESP8266 has no second stage: what lies at 0 is what it runs.
  const end = imageChipId === null ? flash.sizeBytes : tableOffset
  const first = walkImage(flash.view(bootloaderOffset, end - bootloaderOffset), imageChipId)
  if (typeof first === 'string' || !first.isChecksumRight) {
    const note = typeof first === 'string' ? first : 'csum err'
    return { kind: 'none', isRomFailure: true, partitions: [], notes: [note] }
  }
  if (imageChipId === null) {
    const partition = { label: '', type: APP, subtype: FACTORY, offset: 0, sizeBytes: flash.sizeBytes }
    return { kind: 'app', partition, image: first, isUnproven: false, partitions: [], notes: [] }
  }
  const partitions = readTable(flash, tableOffset)
  if (typeof partitions === 'string') {
    return {
      kind: 'none',
      isRomFailure: false,
      partitions: [],
      notes: [partitions, 'E boot: load partition table error!'],
    }
  }
  return bootApp(flash, imageChipId, partitions, mayWrite)
}

/** The application says that it is well: what was tried stays. */
export function markValid(flash: NorFlash, { tableOffset }: Pick<BootPlace, 'tableOffset'>): void {
  const partitions = readTable(flash, tableOffset)
  if (typeof partitions === 'string') return
  const otaData = findOtaData(partitions)
  const record = otaData === undefined ? null : activeRecord(readRecords(flash, otaData))
  if (otaData !== undefined && record?.state === states.pendingVerify) {
    writeRecord(flash, otaData, { ...record, state: states.valid })
  }
}

/** All partitions of applications, whatever lies in them; empty where there is no sound table. */
export function appPartitions(flash: NorFlash, tableOffset: number): readonly BootPartition[] {
  const partitions = readTable(flash, tableOffset)
  return typeof partitions === 'string' ? [] : partitions.filter(({ type }) => type === APP)
}

function bootApp(
  flash: NorFlash,
  imageChipId: number,
  partitions: readonly BootPartition[],
  mayWrite: boolean,
): BootResult {
  const notes: string[] = []
  const otaData = findOtaData(partitions)
  let records = otaData === undefined ? [] : readRecords(flash, otaData)
  for (const record of records) {
    if (otaData === undefined || record.state !== states.pendingVerify) continue
    // It was tried, and a reset came before it said that it was well.
    const aborted = { ...record, state: states.aborted }
    if (mayWrite) writeRecord(flash, otaData, aborted)
    records = records.map(other => (other === record ? aborted : other))
    notes.push('W boot: the last app did not confirm itself, rolling back')
  }
  const active = activeRecord(records)
  for (const candidate of candidatesFor(partitions, active)) {
    const image = walkImage(flash.view(candidate.offset, candidate.sizeBytes), imageChipId)
    const problem = problemOf(image)
    if (problem !== null || typeof image === 'string') {
      notes.push(
        `E esp_image: ${problem ?? ''}`,
        `E boot: OTA app partition slot at 0x${hex(candidate.offset)} is not bootable`,
      )
      continue
    }
    const isActive = active !== null && candidate === slotOf(partitions, active)
    const isNew = isActive && active.state === states.new
    if (isNew && otaData !== undefined && mayWrite)
      writeRecord(flash, otaData, { ...active, state: states.pendingVerify })
    return { kind: 'app', partition: candidate, image, isUnproven: isNew, partitions, notes }
  }
  notes.push('E boot: No bootable app partitions in the partition table')
  return { kind: 'none', isRomFailure: false, partitions, notes }
}

function problemOf(image: WalkedImage | string): string | null {
  if (typeof image === 'string') return image
  if (!image.isChecksumRight) return 'Checksum failed'
  return image.isHashRight === false ? 'Image hash failed - image is corrupt' : null
}

/** First the chosen one, then back to the first slot and the factory application, then the slots behind it. */
function candidatesFor(partitions: readonly BootPartition[], active: OtaRecord | null): readonly BootPartition[] {
  const slots = slotsOf(partitions)
  const factory = partitions.filter(({ type, subtype }) => type === APP && subtype === FACTORY)
  const chosen = active === null ? undefined : slotOf(partitions, active)
  if (chosen === undefined) return [...factory, ...slots]
  const index = slots.indexOf(chosen)
  return [...slots.slice(0, index + 1).reverse(), ...factory, ...slots.slice(index + 1)]
}

function slotsOf(partitions: readonly BootPartition[]): readonly BootPartition[] {
  return partitions
    .filter(({ type, subtype }) => type === APP && subtype >= FIRST_OTA_SLOT && subtype <= LAST_OTA_SLOT)
    .sort((left, right) => left.subtype - right.subtype)
}

function slotOf(partitions: readonly BootPartition[], { sequence }: OtaRecord): BootPartition | undefined {
  const slots = slotsOf(partitions)
  return slots[(sequence - 1) % slots.length]
}

function findOtaData(partitions: readonly BootPartition[]): BootPartition | undefined {
  return partitions.find(({ type, subtype }) => type === DATA && subtype === OTA_DATA)
}

/** @returns the reason where the table is not sound */
function readTable(flash: NorFlash, tableOffset: number): readonly BootPartition[] | string {
  const bytes = flash.view(tableOffset, TABLE_BYTES)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const partitions: BootPartition[] = []
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const magic = view.getUint16(at, true)
    if (magic === 0xebeb) {
      const md5 = createHash('md5').update(bytes.subarray(0, at)).digest()
      return md5.equals(bytes.subarray(at + 16, at + 32))
        ? partitions
        : 'E flash_parts: MD5 checksum of the table is wrong'
    }
    if (magic !== 0x50aa) {
      if (magic === 0xffff && partitions.length > 0) return partitions
      return `E flash_parts: partition ${String(at / ENTRY_BYTES)} invalid magic number 0x${hex(magic)}`
    }
    const label = bytes.subarray(at + 12, at + 28)
    partitions.push({
      type: view.getUint8(at + 2),
      subtype: view.getUint8(at + 3),
      offset: view.getUint32(at + 4, true),
      sizeBytes: view.getUint32(at + 8, true),
      label: Buffer.from(label).toString('latin1').replace(/\0.*$/s, ''),
    })
  }
  return partitions
}

function readRecords(flash: NorFlash, { offset }: BootPartition): readonly OtaRecord[] {
  const records: OtaRecord[] = []
  for (const sector of [0, 1] as const) {
    const bytes = flash.view(offset + sector * SECTOR_BYTES, 32)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const sequence = view.getUint32(0, true)
    if (sequence === ERASED || sequence === 0) continue
    if (view.getUint32(28, true) !== crc32(bytes.subarray(0, 4), ERASED)) continue
    records.push({ sector, sequence, state: view.getUint32(24, true) })
  }
  return records
}

function activeRecord(records: readonly OtaRecord[]): OtaRecord | null {
  let active: OtaRecord | null = null
  for (const record of records) {
    if (record.state === states.invalid || record.state === states.aborted) continue
    if (active === null || record.sequence > active.sequence) active = record
  }
  return active
}

function writeRecord(flash: NorFlash, otaData: BootPartition, { sector, state }: OtaRecord): void {
  const at = otaData.offset + sector * SECTOR_BYTES
  const bytes = flash.view(at, 32).slice()
  new DataView(bytes.buffer).setUint32(24, state, true)
  flash.eraseSector(at)
  flash.program(at, bytes)
}

function hex(value: number): string {
  return value.toString(16)
}
