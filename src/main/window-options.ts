/** The window's options: what the page can do is decided here, and what the window looks like before the page is there. */
import type { BrowserWindowConstructorOptions } from 'electron'
import type { WindowPlacement } from './window-state.ts'

export interface WindowLook {
  readonly placement: WindowPlacement
  readonly preloadPath: string
  readonly iconPath: string
  readonly isDark: boolean
  /** Developer tools exist in a checkout alone. */
  readonly isPackaged: boolean
}

/** The page's background in both themes, so that nothing flashes before its first paint. */
const background = { light: '#f6f7f9', dark: '#14171c' } as const

export function windowOptions(look: WindowLook): BrowserWindowConstructorOptions {
  const { bounds } = look.placement
  return {
    title: 'Flashproof',
    width: bounds.width,
    height: bounds.height,
    ...(bounds.x === undefined || bounds.y === undefined ? { center: true } : { x: bounds.x, y: bounds.y }),
    minWidth: 760,
    minHeight: 520,
    // Shown when the page has painted.
    show: false,
    backgroundColor: look.isDark ? background.dark : background.light,
    icon: look.iconPath,
    webPreferences: {
      preload: look.preloadPath,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      webviewTag: false,
      // A dropped file is adopted, never navigated to.
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: !look.isPackaged,
    },
  }
}
