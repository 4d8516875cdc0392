/** Describes a merged image: every part checked by itself, the findings named by part. */
import type { Finding } from '../../../shared/contract/models.ts'
import { formatAddress } from '../../../shared/units.ts'
import { finding, findDamage, findHeaderNotes } from './findings.ts'
import { walkImage, type EspImageLayout } from './image-layout.ts'
import type { MergedImage } from './merged-image.ts'
import { activeOtaRecord, OTA_DATA_BYTES, readOtaRecords, slotOfSequence } from './ota-data.ts'
import {
  emptyReport,
  findAppNotes,
  findTableFaults,
  readDescriptorOf,
  reportImage,
  type EspDescription,
  type EspReport,
} from './report-fields.ts'

export function describeMergedImage(bytes: Uint8Array, merged: MergedImage): EspDescription {
  const images = imagesOf(bytes, merged)
  const bootloader = images.find(({ kind }) => kind === 'bootloader')
  const apps = images.filter(({ kind }) => kind === 'app')
  const firstApp = apps[0]
  const app = firstApp === undefined ? null : readDescriptorOf(bytes, firstApp.layout)
  const chips = new Set(images.map(({ layout }) => layout.header.chip?.name))
  const header = bootloader ?? firstApp
  const esp: EspReport = {
    ...emptyReport('merged'),
    ...(header === undefined ? {} : reportImage(header.layout)),
    segmentCount: null,
    entryAddress: null,
    checksumValid: allValid(images.map(({ layout }) => layout.checksum)),
    sha256Valid: allValid(images.map(({ layout }) => layout.digest).filter(digest => digest !== null)),
    isSigned: images.some(({ layout }) => layout.isSigned),
    app,
    partitions: merged.table === null ? null : [...merged.table.partitions],
    parts: [...merged.parts],
  }
  const findings: Finding[] = [mergedFinding(merged)]
  if (merged.table === null) {
    findings.push(finding('error', 'no-partition-table', 'no partition table follows the bootloader'))
  } else findings.push(...findTableFaults(merged.table))
  if (apps.length === 0) findings.push(finding('warning', 'no-app', 'no application lies in the app partitions'))
  if (chips.size > 1) {
    const names = [...chips].map(name => name ?? 'an unknown chip').join(' and ')
    findings.push(finding('error', 'mixed-chips', `the parts were made for ${names}`))
  }
  for (const { kind, offset, layout } of images) {
    const part = `${kind} at ${formatAddress(offset)}: `
    findings.push(...findDamage(layout, part), ...findHeaderNotes(layout, part))
  }
  if (firstApp !== undefined) findings.push(...findAppNotes(app, firstApp.layout))
  findings.push(...findMisfits(merged, apps, esp.flashSize), ...findEmptySlot(bytes, merged))
  return { esp, findings }
}

interface PartImage {
  readonly kind: string
  readonly offset: number
  readonly layout: EspImageLayout
}

function imagesOf(bytes: Uint8Array, merged: MergedImage): PartImage[] {
  const images: PartImage[] = []
  for (const { kind, offset } of merged.parts) {
    if (kind !== 'bootloader' && kind !== 'app') continue
    const layout = walkImage(bytes, offset)
    if (layout !== null) images.push({ kind, offset, layout })
  }
  return images
}

/** Null where there is nothing to compare; false where one of them is wrong or missing. */
function allValid(pairs: readonly ({ expected: unknown; found: unknown } | null)[]): boolean | null {
  if (pairs.length === 0) return null
  return pairs.every(pair => pair !== null && pair.expected === pair.found)
}

function mergedFinding(merged: MergedImage): Finding {
  const place = `0x${merged.flashStart.toString(16)}`
  const text = `a merged image of ${String(merged.parts.length)} parts: write it over a serial port at flash offset ${place}; an over-the-air update refuses it`
  return finding('warning', 'merged-image', text)
}

/** Applications and partitions that do not fit where the table puts them. */
function findMisfits(merged: MergedImage, apps: readonly PartImage[], flashSize: string | null): Finding[] {
  const findings: Finding[] = []
  const partitions = merged.table?.partitions ?? []
  for (const { offset, layout } of apps) {
    const partition = partitions.find(candidate => candidate.offset === offset + merged.flashStart)
    const sizeBytes = layout.declaredBytes ?? 0
    if (partition === undefined || sizeBytes <= partition.sizeBytes) continue
    const text = `the application of ${String(sizeBytes)} bytes does not fit into “${partition.label}” (${String(partition.sizeBytes)} bytes)`
    findings.push(finding('error', 'app-too-large', text))
  }
  const flashBytes = flashSize === null ? Infinity : Number.parseInt(flashSize, 10) * 1024 * 1024
  for (const { label, offset, sizeBytes } of partitions) {
    if (offset + sizeBytes <= flashBytes) continue
    const text = `the partition “${label}” ends past the flash of ${String(flashSize)} that the bootloader's header names`
    findings.push(finding('warning', 'partition-past-flash', text))
  }
  return findings
}

/** A choice of an app slot in which no application lies: the bootloader would fall back, or not start. */
function findEmptySlot(bytes: Uint8Array, merged: MergedImage): Finding[] {
  const otaData = merged.parts.find(({ kind }) => kind === 'otadata')
  const slots = (merged.table?.partitions ?? []).filter(
    ({ type, subtype }) => type === 'app' && subtype.startsWith('ota_'),
  )
  if (otaData === undefined || slots.length === 0) return []
  const at = otaData.offset
  const active = activeOtaRecord(readOtaRecords(bytes.subarray(at, at + OTA_DATA_BYTES)))
  if (active === null) return []
  const slotNumber = slotOfSequence(active.sequence, slots.length)
  const slot = slots.find(({ subtype }) => subtype === `ota_${String(slotNumber)}`)
  if (slot !== undefined && merged.appsAt.includes(slot.offset - merged.flashStart)) return []
  const text = `otadata chooses slot ota_${String(slotNumber)}, in which no application lies`
  return [finding('warning', 'empty-slot-chosen', text)]
}
