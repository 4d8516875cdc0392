// @vitest-environment happy-dom
import { mount } from '@vue/test-utils'
import { afterEach, describe, expect, it } from 'vitest'
import BoardBadge from '../../../src/renderer/components/proof/BoardBadge.vue'
import ProofPips from '../../../src/renderer/components/proof/ProofPips.vue'
import VerdictLabel from '../../../src/renderer/components/proof/VerdictLabel.vue'
import { pipsOf } from '../../../src/renderer/components/proof/proof-pips.ts'
import { setLanguage } from '../../../src/renderer/texts/text.ts'
import { fakeFact, fakeJob } from '../fake-models.ts'

afterEach(() => {
  setLanguage('en')
})

describe('pips', () => {
  it('gives each level one of four faces', () => {
    const facts = [fakeFact('sent'), fakeFact('acknowledged'), fakeFact('stored', { matches: false })]
    const faces = pipsOf(facts, { running: 'no', confirmed: 'unknown' }).map(pip => pip.face)
    expect(faces).toEqual(['shown', 'shown', 'missing', 'contradicted', 'beyond', 'missing'])
  })

  it('calls two values of one method for one level a contradiction', () => {
    const facts = [
      fakeFact('stored', { value: 'aa', matches: null }),
      fakeFact('stored', { value: 'bb', matches: null }),
    ]
    expect(pipsOf(facts, null)[3]?.face).toBe('contradicted')
  })

  it('takes a count that was told twice for no contradiction', () => {
    const facts = [fakeFact('sent', { value: '1' }), fakeFact('sent', { value: '2' })]
    expect(pipsOf(facts, null)[0]?.face).toBe('shown')
  })

  it('lists every level in words for those who do not see the shapes', () => {
    const pips = mount(ProofPips, {
      props: { evidence: [fakeFact('acknowledged')], reach: { confirmed: 'no' }, required: 'stored' },
    })
    const label = pips.attributes('aria-label') ?? ''
    expect(label).toContain('Device says OK: shown (the device’s word)')
    expect(label).toContain('Checked in flash: not yet · required')
    expect(label).toContain('Stayed healthy: this device cannot tell')
  })

  it('is green only when the verdict is proven', () => {
    const props = { evidence: [fakeFact('stored')] }
    expect(mount(ProofPips, { props }).classes()).not.toContain('proven')
    expect(mount(ProofPips, { props: { ...props, isProven: true } }).classes()).toContain('proven')
  })
})

describe('verdict', () => {
  const shown = (changes: Parameters<typeof fakeJob>[0]) => mount(VerdictLabel, { props: { job: fakeJob(changes) } })

  it('says proven with its level, in green', () => {
    const label = shown({ state: 'finished', verdict: 'proven', provenLevel: 'stored' })
    expect(label.text()).toBe('Proven: checked in flash')
    expect(label.classes()).toContain('proven')
  })

  it('says what lies below proof in amber with a calm line', () => {
    const label = shown({ state: 'finished', verdict: 'acknowledged', warnings: ['Normal for this device.'] })
    expect(label.text()).toContain('Device says OK')
    expect(label.text()).toContain('Normal for this device.')
    expect(label.classes()).toContain('below')
  })

  it('says not proven in red with the reason', () => {
    const label = shown({ state: 'finished', verdict: 'unproven', reason: 'contradicted' })
    expect(label.text()).toBe('Not provenThe board contradicts itself or our image')
    expect(label.classes()).toContain('bad')
  })

  it('says a failure by the table, and shows hostile text as text', () => {
    const error = { code: 'network.refused', message: '<b>x</b>\u0007', details: {} }
    const label = shown({ state: 'failed', error })
    expect(label.text()).toContain('The device refused the connection: <b>x</b>·')
    expect(label.find('b').exists()).toBe(false)
  })

  it('stays neutral while the job runs', () => {
    const label = shown({ state: 'transferring', doneBytes: 620_000, totalBytes: 1_069_536 })
    expect(label.text()).toBe('Sending 57%')
    expect(label.classes()).toContain('live')
    expect(shown({ state: 'verifying' }).text()).toBe('Checking flash')
  })

  it('speaks Vietnamese when asked', () => {
    setLanguage('vi')
    expect(shown({ state: 'finished', verdict: 'proven', provenLevel: 'stored' }).text()).toBe(
      'Đã chứng minh: đã kiểm tra trong flash',
    )
  })
})

describe('board', () => {
  it('answers what is on the board and whether it may be unplugged', () => {
    const badge = mount(BoardBadge, { props: { boardNow: 'not-bootable', unplug: 'keep-powered' } })
    expect(badge.text()).toContain('KEEP POWERED')
    expect(badge.attributes('title')).toBe('On the board now: Will not start. Keep powered.')
    const other = mount(BoardBadge, { props: { boardNow: 'old-firmware', unplug: 'safe' } })
    expect(other.text()).toContain('OLD FW')
    expect(other.text()).toContain('UNPLUG ok')
  })
})
