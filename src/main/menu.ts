/**
 * The application's menu. What the page can do it does itself: the menu shows the page's keys without listening for them,
 * so that nothing happens twice, and tells the page what was chosen.
 */
import type { MenuItemConstructorOptions } from 'electron'
import type { MenuAction, Preferences } from '../shared/contract/index.ts'
import type { Texts, TextKey } from './texts.ts'

export interface MenuOptions {
  readonly platform: string
  readonly isPackaged: boolean
  readonly theme: Preferences['theme']
  readonly texts: Texts
  readonly choose: (action: MenuAction) => void
  readonly chooseTheme: (theme: Preferences['theme']) => void
  readonly showAbout: () => void
  readonly showLogFolder: () => void
}

/** As the page has them in its own table; a test compares the two. */
export const pageAccelerators: Readonly<Partial<Record<MenuAction, string>>> = {
  'open-firmware': 'CommandOrControl+O',
  find: 'CommandOrControl+F',
  'tick-all': 'CommandOrControl+A',
  write: 'CommandOrControl+Enter',
  'retry-unproven': 'CommandOrControl+Shift+Enter',
  'pause-resume': 'CommandOrControl+Shift+Space',
  'cancel-ticked': 'CommandOrControl+Shift+X',
  'next-needing-me': 'F8',
  label: 'F2',
  'save-record': 'CommandOrControl+S',
  'show-shortcuts': 'F1',
}

const separator: MenuItemConstructorOptions = { type: 'separator' }

export function buildMenu(options: MenuOptions): MenuItemConstructorOptions[] {
  const isMac = options.platform === 'darwin'
  return [
    ...(isMac ? [appMenu(options)] : []),
    fileMenu(options, isMac),
    editMenu(options),
    boardsMenu(options),
    viewMenu(options),
    ...(isMac ? [windowMenu(options)] : []),
    helpMenu(options, isMac),
  ]
}

/** An entry whose key the page listens for. */
function action({ texts, choose }: MenuOptions, chosen: MenuAction, text: TextKey): MenuItemConstructorOptions {
  const accelerator = pageAccelerators[chosen]
  return {
    id: chosen,
    label: texts(text),
    ...(accelerator === undefined ? {} : { accelerator, registerAccelerator: false }),
    click: () => {
      choose(chosen)
    },
  }
}

function role(
  options: MenuOptions,
  name: NonNullable<MenuItemConstructorOptions['role']>,
  text: TextKey,
): MenuItemConstructorOptions {
  return { role: name, label: options.texts(text) }
}

function appMenu(options: MenuOptions): MenuItemConstructorOptions {
  return {
    label: 'Flashproof',
    submenu: [
      aboutItem(options),
      separator,
      action(options, 'show-settings', 'settings'),
      separator,
      { role: 'hide' },
      { role: 'hideOthers' },
      { role: 'unhide' },
      separator,
      role(options, 'quit', 'quit'),
    ],
  }
}

function fileMenu(options: MenuOptions, isMac: boolean): MenuItemConstructorOptions {
  return {
    label: options.texts('file'),
    submenu: [
      action(options, 'open-firmware', 'openFirmware'),
      separator,
      action(options, 'save-record', 'saveRecord'),
      separator,
      role(options, 'close', 'closeWindow'),
      ...(isMac ? [] : [role(options, 'quit', 'quit')]),
    ],
  }
}

function editMenu(options: MenuOptions): MenuItemConstructorOptions {
  return {
    label: options.texts('edit'),
    submenu: [
      role(options, 'undo', 'undo'),
      role(options, 'redo', 'redo'),
      separator,
      role(options, 'cut', 'cut'),
      role(options, 'copy', 'copy'),
      role(options, 'paste', 'paste'),
      // Its key is the page's “tick all”; in a field the browser itself selects the text.
      { ...role(options, 'selectAll', 'selectAll'), registerAccelerator: false },
      separator,
      action(options, 'find', 'find'),
    ],
  }
}

function boardsMenu(options: MenuOptions): MenuItemConstructorOptions {
  return {
    label: options.texts('boards'),
    submenu: [
      action(options, 'tick-all', 'tickAll'),
      action(options, 'write', 'write'),
      action(options, 'retry-unproven', 'retryUnproven'),
      separator,
      action(options, 'pause-resume', 'pauseResume'),
      action(options, 'cancel-ticked', 'cancelTicked'),
      action(options, 'stop-all', 'stopAll'),
      separator,
      action(options, 'next-needing-me', 'nextNeedingMe'),
      action(options, 'label', 'label'),
    ],
  }
}

function viewMenu(options: MenuOptions): MenuItemConstructorOptions {
  const theme = (chosen: Preferences['theme'], text: TextKey): MenuItemConstructorOptions => ({
    id: `theme-${chosen}`,
    label: options.texts(text),
    type: 'radio',
    checked: options.theme === chosen,
    click: () => {
      options.chooseTheme(chosen)
    },
  })
  return {
    label: options.texts('view'),
    submenu: [
      action(options, 'show-bench', 'bench'),
      action(options, 'show-history', 'history'),
      action(options, 'show-settings', 'settings'),
      separator,
      {
        label: options.texts('theme'),
        submenu: [theme('system', 'themeSystem'), theme('light', 'themeLight'), theme('dark', 'themeDark')],
      },
      separator,
      role(options, 'resetZoom', 'actualSize'),
      role(options, 'zoomIn', 'zoomIn'),
      role(options, 'zoomOut', 'zoomOut'),
      separator,
      role(options, 'togglefullscreen', 'fullScreen'),
      ...(options.isPackaged ? [] : [separator, role(options, 'toggleDevTools', 'developerTools')]),
    ],
  }
}

function windowMenu(options: MenuOptions): MenuItemConstructorOptions {
  return { label: options.texts('window'), role: 'windowMenu' }
}

function helpMenu(options: MenuOptions, isMac: boolean): MenuItemConstructorOptions {
  return {
    label: options.texts('help'),
    role: 'help',
    submenu: [
      action(options, 'show-shortcuts', 'shortcuts'),
      action(options, 'check-pc', 'checkPc'),
      separator,
      { label: options.texts('showLogFolder'), click: options.showLogFolder },
      ...(isMac ? [] : [aboutItem(options)]),
    ],
  }
}

function aboutItem(options: MenuOptions): MenuItemConstructorOptions {
  return { label: options.texts('about'), click: options.showAbout }
}
