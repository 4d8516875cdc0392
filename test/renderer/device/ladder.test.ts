// @vitest-environment happy-dom
/** The ladder of proof in words, and the next step that a verdict calls for. */
import { mount } from '@vue/test-utils'
import { afterEach, describe, expect, it } from 'vitest'
import { ladderOf, shortValue } from '../../../src/renderer/components/device/ladder.ts'
import { nextStepOf, remedyOf } from '../../../src/renderer/components/device/next-step.ts'
import ProofPanel from '../../../src/renderer/components/device/ProofPanel.vue'
import { setLanguage } from '../../../src/renderer/texts/text.ts'
import { fakeCatalog, fakeFact, fakeJob } from '../fake-models.ts'

const reach = fakeCatalog.protocols[0]?.reach ?? null
const contradicted = fakeJob({
  state: 'finished',
  verdict: 'unproven',
  reason: 'contradicted',
  endedAt: '2026-11-21T10:15:00.000+07:00',
  evidence: [
    fakeFact('sent'),
    fakeFact('acknowledged'),
    fakeFact('stored', { value: '77c1'.repeat(16), matches: false }),
  ],
})

afterEach(() => {
  setLanguage('en')
})

describe('the ladder of proof', () => {
  it('has six steps, each with its facts, and marks the required one', () => {
    const steps = ladderOf(contradicted, reach)
    expect(steps.map(step => step.face)).toEqual(['shown', 'shown', 'missing', 'contradicted', 'missing', 'beyond'])
    expect(steps.filter(step => step.isRequired).map(step => step.level)).toEqual(['stored'])
    expect(steps[3]?.facts).toHaveLength(1)
  })

  it('says in words who said what, what is contradicted, and what the device cannot tell', () => {
    const wrapper = mount(ProofPanel, { props: { job: contradicted, reach, protocolName: 'ESP32 chunk upload' } })
    const steps = wrapper.findAll('li.step').map(step => step.text())
    expect(steps[0]).toContain('counted by this PC')
    expect(steps[1]).toContain('the device’s word')
    expect(steps[3]).toContain('Checked in flash')
    expect(steps[3]).toContain('required')
    expect(steps[3]).toContain('contradicted')
    expect(steps[3]).toContain('77c177c1…c177c1')
    expect(steps[5]).toContain('this device cannot tell')
  })

  it('speaks Vietnamese', () => {
    setLanguage('vi')
    const wrapper = mount(ProofPanel, { props: { job: contradicted, reach, protocolName: '' } })
    expect(wrapper.text()).toContain('mâu thuẫn')
    expect(wrapper.text()).toContain('thiết bị này không cho biết được')
  })

  it('is green for a proven job alone', () => {
    const isProven = (job: typeof contradicted): boolean =>
      mount(ProofPanel, { props: { job, reach, protocolName: '' } })
        .find('ol.proven')
        .exists()
    expect(isProven(contradicted)).toBe(false)
    expect(isProven({ ...contradicted, verdict: 'acknowledged' })).toBe(false)
    expect(isProven({ ...contradicted, verdict: 'proven' })).toBe(true)
  })

  it('hands over the whole value when it is copied', async () => {
    const wrapper = mount(ProofPanel, { props: { job: contradicted, reach, protocolName: '' } })
    await wrapper.find('button[aria-label="Copy Checked in flash"]').trigger('click')
    expect(wrapper.emitted('copy')).toEqual([['77c1'.repeat(16)]])
  })

  it('shows text of a device as text', () => {
    const job = { ...contradicted, warnings: ['<img src=x> \u202etxet'] }
    const wrapper = mount(ProofPanel, { props: { job, reach, protocolName: '' } })
    expect(wrapper.find('img').exists()).toBe(false)
    expect(wrapper.text()).toContain('<img src=x> ·txet')
  })

  it('offers to go on, unless the page only watches', () => {
    const button = (canAct: boolean) =>
      mount(ProofPanel, { props: { job: contradicted, reach, protocolName: '', canAct } })
        .findAll('button')
        .find(one => one.text() === 'Try again')
    expect(button(true)?.attributes('disabled')).toBeUndefined()
    expect(button(false)?.attributes('disabled')).toBeDefined()
  })

  it('shortens hashes alone', () => {
    expect(shortValue('ab'.repeat(32))).toBe('abababab…ababab')
    expect(shortValue('2.1.4 (release of November)')).toBe('2.1.4 (release of November)')
  })
})

describe('the next step', () => {
  it('follows the reason of the verdict', () => {
    const unproven = { state: 'finished', verdict: 'unproven' } as const
    expect(nextStepOf({ ...unproven, reason: 'outcome-unknown' })).toBe('outcome-unknown')
    expect(nextStepOf({ ...unproven, reason: 'not-answered' })).toBe('not-answered')
    expect(nextStepOf({ state: 'finished', verdict: 'proven', reason: null })).toBe('proven')
    expect(nextStepOf({ state: 'finished', verdict: 'received', reason: null })).toBe('below')
    expect(nextStepOf(null)).toBe('write')
  })

  it('offers to resume what stopped and to repeat what went wrong', () => {
    expect(remedyOf('interrupted')).toBe('resume')
    expect(remedyOf('go-on')).toBe('resume')
    expect(remedyOf('failed')).toBe('retry')
    expect(remedyOf('proven')).toBeNull()
    expect(remedyOf('wait')).toBeNull()
  })
})
