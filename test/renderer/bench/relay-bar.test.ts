// @vitest-environment happy-dom
/** The bar of a transfer's second leg: what the far device took, else a clock that never says that it is done. */
import { mount } from '@vue/test-utils'
import { expect, it } from 'vitest'
import type { RelayLeg } from '../../../src/shared/contract/index.ts'
import RelayBar from '../../../src/renderer/components/bench/RelayBar.vue'

const running: RelayLeg = { state: 'running', doneBytes: null, totalBytes: 1000, elapsedMs: 30_000, usualMs: 90_000 }

function shown(leg: RelayLeg): { valueNow: string | undefined; text: string; width: number } {
  const bar = mount(RelayBar, { props: { leg } })
  const element = bar.get('[role="progressbar"]')
  return {
    valueNow: element.attributes('aria-valuenow'),
    text: bar.get('.figure').text(),
    width: Number(bar.get('.done').attributes('width')),
  }
}

it('shows a share where the gateway tells how far it is', () => {
  expect(shown({ ...running, doneBytes: 250 })).toEqual({ valueNow: '25', text: '25%', width: 25 })
})

it('shows only the clock where nobody tells, and never all of it', () => {
  expect(shown(running)).toMatchObject({ valueNow: undefined, text: '30 s of usually 1:30' })
  expect(shown({ ...running, elapsedMs: 500_000 }).width).toBe(95)
})

it('says how it ended where the clock alone cannot', () => {
  expect(shown({ ...running, state: 'unknown' })).toMatchObject({ valueNow: undefined, text: 'outcome unknown' })
  expect(shown({ ...running, state: 'failed' })).toMatchObject({ valueNow: undefined, text: 'failed after 30 s' })
  expect(shown({ ...running, state: 'done' })).toEqual({ valueNow: '100', text: '100%', width: 100 })
})

it('says that it has not begun', () => {
  expect(shown({ ...running, state: 'waiting', elapsedMs: 0 })).toEqual({
    valueNow: undefined,
    text: 'not begun',
    width: 0,
  })
})
