/** Says what an Espressif file is: application, bootloader, partition table, otadata or a merged image of several. */
import type { Finding } from '../../../shared/contract/models.ts'
import { ESP8266 } from './chips.ts'
import { describeMergedImage } from './describe-merged.ts'
import { finding, findDamage, findHeaderNotes, findTrailing, signatureFinding } from './findings.ts'
import { looksLikeImage } from './image-header.ts'
import { findSignature, walkImage, type EspImageLayout } from './image-layout.ts'
import { findMergedImage } from './merged-image.ts'
import { activeOtaRecord, isOtaData, OTA_DATA_BYTES, readOtaRecords } from './ota-data.ts'
import { PARTITION_TABLE_BYTES, readPartitionTable, type PartitionTable } from './partition-table.ts'
import {
  emptyReport,
  findAppNotes,
  findTableFaults,
  readDescriptorOf,
  reportImage,
  type EspDescription,
  type EspReport,
} from './report-fields.ts'

/** Where the application lies in a file of the ESP8266 Arduino core, behind its small loader. */
const ESP8266_APP_OFFSET = 0x1000

/** Describes a file; null when it is none of the kinds. Damage is reported in the findings, never thrown. */
export function describeEspFile(bytes: Uint8Array): EspDescription | null {
  const merged = findMergedImage(bytes)
  if (merged !== null) return describeMergedImage(bytes, merged)
  const table = readPartitionTable(bytes)
  if (table !== null) return describeTable(bytes, table)
  if (isOtaData(bytes)) return describeOtaData(bytes)
  const layout = walkImage(bytes)
  return layout === null ? null : describeImage(bytes, layout)
}

function describeImage(bytes: Uint8Array, first: EspImageLayout): EspDescription {
  const behindLoader = first.header.chip === ESP8266 ? walkBehindLoader(bytes) : null
  const layout = behindLoader ?? first
  const imageStart = behindLoader === null ? 0 : ESP8266_APP_OFFSET
  const app = readDescriptorOf(bytes, layout)
  const isApp = app !== null || behindLoader !== null || layout.hasFlashSegments !== false
  const declaredBytes = layout.declaredBytes === null ? null : imageStart + layout.declaredBytes
  const trailing = declaredBytes === null ? new Uint8Array() : bytes.subarray(declaredBytes)
  const findings = [
    ...(behindLoader === null ? [] : findDamage(first, 'loader: ')),
    ...findDamage(layout),
    ...findHeaderNotes(layout),
    ...findTrailing(trailing, 'image'),
    ...(isApp ? findAppNotes(app, layout) : [bootloaderFinding(layout)]),
  ]
  const esp: EspReport = {
    ...emptyReport(isApp ? 'app' : 'bootloader'),
    ...reportImage(layout),
    declaredBytes,
    trailingBytes: trailing.length,
    app,
  }
  return { esp, findings }
}

function walkBehindLoader(bytes: Uint8Array): EspImageLayout | null {
  if (looksLikeImage(bytes, ESP8266_APP_OFFSET) !== 'yes') return null
  const layout = walkImage(bytes, ESP8266_APP_OFFSET)
  return layout?.header.chip === ESP8266 ? layout : null
}

function bootloaderFinding(layout: EspImageLayout): Finding {
  const offset = layout.header.chip?.bootloaderOffset ?? 0
  const place = `0x${offset.toString(16)}`
  const text = `this is a bootloader (nothing in it is mapped from flash): its place is flash offset ${place}, never an app slot`
  return finding('warning', 'bootloader-image', text)
}

function describeTable(bytes: Uint8Array, table: PartitionTable): EspDescription {
  const signature = findSignature(bytes, 0, PARTITION_TABLE_BYTES)
  const declaredBytes = Math.min(bytes.length, signature?.end ?? PARTITION_TABLE_BYTES)
  const trailing = bytes.subarray(declaredBytes)
  const esp: EspReport = {
    ...emptyReport('partition-table'),
    checksumValid: table.md5Valid,
    declaredBytes,
    trailingBytes: trailing.length,
    isSigned: signature !== null,
    partitions: [...table.partitions],
  }
  const findings = [...findTableFaults(table), ...findTrailing(trailing, 'partition table')]
  if (signature?.isDigestRight === false) findings.push(signatureFinding())
  return { esp, findings }
}

function describeOtaData(bytes: Uint8Array): EspDescription {
  const active = activeOtaRecord(readOtaRecords(bytes))
  const text =
    active === null
      ? 'no record is valid: the bootloader starts the factory app, or the first slot'
      : `sequence ${String(active.sequence)} in sector ${String(active.sector)} decides the app slot (state: ${active.state})`
  const esp: EspReport = { ...emptyReport('otadata'), checksumValid: true, declaredBytes: OTA_DATA_BYTES }
  return { esp, findings: [finding('info', 'otadata-record', text)] }
}
