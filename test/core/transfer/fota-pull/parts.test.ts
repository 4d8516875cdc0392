import { describe, expect, it } from 'vitest'
import { askedBytes } from '../../../../src/core/transfer/fota-pull/byte-range.ts'
import { DevicePace } from '../../../../src/core/transfer/fota-pull/device-pace.ts'
import { localAddress, plainAddress, urlHost } from '../../../../src/core/transfer/fota-pull/local-address.ts'
import { readOptions } from '../../../../src/core/transfer/fota-pull/options.ts'
import { readStatusReport } from '../../../../src/core/transfer/fota-pull/status-report.ts'
import { timingOf } from '../../../../src/core/transfer/fota-pull/timing.ts'
import { defaultRetryPolicy } from '../../../../src/core/transfer/retry.ts'

describe('the bytes that a range asks for', () => {
  it.each([
    [undefined, { kind: 'whole' }],
    ['bytes=0-99', { kind: 'part', start: 0, end: 100 }],
    ['bytes=100-', { kind: 'part', start: 100, end: 1000 }],
    ['bytes=-1', { kind: 'part', start: 999, end: 1000 }],
    ['bytes=-5000', { kind: 'part', start: 0, end: 1000 }],
    ['bytes=900-5000', { kind: 'part', start: 900, end: 1000 }],
    ['bytes=999-999', { kind: 'part', start: 999, end: 1000 }],
    ['BYTES=1-2', { kind: 'part', start: 1, end: 3 }],
    ['bytes=1000-', { kind: 'unsatisfiable' }],
    ['bytes=-0', { kind: 'unsatisfiable' }],
    ['bytes=5-4', { kind: 'whole' }],
    ['bytes=0-1,5-6', { kind: 'whole' }],
    ['bytes=-', { kind: 'whole' }],
    ['items=0-1', { kind: 'whole' }],
    ['bytes=a-b', { kind: 'whole' }],
  ])('%s', (header, asked) => {
    expect(askedBytes(header, 1000)).toEqual(asked)
  })
})

describe('how far a device is', () => {
  it('counts a chunk when a later one is asked for, and the last by a report alone', () => {
    const pace = new DevicePace(2500, 1024)
    expect(pace.ask(0)).toEqual([])
    pace.serve(0)
    expect([pace.ask(1), pace.doneBytes]).toEqual([[0], 1024])
    pace.serve(1)
    pace.ask(2)
    pace.serve(2)
    expect([pace.isAllServed, pace.doneBytes]).toEqual([true, 2048])
    expect([pace.report(3), pace.doneBytes]).toEqual([[2], 2500])
  })

  it('counts nothing that was not served, whatever is asked or reported', () => {
    const pace = new DevicePace(4096, 1024)
    pace.ask(0)
    pace.serve(0)
    expect(pace.ask(3)).toEqual([0])
    expect(pace.report(4)).toEqual([])
    expect([pace.isAllServed, pace.doneBytes, pace.outOfOrder]).toEqual([false, 1024, 1])
  })

  it('tells a repeated question from one out of order and from a new beginning', () => {
    const pace = new DevicePace(4096, 1024)
    pace.ask(0)
    pace.serve(0)
    expect(pace.kindOf(0)).toBe('repeat')
    expect(pace.kindOf(1)).toBe('next')
    expect(pace.kindOf(2)).toBe('out-of-order')
    pace.ask(1)
    pace.serve(1)
    expect([pace.kindOf(0), pace.kindOf(1)]).toEqual(['start-over', 'repeat'])
    expect(pace.leave(2)).toBe(false)
  })

  it('goes on with what an earlier run counted', () => {
    const pace = new DevicePace(4096, 1024, Uint8Array.of(0b0011))
    expect([pace.doneBytes, pace.kindOf(2), pace.kindOf(0)]).toEqual([2048, 'repeat', 'start-over'])
    expect(pace.ask(3)).toEqual([2])
    expect(new DevicePace(3072, 1024, Uint8Array.of(0b0011)).isAllServed).toBe(false)
    expect(new DevicePace(10, 1024).leave(0)).toBe(true)
  })

  it('may have all of them as soon as the last ones are on their way, also when they are asked for at once', () => {
    const pace = new DevicePace(3072, 1024)
    pace.serve(0)
    expect([pace.leave(1), pace.leave(2), pace.isAllServed]).toEqual([false, true, false])
  })
})

describe('a posted status', () => {
  it.each([
    ['{"fota_status":{"boot_status":"success","new_version":"2","extra":1}}', 'wrapped'],
    ['{"boot_status":"success","new_version":"2","extra":1}', 'flat'],
  ])('%s is read %s, and keeps what is not known', text => {
    expect(readStatusReport(text)).toEqual({ bootStatus: 'success', newVersion: '2', unknown: { extra: 1 } })
  })

  it.each([
    ['{"progress":"12"}', 'Bad progress'],
    ['{"chunk_received":-1}', 'Bad chunk_received'],
    ['{"chunk_received":1.5}', 'Bad chunk_received'],
    ['{"verified":1}', 'Bad verified'],
    ['{"boot_status":3}', 'Bad boot_status'],
    ['{"fota_status":[]}', 'Bad fota_status'],
    ['{"fota_status":{"rollback":"no"}}', 'Bad rollback'],
    ['[]', 'Bad JSON'],
    ['x', 'Bad JSON'],
    ['{}', 'No status'],
  ])('%s is refused: %s', (text, why) => {
    expect(readStatusReport(text)).toBe(why)
  })

  it('may leave out or null what is not known yet', () => {
    expect(readStatusReport('{"progress":5,"error":null,"new_version":""}')).toEqual({ progress: 5, unknown: {} })
  })
})

describe('the address to listen on', () => {
  const info = (address: string, family: 'IPv4' | 'IPv6', internal = false) =>
    ({ address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 3 }) as never
  const interfaces = {
    lo: [info('127.0.0.1', 'IPv4', true)],
    'Wi-Fi 2': [info('fe80::1', 'IPv6'), info('192.168.1.7', 'IPv4')],
    six: [info('fe80::2', 'IPv6'), info('2001:db8::2', 'IPv6')],
    local: [info('fe80::3', 'IPv6')],
  }

  it.each([
    ['lo', '127.0.0.1'],
    ['Wi-Fi%202', '192.168.1.7'],
    ['192.168.1.7', '192.168.1.7'],
    ['127.0.0.1', '127.0.0.1'],
    ['six', '2001:db8::2'],
    ['[2001:db8::2]', '2001:db8::2'],
    ['local', 'fe80::3%local'],
  ])('%s is %s', (name, address) => {
    expect(localAddress(name, interfaces)).toBe(address)
  })

  it.each(['eth9', '10.0.0.1', '0.0.0.0'])('%s is refused with what there is', name => {
    expect(() => localAddress(name, interfaces)).toThrow(
      expect.objectContaining({ code: 'target.invalid', message: expect.stringContaining('192.168.1.7') as string }),
    )
  })

  it('is written for a URL, and read from a socket', () => {
    expect([urlHost('fe80::3%eth0'), urlHost('10.0.0.1')]).toEqual(['[fe80::3%25eth0]', '10.0.0.1'])
    expect([plainAddress('::ffff:10.0.0.1'), plainAddress('fe80::1%eth0')]).toEqual(['10.0.0.1', 'fe80::1'])
  })
})

describe('options', () => {
  it('want a key, unless the technician says that nothing is signed', () => {
    expect(() => readOptions({})).toThrow(
      expect.objectContaining({ code: 'option.invalid', details: expect.objectContaining({ key: 'psk' }) as object }),
    )
    expect(readOptions({ macMode: 'none' }).key).toBeNull()
  })

  it('come to 30 s, 60 s and 10 min with the real policy', () => {
    expect(timingOf(defaultRetryPolicy, 30)).toMatchObject({
      firstRequestMs: 30_000,
      stalledMs: 60_000,
      unknownMs: 600_000,
      holdMs: 8000,
      pollMs: 1000,
    })
  })
})
