/** That no upload server is taken for another one, nor any other device for one of them, by what reading shows. */
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { isEndpoint, parseTarget } from '../../../src/core/discovery/target.ts'
import { guidChunks } from '../../../src/core/transfer/guid-chunks/protocol.ts'
import { resumable } from '../../../src/core/transfer/resumable/protocol.ts'
import { deviceKinds } from '../../../src/simulator/device-kinds.ts'

const traitsOf: Readonly<Record<string, readonly object[]>> = {
  resumable: [{}, { profile: 'node' }],
  'guid-chunks': [{}, { isStrict: true }],
}

const devices = deviceKinds.flatMap(kind => (traitsOf[kind.id] ?? [{}]).map(traits => ({ kind, traits })))

describe.each([resumable, guidChunks])('the probe of $descriptor.id', protocol => {
  it.each(devices.map(device => [device.kind.id, JSON.stringify(device.traits), device] as const))(
    'is right about %s %s, and changes nothing there',
    async (id, _traits, { kind, traits }) => {
      const common = { identity: { id: 'probed', name: 'Probed' }, faults: [], flashDir: null, seed: 1 }
      const device = await kind.start({ ...common, ...traits })
      try {
        const endpoint = parseTarget(device.target)
        if (!isEndpoint(endpoint) || !protocol.accepts(endpoint)) return
        const reading = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 2000 }
        const { isMatch, notes } = await protocol.probe(endpoint, reading)
        const isNodeSample = 'profile' in traits
        expect(isMatch).toBe(id === protocol.descriptor.id && !isNodeSample)
        expect(notes).not.toEqual([])
        expect([device.dataRequests(), device.leftovers()]).toEqual([0, 0])
      } finally {
        await device.close()
      }
    },
  )
})
