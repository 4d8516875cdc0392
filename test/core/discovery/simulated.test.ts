import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listSimulated } from '../../../src/core/discovery/simulated.ts'
import { fakeDeviceEntry } from '../../fakes/fake-device-entry.ts'

let parent = ''
let folder = ''
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'flashproof-simulated-'))
  folder = join(parent, 'simulators')
  mkdirSync(folder)
})
afterEach(() => {
  rmSync(parent, { recursive: true, force: true })
})

function register(name: string, content: unknown): void {
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
}

const device = { name: 'esp32-1', target: 'http://127.0.0.1:4711', mac: '02:4f:50:00:00:01', chip: 'ESP32', faults: [] }

describe('virtual devices of running simulators', () => {
  it('are listed with who they are, as simulated', () => {
    register(`${String(process.pid)}.json`, { pid: process.pid, devices: [device] })
    expect(listSimulated(folder)).toEqual([
      fakeDeviceEntry(device.target, {
        name: 'esp32-1',
        identity: { name: 'esp32-1', mac: device.mac, chip: 'ESP32' },
        source: 'simulated',
        simulated: true,
        present: true,
      }),
    ])
  })

  it('are not listed when their process is dead', () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    register(`${String(pid)}.json`, { pid, devices: [device] })
    expect(listSimulated(folder)).toEqual([])
  })

  it('are listed though another file beside them is damaged', () => {
    register('1.json', '{"pid":')
    register('2.json', { pid: 'x', devices: [] })
    register('3.json.new', { pid: process.pid, devices: [device] })
    register('4.json', { pid: process.pid, devices: [device] })
    expect(listSimulated(folder).map(entry => entry.target)).toEqual([device.target])
  })

  it('are none where there is no folder, or a link in its place', () => {
    register('1.json', { pid: process.pid, devices: [device] })
    expect(listSimulated(join(parent, 'none'))).toEqual([])
    symlinkSync(folder, join(parent, 'link'))
    expect(listSimulated(join(parent, 'link'))).toEqual([])
  })

  it.skipIf(process.getuid?.() !== 0)('are none in a folder of another user', () => {
    register('1.json', { pid: process.pid, devices: [device] })
    chownSync(folder, 12_345, 12_345)
    expect(listSimulated(folder)).toEqual([])
  })
})
