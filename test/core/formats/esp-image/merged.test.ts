import { describe, expect, it } from 'vitest'
import { describeEspFile } from '../../../../src/core/formats/esp-image/describe-file.ts'
import { buildOtaData } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable } from '../../../../src/core/formats/esp-image/partition-table.ts'
import type { EspDescription } from '../../../../src/core/formats/esp-image/report-fields.ts'
import { app, bootloader, merge, mergedParts, partitions } from './esp-files.ts'

function described(bytes: Uint8Array): EspDescription {
  const description = describeEspFile(bytes)
  if (description === null) throw new Error('the file was not recognised')
  return description
}

const codesOf = ({ findings }: EspDescription): readonly string[] =>
  findings.map(({ severity, code }) => `${severity} ${code}`)

describe('a merged image', () => {
  it.each([
    ['ESP32', 0x1000],
    ['ESP32-S2', 0x1000],
    ['ESP32-S3', 0],
    ['ESP32-C3', 0],
    ['ESP32-P4', 0x2000],
  ])('for the %s has its bootloader at %i, and every part is found', (chip, bootloaderOffset) => {
    const description = described(merge(mergedParts(chip, bootloaderOffset)))
    expect(description.esp).toMatchObject({
      kind: 'merged',
      chip,
      checksumValid: true,
      sha256Valid: true,
      trailingBytes: 0,
      app: { version: '1.2.3' },
      partitions,
      parts: [
        { kind: 'bootloader', offset: bootloaderOffset },
        { kind: 'partition-table', offset: 0x8000 },
        { kind: 'otadata', offset: 0xe000 },
        { kind: 'app', offset: 0x1_0000 },
      ],
    })
    expect(codesOf(description)).toEqual(['warning merged-image'])
    expect(description.findings[0]?.text).toContain('flash offset 0x0;')
  })

  it('may begin at the bootloader’s place in flash, not at 0', () => {
    const description = described(merge(mergedParts('ESP32', 0x1000), 0x1000))
    expect(description.esp.parts?.map(({ offset }) => offset)).toEqual([0, 0x7000, 0xd000, 0xf000])
    expect(description.findings[0]?.text).toContain('flash offset 0x1000;')
  })

  it('may begin with the partition table', () => {
    const description = described(merge(mergedParts('ESP32', 0x1000).slice(1), 0x8000))
    expect(description.esp).toMatchObject({ kind: 'merged', chip: 'ESP32' })
    expect(description.esp.parts?.map(({ kind, offset }) => [kind, offset])).toEqual([
      ['partition-table', 0],
      ['otadata', 0x6000],
      ['app', 0x8000],
    ])
  })

  it('may keep its table at another place', () => {
    const later = partitions.map(partition => ({ ...partition, offset: partition.offset + 0x1_0000 }))
    const bytes = merge([
      [0, bootloader('ESP32-S3')],
      [0x1_0000, buildPartitionTable(later)],
      [0x2_0000, app('ESP32-S3')],
    ])
    expect(described(bytes).esp.parts).toEqual([
      { kind: 'bootloader', offset: 0 },
      { kind: 'partition-table', offset: 0x1_0000 },
      { kind: 'app', offset: 0x2_0000 },
    ])
  })

  it('with both slots and data partitions lists them all', () => {
    const bytes = merge([
      ...mergedParts('ESP32-C3', 0),
      [0x9000, Buffer.from('settings')],
      [0x11_0000, app('ESP32-C3', 8000)],
    ])
    expect(described(bytes).esp.parts?.map(({ kind }) => kind)).toEqual([
      'bootloader',
      'partition-table',
      'data:nvs',
      'otadata',
      'app',
      'app',
    ])
  })

  it('names the part that is damaged', () => {
    const bytes = merge(mergedParts('ESP32', 0x1000))
    bytes[0x1_0000 + 2000] = (bytes[0x1_0000 + 2000] ?? 0) ^ 1
    const description = described(bytes)
    expect(description.esp).toMatchObject({ checksumValid: false, sha256Valid: false })
    expect(description.findings.filter(({ severity }) => severity === 'error').map(({ text }) => text)).toEqual([
      expect.stringMatching(/^app at 0x00010000: the checksum/),
      expect.stringMatching(/^app at 0x00010000: the SHA-256/),
    ])
  })

  it('with a damaged table keeps the table, and says so', () => {
    const bytes = merge(mergedParts('ESP32', 0x1000))
    bytes[0x8000 + 12] = 0
    expect(codesOf(described(bytes))).toContain('error partition-table-fault')
  })

  it('without a table behind its bootloader is damaged', () => {
    const bytes = merge([
      [0x1000, bootloader()],
      [0x1_0000, app()],
    ])
    expect(codesOf(described(bytes))).toEqual(['warning merged-image', 'error no-partition-table', 'warning no-app'])
  })

  it('made of parts for different chips is damaged', () => {
    const bytes = merge([...mergedParts('ESP32-S3', 0).slice(0, 3), [0x1_0000, app('ESP32-C3')]])
    expect(codesOf(described(bytes))).toContain('error mixed-chips')
  })

  it('whose application is larger than its partition is damaged', () => {
    const small = partitions.map(partition =>
      partition.label === 'app0' ? { ...partition, sizeBytes: 4000 } : partition,
    )
    const [first, , ...rest] = mergedParts('ESP32-S3', 0)
    if (first === undefined) throw new Error('no bootloader')
    const bytes = merge([first, [0x8000, buildPartitionTable(small)], ...rest])
    expect(codesOf(described(bytes))).toEqual(['warning merged-image', 'error app-too-large'])
  })

  it('whose table needs more flash than the header names says so', () => {
    const last = { label: 'files', type: 'data', subtype: 'fat', offset: 0x21_0000, sizeBytes: 0x40_0000 }
    const [first, , ...rest] = mergedParts('ESP32-S3', 0)
    if (first === undefined) throw new Error('no bootloader')
    const bytes = merge([first, [0x8000, buildPartitionTable([...partitions, last])], ...rest])
    expect(codesOf(described(bytes))).toEqual(['warning merged-image', 'warning partition-past-flash'])
  })

  it('whose otadata chooses a slot without an application says so', () => {
    const bytes = merge([...mergedParts('ESP32-S3', 0), [0xe000, buildOtaData(2)]])
    expect(codesOf(described(bytes))).toEqual(['warning merged-image', 'warning empty-slot-chosen'])
  })

  it('is not seen in a long application', () => {
    expect(described(app('ESP32-S3', 300_000)).esp.kind).toBe('app')
  })
})
