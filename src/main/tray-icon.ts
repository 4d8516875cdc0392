/** The icon that is left when boards go on without the window. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import { formatRatio } from '../shared/units.ts'
import { hasEnded } from './job-watch.ts'
import { taskbarProgress } from './taskbar.ts'
import type { Texts } from './texts.ts'

/** What is needed of Electron's `Tray`. */
export interface TrayLike {
  setToolTip(text: string): void
  on(event: 'click', listener: () => void): unknown
  destroy(): void
}

export interface TrayMenuItem {
  readonly label: string
  readonly click: () => void
}

export interface TrayIconOptions {
  /** @throws where the system has no place for icons */
  readonly create: (menu: readonly TrayMenuItem[]) => TrayLike
  readonly texts: () => Texts
  readonly showWindow: () => void
  readonly quit: () => void
  readonly note: (text: string) => void
}

export class TrayIcon {
  readonly #options: TrayIconOptions
  #tray: TrayLike | null = null

  constructor(options: TrayIconOptions) {
    this.#options = options
  }

  /** @returns whether there is an icon now by which the window can be brought back */
  show(jobs: readonly JobSnapshot[]): boolean {
    const { create, texts, showWindow, quit, note } = this.#options
    if (this.#tray === null) {
      try {
        const text = texts()
        this.#tray = create([
          { label: text('trayShow'), click: showWindow },
          { label: text('quit'), click: quit },
        ])
        this.#tray.on('click', showWindow)
      } catch (thrown) {
        note(`there is no tray: ${String(thrown)}`)
        return false
      }
    }
    this.update(jobs)
    return true
  }

  /** @param jobs the live jobs and the ended ones of their batches */
  update(jobs: readonly JobSnapshot[]): void {
    this.#tray?.setToolTip(describeTray(jobs, this.#options.texts()))
  }

  remove(): void {
    this.#tray?.destroy()
    this.#tray = null
  }
}

export function describeTray(jobs: readonly JobSnapshot[], texts: Texts): string {
  const count = jobs.filter(job => !hasEnded(job)).length
  if (count === 0) return texts('trayIdle')
  return texts('trayRunning', { count, percent: formatRatio(taskbarProgress(jobs, false).ratio) })
}
