/** What a review allows, in plain data. */
import { describe, expect, it } from 'vitest'
import type { TargetReview } from '../../../src/shared/contract/index.ts'
import { canFit, isTypedRight, overridesOf, standingOfReview } from '../../../src/renderer/bench/review-rules.ts'
import { mediumOf, namesOf, productOf } from '../../../src/renderer/bench/row-words.ts'
import { startObstacle } from '../../../src/renderer/bench/start-readiness.ts'
import { fakeDevice, fakeFirmware, fakeHexInspection } from '../fake-models.ts'

type Finding = TargetReview['findings'][number]

function finding(changes: Partial<Finding>): Finding {
  return {
    severity: 'warning',
    code: 'downgrade',
    text: { en: 'older', vi: 'cũ hơn' },
    accept: null,
    typed: null,
    ...changes,
  }
}

function reviewOf(findings: readonly Finding[], changes: Partial<TargetReview> = {}): TargetReview {
  return {
    target: 'http://a',
    fits: !findings.some(one => one.severity === 'refusal'),
    heardAt: null,
    protocol: null,
    identity: null,
    appName: null,
    versionNow: null,
    versionNew: null,
    required: null,
    reach: null,
    findings: [...findings],
    ...changes,
  }
}

describe('a review', () => {
  it('lets a board go that has nothing against it', () => {
    expect(standingOfReview(reviewOf([]), new Set())).toBe('fits')
    expect(standingOfReview(reviewOf([finding({})]), new Set())).toBe('fits')
  })

  it('refuses for good what nobody may lift', () => {
    const review = reviewOf([finding({ severity: 'refusal', code: 'image.wrong-chip' })])
    expect(canFit(review)).toBe(false)
    expect(standingOfReview(review, new Set(['image.wrong-chip']))).toBe('refused')
  })

  it('refuses what does not fit although no finding says why', () => {
    expect(standingOfReview(reviewOf([], { fits: false }), new Set())).toBe('refused')
  })

  it('waits for a word where a person may override, and goes once it is given', () => {
    const review = reviewOf([
      finding({ severity: 'refusal', code: 'other-project', accept: 'other-project', typed: 'gateway' }),
    ])
    expect(standingOfReview(review, new Set())).toBe('needs-word')
    expect(standingOfReview(review, new Set(['other-project']))).toBe('fits')
  })

  it('asks one thing once for several boards', () => {
    const warning = finding({ accept: 'downgrade' })
    const overrides = overridesOf([reviewOf([warning]), reviewOf([warning], { target: 'http://b' })])
    expect(overrides).toHaveLength(1)
    expect(overrides[0]?.targets).toEqual(['http://a', 'http://b'])
  })

  it('takes only the very word that is asked for', () => {
    const [override] = overridesOf([reviewOf([finding({ accept: 'other-project', typed: 'gateway' })])])
    if (override === undefined) throw new Error('there is an override')
    expect(isTypedRight(override, 'Gateway')).toBe(false)
    expect(isTypedRight(override, ' gateway ')).toBe(true)
  })
})

describe('names', () => {
  it('tells two boards of one name apart by the MAC, else by the socket', () => {
    const names = namesOf([
      fakeDevice({ key: 'a', identity: { mac: '24:6f:28:aa:1f:a2' } }),
      fakeDevice({ key: 'b', identity: null, place: 'USB 1-3' }),
      fakeDevice({ key: 'c', name: 'hallway' }),
      fakeDevice({ key: 'd', name: 'hallway', label: 'Socket 1' }),
    ])
    expect([...names.values()]).toEqual(['kitchen (1F:A2)', 'kitchen (USB 1-3)', 'hallway', 'Socket 1'])
  })

  it('shows control characters of a hostile name as marks', () => {
    expect(namesOf([fakeDevice({ key: 'a', name: 'x\u202ey\u0000' })]).get('a')).toBe('x·y·')
  })

  it('knows practice from USB from network', () => {
    expect(mediumOf(fakeDevice({ simulated: true }))).toBe('practice')
    expect(mediumOf(fakeDevice({ target: 'serial:COM7', source: 'remembered' }))).toBe('usb')
    expect(mediumOf(fakeDevice())).toBe('network')
  })

  it('names product and version of an ESP program, and the file of anything else', () => {
    expect(productOf(fakeFirmware())).toEqual({ name: 'thermostat', version: '2.1.4' })
    expect(productOf(fakeFirmware(fakeHexInspection()))).toEqual({ name: 'pump-controller.hex', version: null })
  })
})

describe('the start button', () => {
  const ready = {
    isWatching: false,
    isEngineReady: true,
    hasFirmware: true,
    areOptionsValid: true,
    tickedCount: 2,
    freeCount: 2,
    possibleCount: 1,
  }

  it('is free when something can be written', () => {
    expect(startObstacle(ready)).toBeNull()
  })

  it.each([
    ['Engine', { isEngineReady: false }],
    ['Watching', { isWatching: true }],
    ['Firmware', { hasFirmware: false }],
    ['Tick', { tickedCount: 0 }],
    ['Options', { areOptionsValid: false }],
    ['Busy', { freeCount: 0 }],
    ['Refused', { possibleCount: 0 }],
  ] as const)('says the obstacle %s', (obstacle, changes) => {
    expect(startObstacle({ ...ready, ...changes })).toBe(obstacle)
  })
})
