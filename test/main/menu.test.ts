import { readFileSync } from 'node:fs'
import type { MenuItemConstructorOptions } from 'electron'
import { describe, expect, it } from 'vitest'
import { menuActions } from '../../src/shared/contract/models.ts'
import { buildMenu, pageAccelerators, type MenuOptions } from '../../src/main/menu.ts'
import { textsIn } from '../../src/main/texts.ts'

function menuFor(changes: Partial<MenuOptions> = {}) {
  const chosen: string[] = []
  const menu = buildMenu({
    platform: 'linux',
    isPackaged: true,
    theme: 'dark',
    texts: textsIn('en'),
    choose: action => chosen.push(action),
    chooseTheme: theme => chosen.push(theme),
    showAbout: () => chosen.push('about'),
    showLogFolder: () => chosen.push('logs'),
    ...changes,
  })
  return { items: flatten(menu), chosen }
}

function flatten(menu: readonly MenuItemConstructorOptions[]): MenuItemConstructorOptions[] {
  return menu.flatMap(item => [item, ...(Array.isArray(item.submenu) ? flatten(item.submenu) : [])])
}

/** Electron's click wants a window and an event; ours uses neither. */
const click = (item: MenuItemConstructorOptions | undefined): void => {
  ;(item?.click as (() => void) | undefined)?.()
}

describe('the application’s menu', () => {
  it('offers everything that a menu can ask of the page, and tells the page what was chosen', () => {
    const { items, chosen } = menuFor()
    for (const action of menuActions) click(items.find(({ id }) => id === action))
    expect(chosen.toSorted()).toEqual([...menuActions].toSorted())
  })

  it('shows the page’s keys and listens for none of them', () => {
    const { items } = menuFor()
    const ours = items.filter(({ id }) => id !== undefined && Object.hasOwn(pageAccelerators, id))
    expect(ours.length).toBe(Object.keys(pageAccelerators).length)
    for (const item of ours) expect([item.id, item.registerAccelerator]).toEqual([item.id, false])
    expect(items.find(({ role }) => role === 'selectAll')?.registerAccelerator).toBe(false)
  })

  it('has the same keys as the page', () => {
    // The page is of another world, with other types: its table is read as text.
    const table = readFileSync(new URL('../../src/renderer/actions.ts', import.meta.url), 'utf8')
    const rows = [...table.matchAll(/\{ action: '([\w-]+)', keys: '([\w+]+)' \}/g)]
    const ofPage = Object.fromEntries(
      rows.map(([, action = '', keys = '']) => [action, keys.replace('Mod', 'CommandOrControl')]),
    )
    expect(rows.length).toBeGreaterThan(10)
    expect(pageAccelerators).toEqual(ofPage)
  })

  it('ticks the theme that is chosen and passes a choice on', () => {
    const { items, chosen } = menuFor()
    const themes = items.filter(({ type }) => type === 'radio')
    expect(themes.map(({ checked }) => checked)).toEqual([false, false, true])
    click(themes[1])
    expect(chosen).toEqual(['light'])
  })

  it('leaves developer tools to a checkout', () => {
    const hasTools = (isPackaged: boolean) =>
      menuFor({ isPackaged }).items.some(({ role }) => role === 'toggleDevTools')
    expect([hasTools(true), hasTools(false)]).toEqual([false, true])
  })

  it('has the menus that macOS expects there, and quits from exactly one place', () => {
    for (const platform of ['linux', 'win32', 'darwin']) {
      const { items } = menuFor({ platform })
      expect(items.filter(({ role }) => role === 'quit')).toHaveLength(1)
      expect(items.some(({ role }) => role === 'windowMenu')).toBe(platform === 'darwin')
    }
  })

  it('has a word for every entry that has no role of the system’s', () => {
    for (const language of ['en', 'vi'] as const) {
      const { items } = menuFor({ texts: textsIn(language) })
      for (const item of items) expect(item.type === 'separator' || (item.label ?? '') !== '').toBe(true)
    }
  })
})
