import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listDevices, lookUpDevice } from '../../../src/core/discovery/device-registry.ts'
import { readLabels, setLabel, withLabels } from '../../../src/core/discovery/labels.ts'
import { fakeDeviceEntry } from '../../fakes/fake-device-entry.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-labels-'))
})
afterEach(() => {
  rmSync(home, { recursive: true, force: true })
})

describe('labels', () => {
  it('are kept by key, replaced, and taken away, with nothing left beside the file', () => {
    setLabel(home, 'mac:02:00:00:00:00:01', 'Cổng số 1')
    setLabel(home, 'socket:1-1.3', 'Socket 3')
    setLabel(home, 'socket:1-1.3', 'Socket three')
    expect([...readLabels(home)]).toEqual([
      ['mac:02:00:00:00:00:01', 'Cổng số 1'],
      ['socket:1-1.3', 'Socket three'],
    ])
    setLabel(home, 'socket:1-1.3', null)
    expect([...readLabels(home).keys()]).toEqual(['mac:02:00:00:00:00:01'])
    expect(readdirSync(home)).toEqual(['labels.json'])
  })

  it.each(['', '{"version":1', '{"version":9,"labels":{}}', '[]'])('are none in a damaged file %j', content => {
    writeFileSync(join(home, 'labels.json'), content)
    expect(readLabels(home).size).toBe(0)
    setLabel(home, 'a', 'b')
    expect([...readLabels(home)]).toEqual([['a', 'b']])
  })

  it('of a socket name whatever is plugged in there, and can be ordered by, until the board has a name of its own', () => {
    const inSocket = fakeDeviceEntry('serial:/dev/ttyUSB0', {
      key: 'mac:02:00:00:00:00:01',
      adapterKey: 'usb:10C4:EA60:A',
      socketKey: 'socket:1-1.3',
    })
    const labels = new Map([['socket:1-1.3', 'Socket 3']])
    const devices = withLabels([inSocket, fakeDeviceEntry('http://192.0.2.1')], labels)
    expect(devices.map(({ label }) => label)).toEqual(['Socket 3', null])
    expect(lookUpDevice('socket 3', devices).text).toBe('serial:/dev/ttyUSB0')
    labels.set('mac:02:00:00:00:00:01', 'Kitchen')
    const named = withLabels([inSocket], labels)
    expect(named).toMatchObject([{ label: 'Kitchen', socketLabel: 'Socket 3' }])
    for (const name of ['Kitchen', 'Socket 3']) expect(lookUpDevice(name, named).text).toBe('serial:/dev/ttyUSB0')
    expect(withLabels(named, new Map())).toMatchObject([{ label: null, socketLabel: undefined }])
  })

  it('reach the entries of their key, and no entry brings its own', async () => {
    const board = fakeDeviceEntry('http://192.0.2.1', { identity: { mac: '02:00:00:00:00:01' }, label: 'stale' })
    expect(withLabels([board], new Map()).map(entry => entry.label)).toEqual([null])
    setLabel(home, board.key, 'Bench 1')
    const listed = await listDevices([{ id: 'remembered', list: () => [board] }], {
      home,
      signal: new AbortController().signal,
      waitMs: 0,
    })
    expect(listed.map(entry => entry.label)).toEqual(['Bench 1'])
  })
})
