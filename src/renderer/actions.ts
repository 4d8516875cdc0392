/** What shortcuts and menus can ask for: one table of keys, one place where views say what they do then. */
import { onScopeDispose } from 'vue'
import type { MenuAction } from '../shared/contract/index.ts'

export interface Shortcut {
  readonly action: MenuAction
  /** `Mod` is Ctrl, and Cmd on a Mac. */
  readonly keys: string
}

/** No bare letters, and nothing that a browser keeps for itself and cannot give. */
export const shortcuts: readonly Shortcut[] = [
  { action: 'open-firmware', keys: 'Mod+O' },
  { action: 'find', keys: 'Mod+F' },
  { action: 'tick-all', keys: 'Mod+A' },
  { action: 'write', keys: 'Mod+Enter' },
  { action: 'retry-unproven', keys: 'Mod+Shift+Enter' },
  { action: 'pause-resume', keys: 'Mod+Shift+Space' },
  { action: 'cancel-ticked', keys: 'Mod+Shift+X' },
  { action: 'next-needing-me', keys: 'F8' },
  { action: 'label', keys: 'F2' },
  { action: 'save-record', keys: 'Mod+S' },
  { action: 'show-shortcuts', keys: 'F1' },
]

const handlers = new Map<MenuAction, (() => void)[]>()

/** Runs `handler` for an action as long as the current scope lives; the one that came last wins. */
export function onAction(action: MenuAction, handler: () => void): void {
  const stack = handlers.get(action) ?? []
  handlers.set(action, [...stack, handler])
  onScopeDispose(() => {
    handlers.set(
      action,
      (handlers.get(action) ?? []).filter(entry => entry !== handler),
    )
  })
}

/** @returns whether somebody took it */
export function runAction(action: MenuAction): boolean {
  const handler = handlers.get(action)?.at(-1)
  handler?.()
  return handler !== undefined
}

/** The keys as this system writes them, such as `Ctrl+Shift+X` or `⇧⌘X`. */
export function keysForPeople(keys: string, isMac: boolean): string {
  if (!isMac) return keys.replace('Mod', 'Ctrl')
  const signs: Readonly<Record<string, string>> = { Mod: '⌘', Shift: '⇧', Enter: '↩', Space: '␣' }
  const order = ['Shift', 'Mod']
  return keys
    .split('+')
    .toSorted((left, right) => rankOf(left) - rankOf(right))
    .map(part => signs[part] ?? part)
    .join('')

  /** A Mac writes Shift before Cmd and the key at the end. */
  function rankOf(part: string): number {
    const rank = order.indexOf(part)
    return rank === -1 ? order.length : rank
  }
}

export const isMacPlatform = (): boolean => /mac/i.test(navigator.platform)

/**
 * Finds the action of a key press. In a field people type: Mod+A stays the field's own, and Mod+Enter too where a
 * dialog is open.
 */
export function actionOfKey(event: KeyboardEvent, isMac: boolean): MenuAction | null {
  const hasMod = isMac ? event.metaKey : event.ctrlKey
  const name = event.code === 'Space' ? 'Space' : event.key.length === 1 ? event.key.toUpperCase() : event.key
  const pressed = [...(hasMod ? ['Mod'] : []), ...(event.shiftKey ? ['Shift'] : []), name].join('+')
  const found = shortcuts.find(({ keys }) => keys === pressed)
  if (found === undefined || event.altKey) return null
  if (found.action === 'tick-all' && isEditable(event.target)) return null
  return found.action
}

function isEditable(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || (target.matches('input, textarea, select') && !target.matches('[type=checkbox]')))
  )
}
