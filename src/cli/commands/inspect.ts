/** `flashproof inspect`: what a firmware file holds. */
import { resolve } from 'node:path'
import type { Inspection } from '../../shared/contract/index.ts'
import { formatAddress, formatBytes, stripControl } from '../../shared/units.ts'
import type { CommandContext } from '../command-context.ts'
import { openLocal } from '../local.ts'
import type { InspectCommand } from '../parsed-command.ts'
import { renderColumns, renderFacts } from '../text-columns.ts'

const MAX_LISTED_SEGMENTS = 64

/** @returns 0, or 2 when a finding says that the image would be refused */
export async function runInspect(context: CommandContext, command: InspectCommand): Promise<number> {
  const { report, interruption } = context
  const { file, variant } = command
  const request = { path: resolve(file), ...(variant === undefined ? {} : { variant }) }
  const local = await openLocal({ onProgress: () => undefined })
  const inspection = await local.call('firmware.inspect', request, { signal: interruption.signal })
  report.json({ type: 'inspection', ...inspection })
  report.result(describeInspection(inspection).join('\n'))
  return inspection.findings.some(finding => finding.severity === 'error') ? 2 : 0
}

export function describeInspection(inspection: Inspection): string[] {
  const findings = inspection.findings.map(
    finding => `${finding.severity}: ${stripControl(finding.text, 400)} (${finding.code})`,
  )
  return [
    ...describeImage(inspection),
    ...describeSegments(inspection),
    ...describeEsp(inspection),
    ...describeStm32(inspection),
    ...(findings.length === 0 ? [] : ['', ...findings]),
  ]
}

function describeImage(inspection: Inspection): string[] {
  return renderFacts([
    ['file', stripControl(inspection.fileName)],
    ['format', inspection.formatLabel],
    ['file size', exactBytes(inspection.sourceBytes)],
    ['file SHA-256', inspection.sourceSha256],
    ['base address', inspection.baseAddress === null ? 'none in this format' : formatAddress(inspection.baseAddress)],
    ['start address', inspection.startAddress === null ? null : formatAddress(inspection.startAddress)],
    ['data', exactBytes(inspection.dataBytes)],
    ['gaps', inspection.gapBytes === 0 ? null : exactBytes(inspection.gapBytes)],
    ['image size', inspection.imageBytes === null ? null : exactBytes(inspection.imageBytes)],
    ['image SHA-256', inspection.imageSha256],
  ])
}

function describeSegments(inspection: Inspection): string[] {
  if (inspection.baseAddress === null || inspection.segments.length === 0) return []
  const shown = inspection.segments.slice(0, MAX_LISTED_SEGMENTS)
  const more = inspection.segments.length - shown.length
  return [
    '',
    `segments: ${String(inspection.segments.length)}`,
    ...renderColumns(
      shown.map(({ address, sizeBytes }) => [
        `  ${formatAddress(address)} – ${formatAddress(address + Math.max(0, sizeBytes - 1))}`,
        exactBytes(sizeBytes),
      ]),
    ),
    ...(more > 0 ? [`  … and ${String(more)} more`] : []),
  ]
}

function describeEsp(inspection: Inspection): string[] {
  const { esp } = inspection
  if (esp === null) return []
  const validity = (isValid: boolean | null): string | null =>
    isValid === null ? null : isValid ? 'valid' : 'NOT valid'
  return [
    '',
    ...renderFacts([
      ['ESP image', esp.kind],
      ['chip', esp.chip],
      ['application', esp.app === null ? null : stripControl(esp.app.projectName)],
      ['version', esp.app === null ? null : stripControl(esp.app.version)],
      ['built', esp.app === null ? null : stripControl(`${esp.app.buildDate} ${esp.app.buildTime}`)],
      ['ESP-IDF', esp.app === null ? null : stripControl(esp.app.idfVersion)],
      ['ELF SHA-256', esp.app === null ? null : stripControl(esp.app.elfSha256)],
      ['segments', esp.segmentCount === null ? null : String(esp.segmentCount)],
      ['entry', esp.entryAddress === null ? null : formatAddress(esp.entryAddress)],
      ['flash', [esp.flashMode, esp.flashSize, esp.flashFrequency].filter(part => part !== null).join(', ') || null],
      ['checksum', validity(esp.checksumValid)],
      ['appended SHA-256', validity(esp.sha256Valid)],
      ['signed', esp.isSigned ? 'yes' : null],
      ['trailing', esp.trailingBytes === 0 ? null : exactBytes(esp.trailingBytes)],
    ]),
    ...renderColumns(
      (esp.partitions ?? []).map(partition => [
        `  ${stripControl(partition.label, 32)}`,
        `${stripControl(partition.type, 32)}/${stripControl(partition.subtype, 32)}`,
        formatAddress(partition.offset),
        exactBytes(partition.sizeBytes),
      ]),
    ),
    ...renderColumns(
      (esp.parts ?? []).map(({ kind, offset, file = '' }) => [
        `  ${formatAddress(offset)}`,
        kind,
        stripControl(file, 120),
      ]),
    ),
  ]
}

function describeStm32(inspection: Inspection): string[] {
  const { stm32 } = inspection
  if (stm32 === null) return []
  return [
    '',
    ...renderFacts([
      ['stack pointer', formatAddress(stm32.stackPointer)],
      ['reset vector', formatAddress(stm32.resetVector)],
      ['vector table', stm32.isPlausible ? 'plausible' : 'not plausible'],
    ]),
  ]
}

function exactBytes(bytes: number): string {
  return bytes < 1024 ? formatBytes(bytes) : `${String(bytes)} B (${formatBytes(bytes)})`
}
