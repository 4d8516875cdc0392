// @vitest-environment happy-dom
/** Shortcuts: which keys mean what, what a field keeps for itself, and that the last view to ask is the one that acts. */
import { describe, expect, it } from 'vitest'
import { effectScope } from 'vue'
import { actionOfKey, keysForPeople, onAction, runAction, shortcuts } from '../../src/renderer/actions.ts'

function press(key: string, changes: KeyboardEventInit = {}, target: EventTarget = document.body): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, code: key === ' ' ? 'Space' : '', ...changes })
  Object.defineProperty(event, 'target', { value: target })
  return event
}

describe('shortcuts', () => {
  it('use no bare letter and no key twice', () => {
    const keys = shortcuts.map(shortcut => shortcut.keys)
    expect(new Set(keys).size).toBe(keys.length)
    for (const key of keys) expect(key).toMatch(/^(Mod\+|F\d+$)/)
  })

  it('use Ctrl, and Cmd on a Mac', () => {
    expect(actionOfKey(press('o', { ctrlKey: true }), false)).toBe('open-firmware')
    expect(actionOfKey(press('o', { ctrlKey: true }), true)).toBeNull()
    expect(actionOfKey(press('o', { metaKey: true }), true)).toBe('open-firmware')
  })

  it('tell shifted ones apart', () => {
    expect(actionOfKey(press('Enter', { ctrlKey: true }), false)).toBe('write')
    expect(actionOfKey(press('Enter', { ctrlKey: true, shiftKey: true }), false)).toBe('retry-unproven')
    expect(actionOfKey(press(' ', { ctrlKey: true, shiftKey: true }), false)).toBe('pause-resume')
    expect(actionOfKey(press('X', { ctrlKey: true, shiftKey: true }), false)).toBe('cancel-ticked')
    expect(actionOfKey(press('x', { ctrlKey: true }), false)).toBeNull()
    expect(actionOfKey(press('Enter'), false)).toBeNull()
  })

  it('leave “select all” to a field', () => {
    const field = document.createElement('input')
    expect(actionOfKey(press('a', { ctrlKey: true }, field), false)).toBeNull()
    expect(actionOfKey(press('a', { ctrlKey: true }), false)).toBe('tick-all')
  })

  it('are written as each system writes them', () => {
    expect(keysForPeople('Mod+Shift+X', false)).toBe('Ctrl+Shift+X')
    expect(keysForPeople('Mod+Shift+X', true)).toBe('⇧⌘X')
  })
})

describe('actions', () => {
  it('go to whoever asked last, and back when that one is gone', () => {
    const heard: string[] = []
    const outer = effectScope()
    const inner = effectScope()
    outer.run(() => {
      onAction('write', () => heard.push('outer'))
    })
    inner.run(() => {
      onAction('write', () => heard.push('inner'))
    })
    runAction('write')
    inner.stop()
    runAction('write')
    outer.stop()
    expect(runAction('write')).toBe(false)
    expect(heard).toEqual(['inner', 'outer'])
  })
})
