/** Remembers where the window was, and finds a place for it that one of today's displays shows. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface Rectangle {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface WindowState {
  readonly bounds: Rectangle
  readonly isMaximised: boolean
}

export interface WindowPlacement {
  /** Without a position the window is centred. */
  readonly bounds: { readonly x?: number; readonly y?: number; readonly width: number; readonly height: number }
  readonly isMaximised: boolean
}

const DEFAULT_SIZE = { width: 1280, height: 800 } as const
const MINIMUM_SIZE = { width: 760, height: 520 } as const
/** So much of the title bar must be on a display that a hand can take hold of it. */
const GRIP = { width: 120, height: 30 } as const
/** While the window is dragged its place is written only this often. */
const WRITE_DELAY_MS = 500

/** @param workAreas of the displays that are connected, the primary one first */
export function placeWindow(saved: WindowState | null, workAreas: readonly Rectangle[]): WindowPlacement {
  const isMaximised = saved?.isMaximised ?? false
  const area = saved === null ? undefined : workAreas.find(candidate => showsTitleBar(saved.bounds, candidate))
  if (saved === null || area === undefined) {
    const size = saved?.bounds ?? DEFAULT_SIZE
    return { bounds: fitSize(size, workAreas[0]), isMaximised }
  }
  return { bounds: { ...fitSize(saved.bounds, area), x: saved.bounds.x, y: saved.bounds.y }, isMaximised }
}

function showsTitleBar(window: Rectangle, area: Rectangle): boolean {
  const shownWidth = Math.min(window.x + window.width, area.x + area.width) - Math.max(window.x, area.x)
  return shownWidth >= GRIP.width && window.y >= area.y && window.y + GRIP.height <= area.y + area.height
}

function fitSize(
  size: { readonly width: number; readonly height: number },
  area: Rectangle | undefined,
): { width: number; height: number } {
  return {
    width: Math.max(MINIMUM_SIZE.width, Math.min(size.width, area?.width ?? size.width)),
    height: Math.max(MINIMUM_SIZE.height, Math.min(size.height, area?.height ?? size.height)),
  }
}

/** @returns null where nothing was kept, or nothing that can be read */
export function readWindowState(path: string): WindowState | null {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
  if (typeof content !== 'object' || content === null) return null
  const fields: Readonly<Record<string, unknown>> = { ...content }
  const [x, y, width, height] = ['x', 'y', 'width', 'height'].map(name => fields[name])
  if (!isPixels(x) || !isPixels(y) || !isPixels(width) || !isPixels(height) || width <= 0 || height <= 0) return null
  return { bounds: { x, y, width, height }, isMaximised: fields['isMaximised'] === true }
}

function isPixels(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(Number(value)) <= 100_000
}

/** Replaces the file as a whole. A place that cannot be kept is no fault worth a word: errors are dropped. */
export function writeWindowState(path: string, { bounds, isMaximised }: WindowState): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, `${JSON.stringify({ ...bounds, isMaximised })}\n`)
    renameSync(`${path}.new`, path)
  } catch {
    // The next start uses the default place.
  }
}

/** What is needed of Electron's `BrowserWindow`. */
export interface PlacedWindow {
  /** The place that it has when it is neither maximised nor full screen. */
  getNormalBounds(): Rectangle
  isMaximized(): boolean
  isDestroyed(): boolean
  on(event: 'resize' | 'move' | 'maximize' | 'unmaximize' | 'close', listener: () => void): unknown
}

/** Writes the window's place some time after each change, and at once when it closes. */
export function keepWindowState(
  window: PlacedWindow,
  options: {
    write(state: WindowState): void
    /** Calls back once after the delay; returns what takes it back. */
    after(delayMs: number, callback: () => void): () => void
  },
): void {
  let cancel = (): void => undefined
  const write = (): void => {
    cancel()
    if (!window.isDestroyed()) options.write({ bounds: window.getNormalBounds(), isMaximised: window.isMaximized() })
  }
  const writeLater = (): void => {
    cancel()
    cancel = options.after(WRITE_DELAY_MS, write)
  }
  for (const change of ['resize', 'move', 'maximize', 'unmaximize'] as const) window.on(change, writeLater)
  window.on('close', write)
}
