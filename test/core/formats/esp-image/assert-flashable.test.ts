import { describe, expect, it } from 'vitest'
import { assertFlashableAs, type FlashTarget } from '../../../../src/core/formats/esp-image/assert-flashable.ts'
import { buildOtaData } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable } from '../../../../src/core/formats/esp-image/partition-table.ts'
import { sourceFromBytes } from '../../../../src/core/formats/file-source.ts'
import { inspectSource } from '../../../../src/core/formats/inspect.ts'
import { FlashproofError } from '../../../../src/shared/errors.ts'
import { app, bootloader, merge, mergedParts, partitions } from './esp-files.ts'

function check(bytes: Uint8Array, target: FlashTarget): void {
  assertFlashableAs(inspectSource(sourceFromBytes('file.bin', bytes)).inspection, target)
}

function refusalOf(bytes: Uint8Array, target: FlashTarget): FlashproofError {
  try {
    check(bytes, target)
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('the file was accepted')
}

describe('a file may go', () => {
  it('where its kind belongs', () => {
    check(app(), { slot: 'app', chip: 'ESP32-D0WD-V3 (revision v3.1)', chipRevision: 301, slotBytes: 4096 })
    check(bootloader(), { slot: 'bootloader' })
    check(buildPartitionTable(partitions), { slot: 'partition-table', chip: 'esp32' })
    check(buildOtaData(), { slot: 'otadata' })
    check(merge(mergedParts('ESP32-S3', 0)), { slot: 'merged', chip: 'esp32s3' })
  })

  it('to a device whose chip has a name that is not known', () => {
    check(app(), { slot: 'app', chip: 'my board' })
  })

  it('into an app slot with bytes behind its end', () => {
    check(Buffer.concat([app(), Buffer.of(1, 2)]), { slot: 'app' })
  })
})

describe('a file is refused', () => {
  it.each<[string, Uint8Array, string | null]>([
    ['a bootloader', bootloader(), 'bootloader'],
    ['a partition table', buildPartitionTable(partitions), 'partition-table'],
    ['otadata', buildOtaData(), 'otadata'],
    ['a merged image', merge(mergedParts('ESP32', 0x1000)), 'merged'],
    ['a raw binary', Buffer.alloc(5000, 0x5a), null],
  ])('for an app slot when it is %s', (_, bytes, found) => {
    const error = refusalOf(bytes, { slot: 'app' })
    expect(error.code).toBe('image.wrong-kind')
    expect(error.details).toMatchObject({ file: 'file.bin', wanted: 'app', found })
  })

  it('for the bootloader’s place when it is an application', () => {
    expect(refusalOf(app(), { slot: 'bootloader' }).code).toBe('image.wrong-kind')
  })

  it('when it is damaged, with every fault', () => {
    const bytes = app()
    bytes[2000] = (bytes[2000] ?? 0) ^ 1
    const error = refusalOf(bytes, { slot: 'app' })
    expect(error.code).toBe('image.corrupt')
    expect(error.details['findings']).toMatchObject([{ code: 'bad-checksum' }, { code: 'bad-sha256' }])
    expect(refusalOf(app().subarray(0, 3000), { slot: 'app' }).code).toBe('image.corrupt')
  })

  it('for another chip', () => {
    const error = refusalOf(app('ESP32-C3'), { slot: 'app', chip: 'ESP32-S3 (QFN56) (revision v0.2)' })
    expect(error.code).toBe('image.wrong-chip')
    expect(error.details).toMatchObject({ imageChip: 'ESP32-C3', deviceChip: 'ESP32-S3' })
  })

  it('for a chip that is older or newer than it was built for', () => {
    const bytes = app('ESP32-C3')
    const revised = Buffer.from(bytes)
    revised.writeUInt16LE(3, 15)
    revised.writeUInt16LE(199, 17)
    const inspection = inspectSource(sourceFromBytes('file.bin', revised)).inspection
    // The header is under the SHA-256, which is not what is tested here.
    const sound = { ...inspection, findings: [] }
    assertFlashableAs(sound, { slot: 'app', chip: 'ESP32-C3', chipRevision: 4 })
    for (const chipRevision of [2, 200]) {
      expect(() => {
        assertFlashableAs(sound, { slot: 'app', chip: 'ESP32-C3', chipRevision })
      }).toThrow(expect.objectContaining({ code: 'image.wrong-chip' }))
    }
  })

  it('when the slot is too small, with the difference', () => {
    const error = refusalOf(app(), { slot: 'app', slotBytes: 4000 })
    expect(error.code).toBe('image.too-large')
    expect(error.details).toMatchObject({ sizeBytes: 4096, slotBytes: 4000, excessBytes: 96 })
  })
})
