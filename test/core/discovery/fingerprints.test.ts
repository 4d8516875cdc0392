import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Fingerprints, type Fingerprint } from '../../../src/core/discovery/fingerprints.ts'
import type { DeviceEntry } from '../../../src/shared/contract/models.ts'
import { FakeClock, settle } from '../../fakes/fake-clock.ts'
import { fakeDeviceEntry } from '../../fakes/fake-device-entry.ts'

const told: Fingerprint = {
  isReachable: true,
  protocols: ['esp-parts'],
  identity: { mac: '02:00:00:00:00:07', chip: 'ESP32' },
  notes: [],
}

let clock: FakeClock
let asked: string[]
let busy: Set<string>
let answer: (target: string) => Promise<Fingerprint>
let changes: number
let fingerprints: Fingerprints

beforeEach(() => {
  clock = new FakeClock()
  asked = []
  busy = new Set()
  answer = () => Promise.resolve(told)
  changes = 0
  fingerprints = new Fingerprints(
    {
      ask: target => {
        asked.push(target)
        return answer(target)
      },
      isBusy: target => busy.has(target),
    },
    clock,
    () => changes++,
  )
})
afterEach(async () => {
  await fingerprints.close()
})

function heard(target: string, more: Partial<DeviceEntry> = {}): DeviceEntry {
  return fakeDeviceEntry(target, { source: 'mdns', services: ['_http._tcp'], present: true, ...more })
}

describe('web servers that no announcement explains', () => {
  it('are asked once, and their rows say what they told', async () => {
    const entries = [heard('http://192.0.2.1')]
    expect(fingerprints.apply(entries)).toEqual(entries)
    await clock.advance(300)
    expect(changes).toBe(1)
    expect(fingerprints.apply(entries)).toMatchObject([
      { key: 'mac:02:00:00:00:00:07', protocols: ['esp-parts'], identity: { chip: 'ESP32' } },
    ])
    await clock.advance(3_600_000)
    fingerprints.apply(entries)
    await clock.advance(300)
    expect(asked).toEqual(['http://192.0.2.1'])
  })

  it('are alone asked: not what is explained, no other service, and nobody who is away', async () => {
    fingerprints.apply([
      heard('http://192.0.2.1', { protocols: ['esp-parts'] }),
      heard('udp://192.0.2.2:3232'),
      heard('http://192.0.2.3', { services: ['_workstation._tcp'] }),
      heard('http://192.0.2.4', { present: false }),
      heard('http://192.0.2.5', { notes: [{ en: 'a Shelly', vi: 'một Shelly' }] }),
    ])
    await clock.advance(10_000)
    expect(asked).toEqual([])
  })

  it('are asked a few at once, with a pause between them', async () => {
    const answers: (() => void)[] = []
    answer = () =>
      new Promise(resolve =>
        answers.push(() => {
          resolve(told)
        }),
      )
    fingerprints.apply(Array.from({ length: 10 }, (_, index) => heard(`http://192.0.2.${String(index)}`)))
    await clock.advance(260)
    expect(asked).toHaveLength(1)
    await clock.advance(60_000)
    expect(asked).toHaveLength(4)
    answers.shift()?.()
    await settle()
    await clock.advance(260)
    expect(asked).toHaveLength(5)
    let isSettled = false
    const settled = fingerprints.settled(new AbortController().signal).then(() => {
      isSettled = true
    })
    while (answers.length > 0) {
      expect(isSettled).toBe(false)
      answers.shift()?.()
      await clock.advance(260)
    }
    await clock.advance(100)
    await settled
    expect(asked).toHaveLength(10)
  })

  it('are asked once also where a board that said goodbye stands at the same address', async () => {
    const entries = [
      heard('http://192.0.2.1', { name: 'before', present: false }),
      heard('http://192.0.2.1', { name: 'after' }),
    ]
    for (const listed of [entries, entries.toReversed()]) {
      for (let round = 0; round < 20; round++) {
        fingerprints.apply(listed)
        await clock.advance(300)
      }
    }
    expect(asked).toEqual(['http://192.0.2.1'])
  })

  it('are asked again when they said goodbye while they were asked', async () => {
    const first = Promise.withResolvers<Fingerprint>()
    answer = () => (asked.length === 1 ? first.promise : Promise.resolve(told))
    fingerprints.apply([heard('http://192.0.2.1')])
    await clock.advance(300)
    fingerprints.apply([heard('http://192.0.2.1', { present: false })])
    first.resolve({ ...told, protocols: ['resumable'] })
    await settle()
    expect(fingerprints.apply([heard('http://192.0.2.1')])).toMatchObject([{ protocols: [] }])
    await clock.advance(300)
    expect(fingerprints.apply([heard('http://192.0.2.1')])).toMatchObject([{ protocols: ['esp-parts'] }])
    expect(asked).toHaveLength(2)
  })

  it('are left alone while a job speaks with them, and asked later', async () => {
    busy.add('http://192.0.2.1')
    fingerprints.apply([heard('http://192.0.2.1')])
    await clock.advance(5_000)
    fingerprints.apply([heard('http://192.0.2.1')])
    expect(asked).toEqual([])
    busy.clear()
    await clock.advance(10_000)
    fingerprints.apply([heard('http://192.0.2.1')])
    await clock.advance(300)
    expect(asked).toEqual(['http://192.0.2.1'])
  })

  it('that never answer are asked three times, a minute apart', async () => {
    answer = () => Promise.reject(new Error('no answer'))
    for (let second = 0; second < 600; second++) {
      fingerprints.apply([heard('http://192.0.2.1')])
      await clock.advance(1_000)
    }
    expect(asked).toHaveLength(3)
  })

  it('that were away are asked again: they may run something else', async () => {
    fingerprints.apply([heard('http://192.0.2.1')])
    await clock.advance(300)
    fingerprints.apply([heard('http://192.0.2.1', { present: false })])
    fingerprints.apply([heard('http://192.0.2.1')])
    await clock.advance(300)
    expect(asked).toHaveLength(2)
  })
})
