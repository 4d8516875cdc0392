import { describe, expect, it } from 'vitest'
import { acceptsTarget, ceilingOf, commonReach, standingOfNeed } from '../../../src/renderer/transfer/protocol-fit.ts'

const espParts = { id: 'esp-parts', endpoints: ['http' as const] }

describe('the fit of a protocol', () => {
  it('goes by what the device said, before the kind of its address', () => {
    expect(acceptsTarget(espParts, { target: 'http://a', protocols: ['tasmota'] })).toBe(false)
    expect(acceptsTarget(espParts, { target: 'serial:/dev/ttyUSB0', protocols: ['esp-parts'] })).toBe(true)
  })

  it('goes by the kind of the address where the device said nothing', () => {
    expect(acceptsTarget(espParts, { target: 'http://a', protocols: [] })).toBe(true)
    expect(acceptsTarget(espParts, { target: 'serial:COM7', protocols: [] })).toBe(false)
    expect(acceptsTarget(espParts, { target: 'mac:24:6F:28:AA:1F:7C', protocols: [] })).toBe(true)
    expect(acceptsTarget(espParts, { target: '__proto__:x', protocols: [] })).toBe(true)
  })
})

describe('what can be shown', () => {
  it('tells what is certain from what only the device knows', () => {
    const reach = { sent: 'yes', acknowledged: 'yes', stored: 'probe', confirmed: 'no' } as const
    expect(ceilingOf(reach)).toEqual({ certain: 'acknowledged', possible: 'stored' })
    expect(ceilingOf({ sent: 'yes', received: 'unknown', stored: 'yes' })).toEqual({
      certain: 'stored',
      possible: null,
    })
    expect(ceilingOf({})).toEqual({ certain: null, possible: null })
  })

  it('takes of several devices what every one can', () => {
    const common = commonReach([
      { sent: 'yes', stored: 'yes', running: 'yes' },
      { sent: 'yes', stored: 'no', running: 'unknown' },
    ])
    expect(common).toMatchObject({ sent: 'yes', stored: 'no', running: 'unknown', received: 'unknown' })
    expect(commonReach([])).toBeNull()
  })

  it('places what is needed within it', () => {
    expect(standingOfNeed({ stored: 'yes' }, 'stored')).toBe('reachable')
    expect(standingOfNeed({ stored: 'no' }, 'stored')).toBe('beyond')
    expect(standingOfNeed({ stored: 'probe' }, 'stored')).toBe('unsure')
    expect(standingOfNeed({}, 'confirmed')).toBe('unsure')
  })
})
