import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { gatherPortFacts } from '../../../src/core/links/port-facts.ts'
import {
  judgeOpenFailure,
  kindOfFault,
  passesAfterPlugIn,
  type PortFacts,
} from '../../../src/core/links/port-faults.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'

const busy = 'Error Resource temporarily unavailable Cannot lock port'
const denied = 'Error: Permission denied, cannot open /dev/ttyUSB0'
const node: PortFacts['node'] = { isCharacterDevice: true, groupName: 'dialout', isGroupAllowed: true, ageMs: 60_000 }
const user: PortFacts['user'] = { name: 'mai', isInGroup: false, isListedInGroup: false }

function judge(systemMessage: string, facts: Partial<PortFacts> = {}): FlashproofError {
  const path = '/dev/ttyUSB0'
  return judgeOpenFailure({
    ...{ platform: 'linux', path, systemMessage, node, user, holders: [], runningServices: [] },
    ...facts,
  })
}

describe('what a system says of a port', () => {
  it.each([
    ['Error: No such file or directory, cannot open /dev/ttyUSB0', 'linux', 'missing'],
    ['Error: No such device, cannot open /dev/ttyUSB0', 'linux', 'missing'],
    ['Opening COM7: File not found', 'win32', 'missing'],
    [busy, 'linux', 'busy'],
    ['Error: Resource busy, cannot open /dev/cu.usbserial-1', 'darwin', 'busy'],
    ['Opening COM3: Access denied', 'win32', 'busy'],
    [denied, 'linux', 'denied'],
    ['Error: Inappropriate ioctl for device setting custom baud rate of 115200', 'linux', 'not-a-port'],
    ['Opening COM3: Unknown error code 31', 'win32', 'other'],
  ] as const)('%s (%s): %s', (message, platform, kind) => {
    expect(kindOfFault(message, platform)).toBe(kind)
  })
})

describe('a port that is busy', () => {
  it('names the programs that have it', () => {
    const error = judge(busy, {
      holders: [
        { pid: 12, command: 'screen' },
        { pid: 13, command: 'minicom' },
      ],
    })
    expect(error.code).toBe('serial.port-busy')
    expect(error.message).toBe('/dev/ttyUSB0 is open in screen (process 12), minicom (process 13)')
  })

  it('names a service that takes ports, and how it is stopped', () => {
    const error = judge(busy, { holders: [{ pid: 12, command: 'ModemManager' }] })
    expect(error.code).toBe('serial.held-by-service')
    expect(error.message).toContain('sudo systemctl stop ModemManager')
    expect(error.details['service']).toBe('ModemManager')
  })

  it('suspects a service that runs, and does not call it proven', () => {
    const error = judge(busy, { runningServices: ['ModemManager'] })
    expect(error.code).toBe('serial.port-busy')
    expect(error.message).toContain('perhaps ModemManager')
    expect(error.message).toContain('sudo fuser -v /dev/ttyUSB0')
  })

  it('names the usual suspects where programs cannot be seen', () => {
    const error = judge('Opening COM3: Access denied', { platform: 'win32', node: null, user: null })
    expect(error.code).toBe('serial.port-busy')
    expect(error.message).toContain('a serial monitor, an IDE')
  })
})

describe('a port that this user may not open', () => {
  it.each([
    [{ node, user }, 'sudo usermod -aG dialout mai'],
    [{ node, user: { ...user, isListedInGroup: true } }, 'sign out and in again'],
    [{ node, user: { ...user, isInGroup: true } }, 'though mai is in the group dialout'],
    [{ node: { ...node, groupName: 'root' }, user }, 'a udev rule is needed'],
    [{ node: { ...node, isGroupAllowed: false }, user }, 'a udev rule is needed'],
    [{ node: null, user: null }, 'Permission denied'],
  ])('says what helps: %j', (facts, advice) => {
    const error = judge(denied, facts)
    expect(error.code).toBe('serial.permission-denied')
    expect(error.message).toContain(advice)
  })
})

it('names brltty when an adapter did not become a port', () => {
  const message = 'Error: No such file or directory, cannot open /dev/ttyUSB0'
  expect(judge(message).message).toBe('/dev/ttyUSB0 is not there')
  expect(judge(message, { runningServices: ['brltty'] }).message).toContain('brltty runs here')
})

it('tells what passes by itself after a board was plugged in', () => {
  expect([busy, denied, 'Error: No such device', 'odd'].map(message => passesAfterPlugIn(judge(message)))).toEqual([
    true,
    true,
    false,
    false,
  ])
})

describe.skipIf(process.platform !== 'linux')('the facts about a port', () => {
  it('are its node, its group and who has it open', async () => {
    const facts = await gatherPortFacts('/dev/null', busy)
    expect(facts.node?.isCharacterDevice).toBe(true)
    expect(facts.node?.groupName).toBe('root')
    expect(facts.user?.name).not.toBe('')
    // Every process of a test has it open.
    expect(facts.holders.map(({ pid }) => pid)).toContain(process.pid)
  })

  it('are few for a port that is not there', async () => {
    const facts = await gatherPortFacts('/dev/flashproof-none', 'odd')
    expect({ ...facts, runningServices: [] }).toEqual({
      ...{ platform: 'linux', path: '/dev/flashproof-none', systemMessage: 'odd' },
      ...{ node: null, user: null, holders: [], runningServices: [] },
    })
  })
})
