import { describe, expect, it } from 'vitest'
import {
  activeOtaRecord,
  buildOtaData,
  buildOtaRecord,
  isOtaData,
  readOtaRecords,
  slotOfSequence,
  type OtaState,
} from '../../../../src/core/formats/esp-image/ota-data.ts'

function twoRecords(first: [number, OtaState], second: [number, OtaState]): Uint8Array {
  const bytes = buildOtaData(...first)
  bytes.set(buildOtaRecord(...second), 0x1000)
  return bytes
}

describe('otadata', () => {
  it.each([
    [1, '9a984347'],
    [2, '7437f655'],
    [3, '11504aed'],
  ])('sequence %i has the checksum of the ROM', (sequence, checksum) => {
    expect(Buffer.from(buildOtaRecord(sequence).subarray(28)).toString('hex')).toBe(checksum)
  })

  it('is what the Arduino core ships to start the first slot', () => {
    const bytes = buildOtaData()
    expect(bytes).toHaveLength(0x2000)
    expect(readOtaRecords(bytes)).toEqual([{ sector: 0, sequence: 1, state: 'undefined' }])
    expect(isOtaData(bytes)).toBe(true)
  })

  it.each<[OtaState]>([['new'], ['pending-verify'], ['valid'], ['invalid'], ['aborted'], ['undefined']])(
    'keeps the state %s',
    state => {
      expect(readOtaRecords(buildOtaData(7, state))).toEqual([{ sector: 0, sequence: 7, state }])
    },
  )

  it('leaves out records whose checksum is wrong', () => {
    const bytes = twoRecords([3, 'valid'], [4, 'valid'])
    bytes[0x1000 + 28] = 0
    expect(readOtaRecords(bytes)).toEqual([{ sector: 0, sequence: 3, state: 'valid' }])
  })

  it('follows the larger sequence that is neither invalid nor aborted', () => {
    const activeOf = (bytes: Uint8Array) => activeOtaRecord(readOtaRecords(bytes))?.sequence
    expect(activeOf(twoRecords([3, 'valid'], [4, 'valid']))).toBe(4)
    expect(activeOf(twoRecords([5, 'valid'], [4, 'new']))).toBe(5)
    expect(activeOf(twoRecords([3, 'valid'], [4, 'aborted']))).toBe(3)
    expect(activeOf(twoRecords([3, 'invalid'], [4, 'aborted']))).toBeUndefined()
  })

  it('counts slots from the sequence', () => {
    expect([1, 2, 3, 4].map(sequence => slotOfSequence(sequence, 2))).toEqual([0, 1, 0, 1])
    expect(slotOfSequence(3, 3)).toBe(2)
  })

  it('is not seen in erased flash, in other sizes, or in other bytes', () => {
    expect(isOtaData(new Uint8Array(0x2000).fill(0xff))).toBe(false)
    expect(isOtaData(buildOtaData().subarray(0, 0x1000))).toBe(false)
    const foreign = buildOtaData()
    foreign[100] = 1
    expect(isOtaData(foreign)).toBe(false)
  })
})
