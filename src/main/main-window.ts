/** The one window: made at its remembered place, shown when it has painted, loaded again when its page crashes. */
import { RestartPolicy } from '../shared/rpc/restart-policy.ts'
import { PAGE_URL } from './page-address.ts'

/** What is needed of Electron's `BrowserWindow` and its `webContents`. */
export interface ShownWindow {
  once(event: 'ready-to-show', listener: () => void): unknown
  isDestroyed(): boolean
  show(): void
  loadURL(address: string): Promise<void>
  readonly webContents: {
    on(
      event: 'render-process-gone',
      listener: (event: unknown, details: { readonly reason: string; readonly exitCode: number }) => void,
    ): unknown
    on(event: 'unresponsive', listener: () => void): unknown
    on(event: 'preload-error', listener: (event: unknown, path: string, error: Error) => void): unknown
  }
}

export interface ShowOptions {
  readonly monotonicMs: () => number
  /** Calls back once after the delay; returns what takes it back. */
  readonly after: (delayMs: number, callback: () => void) => () => void
  readonly note: (text: string) => void
  /** The page keeps crashing, or cannot be loaded at all. */
  readonly onGaveUp: (reason: string) => void
}

/** Loads the page and shows the window with its first paint. */
export function showPage(window: ShownWindow, options: ShowOptions): void {
  const policy = new RestartPolicy()
  const load = (): void => {
    if (window.isDestroyed()) return
    window.loadURL(PAGE_URL).catch((thrown: unknown) => {
      // A load that was cut short by the next one is no fault.
      if (!window.isDestroyed() && !String(thrown).includes('ERR_ABORTED')) options.onGaveUp(String(thrown))
    })
  }
  window.once('ready-to-show', () => {
    window.show()
  })
  window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
    if (reason === 'clean-exit') return
    options.note(`the page’s process is gone: ${reason}, code ${String(exitCode)}`)
    const pauseMs = policy.pauseAfterCrashMs(options.monotonicMs())
    if (pauseMs === null) options.onGaveUp(reason)
    else options.after(pauseMs, load)
  })
  window.webContents.on('unresponsive', () => {
    options.note('the page does not answer')
  })
  window.webContents.on('preload-error', (_event, _path, error) => {
    options.note(`the preload failed: ${error.message}`)
  })
  load()
}
