import { describe, expect, it } from 'vitest'
import {
  buildPartitionTable,
  looksLikePartitionTable,
  readPartitionTable,
  type Partition,
} from '../../../../src/core/formats/esp-image/partition-table.ts'

const nvs: Partition = { label: 'nvs', type: 'data', subtype: 'nvs', offset: 0x9000, sizeBytes: 0x6000 }
const otadata: Partition = { label: 'otadata', type: 'data', subtype: 'ota', offset: 0xf000, sizeBytes: 0x2000 }
const app0: Partition = { label: 'app0', type: 'app', subtype: 'ota_0', offset: 0x2_0000, sizeBytes: 0x10_0000 }
const app1: Partition = { label: 'app1', type: 'app', subtype: 'ota_1', offset: 0x12_0000, sizeBytes: 0x10_0000 }
const layout = [nvs, otadata, app0, app1]

describe('a partition table', () => {
  it('is built as gen_esp32part.py builds it', () => {
    const table = Buffer.from(buildPartitionTable([nvs]))
    expect(table).toHaveLength(0xc00)
    expect(table.subarray(0, 32).toString('hex')).toBe(
      ['aa500102', '00900000', '00600000', '6e7673', '00'.repeat(13), '00000000'].join(''),
    )
    expect(table.subarray(32, 48).toString('hex')).toBe(`ebeb${'ff'.repeat(14)}`)
    expect(table.subarray(48, 64).toString('hex')).toBe('b4c047fedfd4c422a5056563db563efa')
    expect(table.subarray(64).every(byte => byte === 0xff)).toBe(true)
  })

  it('is read back with names for types and subtypes', () => {
    const table = readPartitionTable(buildPartitionTable(layout))
    expect(table).toEqual({
      partitions: layout,
      md5Valid: true,
      faults: [],
      hasOtaData: true,
      otaSlotCount: 2,
    })
  })

  it.each<[string, string, number, number]>([
    ['app', 'factory', 0, 0],
    ['app', 'ota_15', 0, 0x1f],
    ['app', 'test', 0, 0x20],
    ['data', 'littlefs', 1, 0x83],
    ['data', '0x99', 1, 0x99],
    ['bootloader', 'primary', 2, 0],
    ['0x40', '0x07', 0x40, 7],
  ])('writes %s/%s as %i/%i and reads it back', (type, subtype, typeNumber, subtypeNumber) => {
    const partition = { label: 'a sixteen-b name', type, subtype, offset: 0x10_0000, sizeBytes: 0x1000 }
    const bytes = buildPartitionTable([partition])
    expect([bytes[2], bytes[3]]).toEqual([typeNumber, subtypeNumber])
    expect(readPartitionTable(bytes)?.partitions).toEqual([partition])
  })

  it('refuses to be built of unknown types or too many entries', () => {
    expect(() => buildPartitionTable([{ ...nvs, type: 'date' }])).toThrow(RangeError)
    expect(() => buildPartitionTable(Array.from({ length: 96 }, () => nvs))).toThrow(RangeError)
  })

  it('without its MD5 is read, and that is told apart from a wrong one', () => {
    const bytes = buildPartitionTable(layout)
    bytes.fill(0xff, 4 * 32, 5 * 32)
    expect(readPartitionTable(bytes)).toMatchObject({ partitions: layout, md5Valid: null, faults: [] })
  })

  it('with a changed byte has a wrong MD5', () => {
    const bytes = buildPartitionTable(layout)
    bytes[32 + 12] = 0x58
    expect(readPartitionTable(bytes)).toMatchObject({
      md5Valid: false,
      faults: ['the MD5 of the partition table is wrong'],
    })
  })

  it('with something else between its entries says which entry', () => {
    const bytes = buildPartitionTable(layout)
    bytes[64] = 0
    const table = readPartitionTable(bytes)
    expect(table?.partitions).toEqual([nvs, otadata])
    expect(table?.faults).toEqual(['entry 2 is neither a partition nor the end of the table'])
  })

  it('has its labels cleaned of what a terminal obeys', () => {
    const bytes = buildPartitionTable([{ ...nvs, label: 'a\u001b[2J' }])
    expect(readPartitionTable(bytes)?.partitions[0]?.label).toBe('a·[2J')
  })

  it('whose partitions overlap or whose app is not aligned has faults', () => {
    const faultsOf = (...partitions: Partition[]) => readPartitionTable(buildPartitionTable(partitions))?.faults
    expect(faultsOf(app0, { ...app1, offset: 0x11_0000 })).toEqual(['the partitions “app0” and “app1” overlap'])
    expect(faultsOf({ ...app0, offset: 0x2_1000 })).toEqual([
      'the app partition “app0” does not begin at a multiple of 64 KiB',
    ])
  })

  it('is not seen where two bytes happen to be its magic', () => {
    const bytes = new Uint8Array(4096).fill(0x5a)
    bytes.set([0xaa, 0x50])
    expect(looksLikePartitionTable(bytes)).toBe(false)
    expect(readPartitionTable(bytes)).toBeNull()
    expect(readPartitionTable(new Uint8Array([0xaa, 0x50]))).toBeNull()
  })
})
