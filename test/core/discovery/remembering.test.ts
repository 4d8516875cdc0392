import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readRemembered } from '../../../src/core/discovery/remembered.ts'
import { DeviceMemory } from '../../../src/core/discovery/remembering.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'
import { fakeDeviceEntry as entry } from '../../fakes/fake-device-entry.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-memory-'))
})
afterEach(() => {
  rmSync(home, { recursive: true, force: true })
})

function targets(): string[] {
  return readRemembered(home).map(device => device.target)
}

describe('the memory for boards', () => {
  it('writes what came together at once, a moment later', async () => {
    const clock = new FakeClock()
    const memory = new DeviceMemory(home, clock)
    memory.note(entry('http://a'))
    memory.note(entry('http://b'))
    expect(targets()).toEqual([])
    expect(clock.sleeperCount).toBe(1)
    await clock.advance(1000)
    expect(targets()).toEqual(['http://b', 'http://a'])
    memory.note(entry('http://c'))
    await clock.advance(1000)
    expect(targets()).toEqual(['http://c', 'http://b', 'http://a'])
  })

  it('loses nothing when it is closed', () => {
    const memory = new DeviceMemory(home, new FakeClock())
    memory.note(entry('http://a'))
    memory.close()
    expect(targets()).toEqual(['http://a'])
  })

  it('harms nobody when it cannot write', () => {
    const file = join(home, 'file')
    writeFileSync(file, '')
    const memory = new DeviceMemory(file, new FakeClock())
    memory.note(entry('http://a'))
    expect(() => {
      memory.close()
    }).not.toThrow()
  })
})
