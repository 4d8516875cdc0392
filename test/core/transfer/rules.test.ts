import { describe, expect, it } from 'vitest'
import { FlashproofError, type ErrorCode } from '../../../src/shared/errors.ts'
import { MemoryImage } from '../../../src/core/image/memory-image.ts'
import { defaultRequiredLevel, type Reach } from '../../../src/core/transfer/evidence.ts'
import { flattenForUpload } from '../../../src/core/transfer/flat-image.ts'
import { ProgressMeter } from '../../../src/core/transfer/progress-meter.ts'
import { defaultRetryPolicy, isNeverSent, isTransient, retryDelayMs } from '../../../src/core/transfer/retry.ts'

const nothing: Reach = {
  sent: 'yes',
  acknowledged: 'yes',
  received: 'no',
  stored: 'no',
  running: 'no',
  confirmed: 'no',
}

describe('the level that is required by default', () => {
  it.each([
    [{ ...nothing, received: 'yes', stored: 'yes', running: 'yes' }, 'stored'],
    [{ ...nothing, received: 'yes', stored: 'unknown' }, 'received'],
    [{ ...nothing, received: 'unknown', stored: 'unknown', running: 'yes', confirmed: 'yes' }, 'acknowledged'],
    [nothing, 'acknowledged'],
    [{ ...nothing, acknowledged: 'no' }, 'sent'],
  ] as const)('%j: %s', (reach, level) => {
    expect(defaultRequiredLevel(reach)).toBe(level)
  })
})

describe('the pause before another try', () => {
  it('doubles from half a second to eight, with up to a fifth more', () => {
    const least = [1, 2, 3, 4, 5, 6, 20].map(attempt => retryDelayMs(defaultRetryPolicy, attempt, () => 0))
    expect(least).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000])
    const most = [1, 5].map(attempt => retryDelayMs(defaultRetryPolicy, attempt, () => 0.999_999))
    expect(most.map(Math.round)).toEqual([600, 9600])
  })

  it('comes only before tries that may go well', () => {
    const codes: readonly ErrorCode[] = [
      'network.reset',
      'network.timeout',
      'network.refused',
      'device.rejected',
      'device.bad-answer',
      'device.session-lost',
    ]
    expect(codes.filter(code => !isTransient(new FlashproofError(code, '')))).toEqual([])
    const final: readonly ErrorCode[] = [
      'device.identity-changed',
      'device.not-speaking',
      'device.unauthorised',
      'image.wrong-chip',
      'job.cancelled',
      'worker.exited',
      'internal.unexpected',
    ]
    expect(final.filter(code => isTransient(new FlashproofError(code, '')))).toEqual([])
  })

  it('knows which requests surely never left', () => {
    const sure = (['network.refused', 'network.unreachable', 'network.name-not-found'] as const).map(
      code => new FlashproofError(code, ''),
    )
    expect(sure.map(isNeverSent)).toEqual([true, true, true])
    const unsure = (['network.reset', 'network.timeout', 'device.rejected'] as const).map(
      code => new FlashproofError(code, ''),
    )
    expect([...unsure, new Error('ECONNREFUSED')].map(isNeverSent)).toEqual([false, false, false, false])
  })
})

describe('the progress meter', () => {
  it('knows nothing before two moments', () => {
    const meter = new ProgressMeter(1000)
    expect([meter.bytesPerSecond, meter.remainingMs]).toEqual([null, null])
    meter.add(0, 0)
    expect([meter.bytesPerSecond, meter.remainingMs]).toEqual([null, null])
  })

  it('tells the speed of the last three seconds, not of the whole', () => {
    const meter = new ProgressMeter(100_000)
    for (let atMs = 0; atMs <= 10_000; atMs += 200) meter.add(atMs, atMs)
    for (let atMs = 10_200; atMs <= 14_000; atMs += 200) meter.add(atMs, 10_000 + (atMs - 10_000) * 3)
    expect(meter.bytesPerSecond).toBeCloseTo(3000, 5)
    expect(meter.remainingMs).toBeCloseTo((78_000 / 3000) * 1000, 5)
  })

  it('says no remaining time while nothing moves, and forgets a pause and a start from the beginning', () => {
    const meter = new ProgressMeter(1000)
    meter.add(0, 500)
    meter.add(1000, 500)
    expect([meter.bytesPerSecond, meter.remainingMs]).toEqual([0, null])
    meter.restart()
    expect(meter.bytesPerSecond).toBeNull()
    meter.add(5000, 500)
    meter.add(6000, 0)
    meter.add(7000, 100)
    expect(meter.bytesPerSecond).toBeCloseTo(100, 5)
  })
})

describe('the base of a flat image', () => {
  const imageAt = (address: number): MemoryImage =>
    MemoryImage.fromPieces([{ address, bytes: Uint8Array.of(1, 2, 3, 4) }])
  const codeOf = (work: () => unknown): string => {
    try {
      work()
      return 'done'
    } catch (error) {
      return error instanceof FlashproofError ? error.code : 'another error'
    }
  }

  it.each([
    [0, '', 'done'],
    [0x0800_0000, '', 'done'],
    [0x0800_2000, '', 'image.base-required'],
    [0x0800_8000, '', 'image.base-required'],
    [0x0800_2000, 'lowest', 'done'],
    [0x0800_2000, '0x08000000', 'done'],
    [0x0800_2000, '134217728', 'done'],
    [0x0800_2000, '0x08004000', 'image.address-range'],
    [0x0800_2000, 'somewhere', 'option.invalid'],
    [0x0800_2000, '-1', 'option.invalid'],
    [0x0800_2000, '0x100000000', 'option.invalid'],
  ])('at %i with base “%s”: %s', (address, base, expected) => {
    expect(codeOf(() => flattenForUpload(imageAt(address), true, base))).toBe(expected)
  })

  it('fills up to a base that lies below, and leaves a file without addresses as it is', () => {
    const filled = flattenForUpload(imageAt(0x0800_2000), true, '0x08000000')
    expect([filled.bytes.length, filled.baseAddress, filled.filledBytes]).toEqual([0x2004, 0x0800_0000, 0x2000])
    expect(filled.bytes.subarray(0x1fff, 0x2002)).toEqual(Uint8Array.of(0xff, 1, 2))
    expect(flattenForUpload(imageAt(0), false, '').bytes).toHaveLength(4)
  })

  it('names the address and what to write when it refuses', () => {
    try {
      flattenForUpload(imageAt(0x0800_2000), true, '')
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        details: { lowestAddress: 0x0800_2000, examples: ['base=lowest', 'base=0x08000000'] },
      })
    }
  })
})
