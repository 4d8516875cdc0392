/** Texts that a bootloader is waited for, and texts that it is sent: as they are written in an option. */
import { FlashproofError } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'

/** Longer texts of a bootloader are matched by their end. */
const LONGEST_TAIL = 4096
const LONGEST_LINE = 200

/** Whether a bootloader's text holds what is waited for. */
export type TextPattern = (text: string) => boolean

/**
 * Reads a plain text, or a regular expression between slashes such as `/ready|waiting/i`.
 * @returns null for an empty one
 * @throws {FlashproofError} option.invalid
 */
export function parsePattern(key: string, text: string): TextPattern | null {
  if (text === '') return null
  const match = /^\/(.+)\/([im]*)$/s.exec(text)
  if (match?.[1] === undefined) return heard => heard.includes(text)
  try {
    const expression = new RegExp(match[1], match[2])
    return heard => expression.test(heard)
  } catch (cause) {
    throw invalid(key, text, `a text, or a regular expression between slashes (${String(cause)})`)
  }
}

const plainEscapes: Readonly<Record<string, number>> = { r: 13, n: 10, t: 9, e: 27, '0': 0, '\\': 92 }

/**
 * Reads a text with `\r`, `\n`, `\t`, `\e`, `\0`, `\\` and `\x1B` in it into bytes.
 * @throws {FlashproofError} option.invalid
 */
export function parseEscapes(key: string, text: string): Uint8Array {
  const pieces: Buffer[] = []
  for (const [piece, escape] of text.matchAll(/\\(x[0-9a-f]{2}|.|$)|[^\\]+/gis)) {
    if (escape === undefined) pieces.push(Buffer.from(piece, 'utf8'))
    else if (/^x./is.test(escape)) pieces.push(Buffer.of(Number.parseInt(escape.slice(1), 16)))
    else {
      const byte = plainEscapes[escape]
      if (byte === undefined)
        throw invalid(key, text, String.raw`a text in which \ stands before r, n, t, e, 0, \ or xHH`)
      pieces.push(Buffer.of(byte))
    }
  }
  return Buffer.concat(pieces)
}

/** What a bootloader prints: its tail for patterns, its lines for the log. */
export class PrintedText {
  #tail = ''
  #line = ''
  readonly #onLine: (line: string) => void

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  /** The newest of what was printed since it was last cleared. */
  get tail(): string {
    return this.#tail
  }

  clear(): void {
    this.#tail = ''
  }

  add(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString('latin1')
    this.#tail = (this.#tail + text).slice(-LONGEST_TAIL)
    const lines = (this.#line + text).split(/[\r\n]+/)
    this.#line = (lines.pop() ?? '').slice(-LONGEST_LINE)
    for (const line of lines) this.#tell(line)
  }

  /** Tells what stands without an end of line. */
  end(): void {
    this.#tell(this.#line)
    this.#line = ''
  }

  #tell(line: string): void {
    const clean = stripControl(line, LONGEST_LINE).trim()
    if (clean !== '') this.#onLine(clean)
  }
}

function invalid(key: string, given: string, expected: string): FlashproofError {
  return new FlashproofError('option.invalid', `“${key}” is ${given}, it must be ${expected}`, { key, given, expected })
}
