import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../src/shared/errors.ts'
import { parseDeviceSpec } from '../../src/simulator/device-spec.ts'
import { faultNames } from '../../src/simulator/faults/fault-table.ts'

function refusal(text: string): FlashproofError {
  try {
    parseDeviceSpec(text)
  } catch (thrown) {
    if (thrown instanceof FlashproofError) return thrown
    throw thrown
  }
  throw new Error(`"${text}" was accepted`)
}

describe('a specification of virtual devices', () => {
  it('may be a count of sound devices', () => {
    const devices = parseDeviceSpec('4')
    expect(devices.map(({ name, faults }) => [name, faults])).toEqual([
      ['esp32-1', []],
      ['esp32-2', []],
      ['esp32-3', []],
      ['esp32-4', []],
    ])
  })

  it('names devices that are no ESP32 after what they are, and counts all of them', () => {
    const devices = parseDeviceSpec('esp-serial,stm32-serial:2,ymodem,stm32-bridge')
    expect(devices.map(({ name }) => name)).toEqual(['esp32-1', 'stm32-2', 'stm32-3', 'board-4', 'esp32-5'])
  })

  it('lists kinds with counts and faults', () => {
    const devices = parseDeviceSpec('esp-parts:3,esp-parts+slow,esp-parts+reboot@40,esp-parts:2+liar+slow@5')
    expect(devices.map(device => device.faults)).toEqual([
      ...[[], [], []],
      [{ name: 'slow' }],
      [{ name: 'reboot', chunk: 40 }],
      ...[
        [{ name: 'liar' }, { name: 'slow', ms: 5 }],
        [{ name: 'liar' }, { name: 'slow', ms: 5 }],
      ],
    ])
    expect(new Set(devices.map(device => device.name)).size).toBe(7)
  })

  it('sets parameters by name', () => {
    const [device] = parseDeviceSpec('esp-parts+drop-reply@every=7@chunk=any+cut@complete@at=in-body')
    expect(device?.faults).toEqual([
      { name: 'drop-reply', every: 7, chunk: 'any' },
      { name: 'cut', chunk: 'complete', at: 'in-body' },
    ])
  })

  it('knows traits that are no faults', () => {
    const [seed, direct] = parseDeviceSpec('esp-parts+seed+compact-json,esp-parts+direct+liar')
    expect(seed?.options).toMatchObject({ compactJson: true, features: { hash: false } })
    expect(direct).toMatchObject({ options: { storage: 'direct' }, faults: [{ name: 'liar' }] })
  })

  it('knows the eight devices of the demonstration', () => {
    const faults = parseDeviceSpec('demo').map(device => device.faults.map(fault => fault.name))
    expect(faults).toEqual([[], [], ['slow'], ['drop-reply'], ['reboot'], ['liar'], [], []])
  })

  it('names the place of an unknown fault and lists the known ones', () => {
    const error = refusal('esp-parts:2,esp-parts+slow+sloow')
    expect(error).toMatchObject({ code: 'option.invalid', details: { entry: 2, column: 28, fault: 'sloow' } })
    expect(error.message).toMatch(/^device 2, column 28: no fault is called "sloow"; the faults of esp-parts are /)
    for (const name of faultNames) expect(error.message).toContain(name)
  })

  it.each([
    ['', 'device 1, column 1: "" is no kind of virtual device; the kinds are esp-parts'],
    ['0', 'device 1, column 1: "0" is no count of devices; it takes 1 to 1024'],
    ['2000', 'device 1, column 1: "2000" is no count of devices; it takes 1 to 1024'],
    ['esp-parts:x', 'device 1, column 1: "x" is no count of devices; it takes 1 to 1024'],
    ['esp-parts:1:2', 'device 1, column 1: "esp-parts:1:2" has more than one count'],
    ['esp-parts,toaster', 'device 2, column 11: "toaster" is no kind of virtual device; the kinds are esp-parts'],
    ['esp-parts+constructor', /^device 1, column 11: no fault is called "constructor"/],
    ['esp-parts+bad-self-check@1', 'device 1, column 11: the fault "bad-self-check" takes no value'],
    ['esp-parts+slow@fast', 'device 1, column 11: the fault "slow" takes a number of at least 0 as "ms", not "fast"'],
    ['esp-parts+slow@speed=1', /the fault "slow" has no parameter "speed": it takes ms, bytesPerSecond$/],
    ['esp-parts+cut@at=end', /takes one of before-request, in-body, after-process as "at", not "end"$/],
    ['esp-parts:1000,esp-parts:1000', 'at most 1024 virtual devices can be started'],
  ])('refuses %j', (text, message) => {
    const error = refusal(text)
    expect(error.code).toBe('option.invalid')
    expect(error.message).toMatch(message)
  })
})
