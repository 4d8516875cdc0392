import { describe, expect, it } from 'vitest'
import {
  OPCODES,
  SYNC_DATA,
  checksumOf,
  encodeBlock,
  encodeRequest,
  errorName,
  eraseTimeoutMs,
  md5TimeoutMs,
  readAnswer,
  readStatus,
  words,
} from '../../../../src/core/transfer/esp-serial/commands.ts'
import { esp8266EraseBytes } from '../../../../src/core/transfer/esp-serial/flash-write.ts'
import { answer } from '../../../fakes/scripted-loader-link.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('requests of the ESP loaders', () => {
  it('has the SYNC and READ_REG of the sheet', () => {
    expect(hex(encodeRequest(OPCODES.sync, SYNC_DATA))).toBe(`c0000824000000000007071220${'55'.repeat(32)}c0`)
    expect(hex(encodeRequest(OPCODES.readRegister, words(0x4000_1000)))).toBe('c0000a04000000000000100040c0')
  })

  it('sums up the payload of a block alone', () => {
    expect(checksumOf(Uint8Array.of(1, 2, 4))).toBe(0xef ^ 7)
    const bytes = Uint8Array.from({ length: 1027 }, (_, at) => at * 7)
    const byteByByte = bytes.subarray(1).reduce((sum, byte) => sum ^ byte, 0xef)
    expect(checksumOf(bytes.subarray(1))).toBe(byteByByte)
    expect(hex(encodeBlock(OPCODES.flashData, Uint8Array.of(1, 2, 4, 0xc0), 5))).toBe(
      'c0000314002800000004000000050000000000000000000000010204dbdcc0',
    )
  })

  it('gives erasing and hashing the time that esptool gives', () => {
    expect([eraseTimeoutMs(4096), eraseTimeoutMs(1_000_000), md5TimeoutMs(4_000_000)]).toEqual([3000, 40_000, 32_000])
  })

  it('tells the ESP8266’s ROM less than it is to erase, where it would erase too much', () => {
    expect(esp8266EraseBytes(0, 4096)).toBe(4096)
    expect(esp8266EraseBytes(0, 0x10000)).toBe(0x8000)
    expect(esp8266EraseBytes(0, 0x40000)).toBe(0x30000)
    expect(esp8266EraseBytes(0xf000, 0x3000)).toBe(0x2000)
  })
})

describe('answers of the ESP loaders', () => {
  it('finds the status behind the data, whether two bytes or four', () => {
    const data = new Uint8Array(16).fill(7)
    for (const status of [
      [0, 0],
      [0, 0, 0, 0],
    ]) {
      const read = readAnswer(answer(0x13, { value: 9, data, status }))
      expect(read).toMatchObject({ opcode: 0x13, value: 9 })
      expect(readStatus(read?.body ?? data, 16)).toEqual({ isFailure: false, error: 0, data })
    }
  })

  it('reads the errors of a ROM and of a stub, with and without data', () => {
    const status = (bytes: readonly number[], dataBytes: number): unknown =>
      readStatus(readAnswer(answer(0x03, { status: bytes }))?.body ?? new Uint8Array(), dataBytes)
    expect(status([1, 7, 0, 0], 0)).toMatchObject({ isFailure: true, error: 7 })
    expect(status([1, 5, 0, 0], 32)).toMatchObject({ isFailure: true, error: 5, data: null })
    expect(status([0xc1, 0], 16)).toMatchObject({ isFailure: true, error: 0xc1, data: null })
    expect([errorName(7), errorName(0xc4), errorName(0x42)]).toEqual([
      'checksum is wrong',
      'flash operation failed',
      'error 0x42',
    ])
  })

  it('reads no error from a part of the data', () => {
    expect(readStatus(new Uint8Array(8).fill(0x53), 16)).toEqual({ isFailure: false, error: 0, data: null })
  })

  it('takes no frame for an answer that is not one, or not whole', () => {
    const whole = answer(0x0a, { value: 1 })
    expect(readAnswer(whole.subarray(0, -1))).toBeNull()
    expect(readAnswer(Uint8Array.of(...whole, 0))).toBeNull()
    expect(readAnswer(Buffer.from('OHAI'))).toBeNull()
    expect(readAnswer(Uint8Array.of(0, ...whole.subarray(1)))).toBeNull()
  })
})
