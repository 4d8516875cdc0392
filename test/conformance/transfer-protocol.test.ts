/**
 * THE LIST of transfer protocols: every one has a harness and a virtual device, and every named fault is held to something.
 * What the harnesses are held to is in `suite.ts`.
 */
import { describe, expect, it } from 'vitest'
import { transferProtocols } from '../../src/core/transfer/index.ts'
import { deviceKinds } from '../../src/simulator/device-kinds.ts'
import { harnesses } from './harnesses/index.ts'
import { nameOf } from './suite.ts'

describe('THE LIST of transfer protocols', () => {
  it('has unique ids', () => {
    const ids = transferProtocols.map(({ descriptor }) => descriptor.id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it.each(transferProtocols.map(({ descriptor }) => descriptor.id))('%s has a harness', id => {
    expect(harnesses.map(harness => harness.protocolId)).toContain(id)
  })

  it.each(transferProtocols.map(({ descriptor }) => descriptor.id))('%s has a virtual device', id => {
    expect(deviceKinds.map(kind => kind.id)).toContain(id)
  })

  it.each(harnesses.map(harness => [nameOf(harness), harness] as const))(
    '%s: every named fault of its virtual device is held to something',
    (_name, harness) => {
      const kind = deviceKinds.find(({ id }) => id === harness.protocolId)
      expect(Object.keys(harness.faults).sort()).toEqual(Object.keys(kind?.faults ?? {}).sort())
    },
  )
})
