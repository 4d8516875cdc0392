/** Keeps a block of lines at the bottom of a terminal up to date, in place, at most ten times a second. */
import { displayWidth } from './display-width.ts'
import type { TextOutput, Timers } from './host.ts'
import { withoutStyle } from './terminal-style.ts'

const REDRAW_INTERVAL_MS = 100
const ESCAPE = '\u001b['
const CLEAR_LINE = `${ESCAPE}2K`
const CLEAR_BELOW = `${ESCAPE}J`

export interface TablePainter {
  /** Asks for a redraw: at once when the last one is long enough ago, else as soon as it is. */
  refresh(): void
  /** Prints lines that stay, above the block. */
  printAbove(lines: readonly string[]): void
  /** Takes the block away, so that a question can be asked; `refresh` brings it back. */
  hide(): void
  /** Draws the last state and leaves it standing. */
  finish(): void
}

/** @param draw gives the lines for the width and height that the terminal has at that moment */
export function createTablePainter(
  output: TextOutput,
  timers: Timers,
  draw: (size: { readonly columns: number; readonly rows: number }) => readonly string[],
): TablePainter {
  let drawn: readonly string[] = []
  let lastDrawnMs = Number.NEGATIVE_INFINITY
  let cancelTimer: (() => void) | null = null
  let isFinished = false

  const size = (): { columns: number; rows: number } => ({
    columns: Math.max(20, output.columns()),
    rows: Math.max(6, output.rows()),
  })

  /** A narrower terminal has wrapped what stands there: count the lines as they are now. */
  const standingLines = (columns: number): number =>
    drawn.reduce((sum, text) => sum + Math.max(1, Math.ceil(displayWidth(withoutStyle(text)) / columns)), 0)

  const eraseSequence = (columns: number, rows: number): string => {
    // Lines that have scrolled off the top cannot be reached any more.
    const up = Math.min(standingLines(columns), rows - 1)
    return up === 0 ? '' : `${ESCAPE}${String(up)}A\r${CLEAR_BELOW}`
  }

  const redraw = (): void => {
    cancelTimer?.()
    cancelTimer = null
    const { columns, rows } = size()
    const up = Math.min(standingLines(columns), rows - 1)
    const next = draw({ columns, rows })
    const move = up === 0 ? '' : `${ESCAPE}${String(up)}A\r`
    output.write(move + next.map(text => `${CLEAR_LINE}${text}\n`).join('') + CLEAR_BELOW)
    drawn = next
    lastDrawnMs = timers.nowMs()
  }

  return {
    refresh() {
      if (isFinished || cancelTimer !== null) return
      const waitMs = lastDrawnMs + REDRAW_INTERVAL_MS - timers.nowMs()
      if (waitMs <= 0) redraw()
      else cancelTimer = timers.after(waitMs, redraw)
    },
    printAbove(lines) {
      const { columns, rows } = size()
      output.write(eraseSequence(columns, rows) + lines.map(text => `${text}\n`).join(''))
      const wasDrawn = drawn.length > 0
      drawn = []
      if (wasDrawn) redraw()
    },
    hide() {
      cancelTimer?.()
      cancelTimer = null
      const { columns, rows } = size()
      output.write(eraseSequence(columns, rows))
      drawn = []
    },
    finish() {
      if (isFinished) return
      redraw()
      isFinished = true
    },
  }
}
