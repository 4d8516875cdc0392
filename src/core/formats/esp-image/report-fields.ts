/** The parts of a report that every kind of Espressif file shares. */
import type { Finding, Inspection } from '../../../shared/contract/models.ts'
import { stripControl } from '../../../shared/units.ts'
import { readAppDescriptor, type AppDescriptor } from './app-descriptor.ts'
import { ESP8266 } from './chips.ts'
import { finding } from './findings.ts'
import { chipNameOf } from './image-header.ts'
import type { EspImageLayout } from './image-layout.ts'
import type { PartitionTable } from './partition-table.ts'

export type EspReport = NonNullable<Inspection['esp']>

export interface EspDescription {
  readonly esp: EspReport
  readonly findings: readonly Finding[]
}

/** Arduino's core is compiled once for all sketches, so this project name says nothing about the sketch. */
const ARDUINO_PROJECT_NAME = 'arduino-lib-builder'
/** The report with every field at “does not apply”. */
export function emptyReport(kind: EspReport['kind']): EspReport {
  return {
    kind,
    chip: null,
    chipId: null,
    minChipRevision: null,
    maxChipRevision: null,
    segmentCount: null,
    entryAddress: null,
    flashMode: null,
    flashSize: null,
    flashFrequency: null,
    checksumValid: null,
    sha256Valid: null,
    declaredBytes: null,
    trailingBytes: 0,
    isSigned: false,
    app: null,
    partitions: null,
    parts: null,
  }
}

/** The fields of the report that come from one image's header and ends. */
export function reportImage(layout: EspImageLayout): Partial<EspReport> {
  const { header, checksum, digest } = layout
  return {
    chip: chipNameOf(header),
    chipId: header.chipId,
    minChipRevision: header.minChipRevision,
    maxChipRevision: header.maxChipRevision,
    segmentCount: header.segmentCount,
    entryAddress: header.entryAddress,
    flashMode: header.flashMode,
    flashSize: header.flashSize,
    flashFrequency: header.flashFrequency,
    checksumValid: checksum === null ? null : checksum.expected === checksum.found,
    sha256Valid: digest === null ? null : digest.expected === digest.found,
    isSigned: layout.isSigned,
  }
}

/** The texts come from the file, so what a terminal would obey is taken out. */
export function readDescriptorOf(bytes: Uint8Array, layout: EspImageLayout): AppDescriptor | null {
  const first = layout.segments[0]
  const app = first === undefined ? null : readAppDescriptor(bytes, first.fileOffset)
  return (
    app && {
      ...app,
      projectName: stripControl(app.projectName),
      version: stripControl(app.version),
      idfVersion: stripControl(app.idfVersion),
      buildDate: stripControl(app.buildDate),
      buildTime: stripControl(app.buildTime),
    }
  )
}

export function findAppNotes(app: AppDescriptor | null, layout: EspImageLayout): Finding[] {
  if (app === null) {
    // The ESP8266 has no descriptors at all; a file that ends before its first segment cannot show one.
    if (layout.header.chip === ESP8266 || layout.segments.length === 0) return []
    const text = 'the application carries no descriptor, so its name and version cannot be told from the file'
    return [finding('warning', 'no-app-descriptor', text)]
  }
  if (app.projectName !== ARDUINO_PROJECT_NAME) return []
  const text = `an Arduino build: “${app.version}” is the version of the Arduino core, not of the sketch`
  return [finding('info', 'arduino-build', text)]
}

export function findTableFaults(table: PartitionTable): Finding[] {
  const findings = table.faults.map(text => finding('error', 'partition-table-fault', text))
  if (table.md5Valid === null) {
    findings.push(
      finding('warning', 'partition-md5-missing', 'the partition table carries no MD5, or is cut before it'),
    )
  }
  return findings
}
