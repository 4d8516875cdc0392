import { describe, expect, it } from 'vitest'
import type { TextOutput, Timers } from '../../src/cli/host.ts'
import { createTablePainter } from '../../src/cli/table-painter.ts'

/** As much of a terminal as the painter uses: wrapping, line feeds, cursor up, erase line and erase below. */
class FakeTerminal implements TextOutput {
  readonly isTerminal = true
  width: number
  writes = 0
  lines: string[] = ['']
  #row = 0

  constructor(width: number) {
    this.width = width
  }

  write(chunk: string | Uint8Array): void {
    this.writes++
    const text = typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)
    const pieces = text.match(
      new RegExp(`${String.fromCharCode(27)}\\[\\d*[A-Z]|\\n|\\r|[^\\n\\r${String.fromCharCode(27)}]+`, 'g'),
    )
    for (const piece of pieces ?? []) this.#apply(piece)
  }

  #apply(piece: string): void {
    if (piece === '\n') {
      this.#row++
      if (this.#row === this.lines.length) this.lines.push('')
    } else if (piece.endsWith('A') && piece.startsWith('\u001b')) {
      this.#row = Math.max(0, this.#row - Number(piece.slice(2, -1)))
    } else if (piece === '\u001b[2K') {
      this.lines[this.#row] = ''
    } else if (piece === '\u001b[J') {
      this.lines.length = this.#row + 1
      this.lines[this.#row] = ''
    } else if (piece !== '\r') {
      this.lines[this.#row] = piece
    }
  }

  /** Wraps what stands there, as a terminal does that was made narrower. */
  resize(width: number): void {
    this.width = width
    this.lines = this.lines.flatMap(line => line.match(new RegExp(`.{1,${String(width)}}`, 'g')) ?? [''])
    this.#row = this.lines.length - 1
  }

  shown(): string[] {
    return this.lines.slice(0, -1)
  }

  flushed(): Promise<void> {
    return Promise.resolve()
  }

  columns(): number {
    return this.width
  }

  rows(): number {
    return 40
  }

  onClosed(): void {
    // Stays open.
  }

  failure(): null {
    return null
  }
}

class FakeTimers implements Timers {
  #nowMs = 0
  #due: { atMs: number; callback: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, callback }
    this.#due.push(entry)
    return () => {
      this.#due = this.#due.filter(other => other !== entry)
    }
  }

  advance(byMs: number): void {
    this.#nowMs += byMs
    const due = this.#due.filter(entry => entry.atMs <= this.#nowMs)
    this.#due = this.#due.filter(entry => entry.atMs > this.#nowMs)
    for (const entry of due) entry.callback()
  }
}

describe('the table painter', () => {
  it('redraws in place, with fewer and with more lines than before', () => {
    const terminal = new FakeTerminal(40)
    const timers = new FakeTimers()
    let lines = ['one', 'two', 'three']
    const painter = createTablePainter(terminal, timers, () => lines)
    terminal.write('before\n')
    painter.refresh()
    expect(terminal.shown()).toEqual(['before', 'one', 'two', 'three'])
    lines = ['only']
    timers.advance(100)
    painter.refresh()
    expect(terminal.shown()).toEqual(['before', 'only'])
    lines = ['a', 'b', 'c', 'd']
    timers.advance(100)
    painter.refresh()
    expect(terminal.shown()).toEqual(['before', 'a', 'b', 'c', 'd'])
  })

  it('draws at most ten times a second and never loses the last state', () => {
    const terminal = new FakeTerminal(40)
    const timers = new FakeTimers()
    let count = 0
    const painter = createTablePainter(terminal, timers, () => [String(count)])
    for (let step = 0; step < 1000; step++) {
      count = step
      painter.refresh()
      timers.advance(1)
    }
    expect(terminal.writes).toBeLessThanOrEqual(11)
    timers.advance(100)
    expect(terminal.shown()).toEqual(['999'])
  })

  it('prints lasting lines above the table', () => {
    const terminal = new FakeTerminal(40)
    const timers = new FakeTimers()
    const painter = createTablePainter(terminal, timers, () => ['table'])
    painter.refresh()
    painter.printAbove(['note 1'])
    painter.printAbove(['note 2'])
    painter.finish()
    expect(terminal.shown()).toEqual(['note 1', 'note 2', 'table'])
  })

  it('takes the table away for a question and brings it back below the answer', () => {
    const terminal = new FakeTerminal(40)
    const timers = new FakeTimers()
    const painter = createTablePainter(terminal, timers, () => ['table'])
    painter.refresh()
    painter.hide()
    terminal.write('question? y\n')
    timers.advance(100)
    painter.refresh()
    expect(terminal.shown()).toEqual(['question? y', 'table'])
  })

  it('clears what a narrower terminal has wrapped', () => {
    const terminal = new FakeTerminal(40)
    const timers = new FakeTimers()
    const painter = createTablePainter(terminal, timers, ({ columns }) => ['x'.repeat(columns), 'y'.repeat(columns)])
    terminal.write('before\n')
    painter.refresh()
    terminal.resize(25)
    timers.advance(100)
    painter.refresh()
    expect(terminal.shown()).toEqual(['before', 'x'.repeat(25), 'y'.repeat(25)])
  })

  it('stays as it is after the end', () => {
    const terminal = new FakeTerminal(40)
    const timers = new FakeTimers()
    let text = 'last'
    const painter = createTablePainter(terminal, timers, () => [text])
    painter.finish()
    text = 'too late'
    painter.refresh()
    timers.advance(1000)
    expect(terminal.shown()).toEqual(['last'])
  })
})
