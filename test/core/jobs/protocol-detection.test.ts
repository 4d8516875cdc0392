import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../../../src/core/discovery/target.ts'
import { detectProtocol, namedProtocol, probeTarget } from '../../../src/core/jobs/protocol-detection.ts'
import type { ProbeResult, TransferProtocol } from '../../../src/core/transfer/transfer-protocol.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'
import { fakeProtocol } from '../../fakes/fake-protocol.ts'

function endpoint(text = 'http://192.0.2.1'): Endpoint {
  const target = parseTarget(text)
  if (!isEndpoint(target)) throw new Error('no endpoint')
  return target
}

const none = { sent: 'no', acknowledged: 'no', received: 'no', stored: 'no', running: 'no', confirmed: 'no' } as const

/** @param answer what its probe finds; an error is thrown */
function protocol(id: string, answer: Partial<ProbeResult> | Error): TransferProtocol {
  const result: ProbeResult = {
    isMatch: true,
    identity: null,
    reach: none,
    telemetry: null,
    notes: [],
    ...(answer instanceof Error ? {} : answer),
  }
  return {
    ...fakeProtocol(() => Promise.reject(new Error('nothing runs here')), id),
    probe: () => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(result)),
  }
}

function ask(protocols: readonly TransferProtocol[], wanted: string | null = null) {
  return {
    endpoint: endpoint(),
    wanted,
    protocols,
    signal: new AbortController().signal,
    clock: new FakeClock(),
    timeoutMs: 100,
  }
}

const refused = new FlashproofError('network.refused', 'nobody there')

describe('finding the protocol of a target', () => {
  it('takes the only one that matches', async () => {
    const found = await detectProtocol(
      ask([protocol('a', { isMatch: false, notes: ['no'] }), protocol('b', { notes: ['yes'] })]),
    )
    expect(found.protocol.descriptor.id).toBe('b')
    expect(found.notes).toEqual(['yes'])
  })

  it('takes the only one that matches though another could not be asked', async () => {
    const late = new FlashproofError('network.timeout', 'no answer in time')
    expect((await detectProtocol(ask([protocol('a', late), protocol('b', {})]))).protocol.descriptor.id).toBe('b')
  })

  it('asks no third protocol where two in a row are left without an answer', async () => {
    const late = new FlashproofError('network.timeout', 'no answer in time')
    const silent = [protocol('a', late), protocol('b', late), protocol('c', {})]
    await expect(detectProtocol(ask(silent))).rejects.toBe(late)
    const slow = [protocol('a', late), protocol('b', { isMatch: false }), protocol('c', late), protocol('d', {})]
    expect((await detectProtocol(ask(slow))).protocol.descriptor.id).toBe('d')
  })

  it('asks no second time where nobody is there', async () => {
    await expect(detectProtocol(ask([protocol('a', refused), protocol('b', {})]))).rejects.toBe(refused)
  })

  it('takes what the device list names, where reading cannot tell', async () => {
    const silent = [protocol('a', { isMatch: false, notes: ['cannot tell'] }), protocol('b', { isMatch: false })]
    expect((await detectProtocol({ ...ask(silent), known: ['b'] })).protocol.descriptor.id).toBe('b')
    await expect(detectProtocol({ ...ask(silent), known: ['a', 'b'] })).rejects.toMatchObject({
      code: 'protocol.not-detected',
    })
  })

  it('lets the device list decide between two that match, and asks the known one alone while it answers', async () => {
    const both = [protocol('a', {}), protocol('b', {})]
    expect((await detectProtocol({ ...ask(both), known: ['b', 'c'] })).protocol.descriptor.id).toBe('b')
    const unasked = protocol('a', new FlashproofError('network.timeout', 'must not be asked'))
    expect((await detectProtocol({ ...ask([unasked, protocol('b', {})]), known: ['b'] })).notes).toEqual([])
  })

  it('asks nothing more once a device answered as only one protocol’s can', async () => {
    const unasked = protocol('b', new FlashproofError('network.timeout', 'must not be asked'))
    const found = await detectProtocol(ask([protocol('a', { isCertain: true }), unasked]))
    expect(found.protocol.descriptor.id).toBe('a')
  })

  it('believes what it reads now over what the device list knows', async () => {
    const found = await detectProtocol({ ...ask([protocol('a', {}), protocol('b', { isMatch: false })]), known: ['b'] })
    expect(found.protocol.descriptor.id).toBe('a')
  })

  it('never chooses between two', async () => {
    await expect(
      detectProtocol(ask([protocol('a', {}), protocol('b', {}), protocol('c', { isMatch: false })])),
    ).rejects.toMatchObject({
      code: 'protocol.ambiguous',
      details: { candidates: ['a', 'b'] },
    })
  })

  it('says what was tried where none matches', async () => {
    const other = new FlashproofError('device.not-speaking', 'something else')
    await expect(
      detectProtocol(ask([protocol('a', { isMatch: false, notes: ['no routes'] }), protocol('b', other)])),
    ).rejects.toMatchObject({
      code: 'protocol.not-detected',
      details: { tried: ['a', 'b'] },
    })
  })

  it('gives the fault of the network where nothing answers', async () => {
    await expect(detectProtocol(ask([protocol('a', refused)]))).rejects.toBe(refused)
  })

  it('asks nothing when the protocol was named', async () => {
    expect((await detectProtocol(ask([protocol('a', refused)], 'a'))).protocol.descriptor.id).toBe('a')
  })

  it('refuses an unknown name, and one that does not speak to such an endpoint', () => {
    const protocols = [protocol('a', {})]
    expect(() => namedProtocol('z', endpoint(), protocols)).toThrow(
      expect.objectContaining({ code: 'protocol.unknown', details: { protocol: 'z', known: ['a'] } }),
    )
    expect(() => namedProtocol('a', endpoint('serial:/dev/ttyUSB0'), protocols)).toThrow(
      expect.objectContaining({ code: 'protocol.endpoint-not-accepted' }),
    )
  })
})

describe('probing a target', () => {
  it('reports every protocol that matches, and what the first one learnt', async () => {
    const identity = { mac: '02:00:00:00:00:01' }
    const report = await probeTarget(
      ask([protocol('a', { identity, notes: ['one'] }), protocol('b', { notes: ['two'] })]),
    )
    expect(report).toMatchObject({ reachable: true, protocols: ['a', 'b'], identity, notes: ['one', 'two'] })
  })

  it('reports an unreachable target without failing', async () => {
    expect(await probeTarget(ask([protocol('a', refused)]))).toMatchObject({
      reachable: false,
      protocols: [],
      notes: ['a: nobody there'],
    })
  })
})
