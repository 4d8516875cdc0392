import { expect, it } from 'vitest'
import { LineSplitter, MAX_LINE_BYTES, readableText } from '../../../../src/core/telemetry/serial-log/line-splitter.ts'

const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8')

function splitAll(pieces: readonly Uint8Array[]): string[] {
  const splitter = new LineSplitter()
  return pieces.flatMap(piece => splitter.push(piece).map(line => line.text))
}

const session = bytesOf(
  '\u001b[0;32mI (12) wifi: nối được ✓\u001b[0m\r\n\r\nold mac\runix\nesp\r\r\n\u001b[1;31mE (13) boot: 20 °C\u001b[0m\n',
)
const lines = ['I (12) wifi: nối được ✓', '', 'old mac', 'unix', 'esp', 'E (13) boot: 20 °C']

it('gives the same lines wherever the bytes are cut', () => {
  expect(splitAll([session])).toEqual(lines)
  for (let cut = 1; cut < session.length; cut++) {
    expect(splitAll([session.subarray(0, cut), session.subarray(cut)])).toEqual(lines)
  }
  expect(splitAll([...session].map(byte => Uint8Array.of(byte)))).toEqual(lines)
})

it('gives a line of any length in bounded pieces that lose nothing', () => {
  const long = 'x'.repeat(3 * MAX_LINE_BYTES + 5)
  const pieces = splitAll([bytesOf(`${long}\nnext\n`)])
  expect(pieces.map(piece => piece.length)).toEqual([MAX_LINE_BYTES, MAX_LINE_BYTES, MAX_LINE_BYTES, 5, 4])
  expect(pieces.slice(0, 4).join('')).toBe(long)
})

it('shows bytes that are no UTF-8, and keeps the text around them', () => {
  expect(readableText(Buffer.from('20 °C', 'latin1'))).toBe('20 \\xB0C')
  expect(readableText(Uint8Array.of(0xe2, 0x82, 0x41, 0xc3, 0xa9, 0xff, 0xf0))).toBe('\\xE2\\x82Aé\\xFF\\xF0')
  // An overlong form, a surrogate and a number beyond the last character are no characters.
  expect(readableText(Uint8Array.of(0xc0, 0xaf))).toBe('\\xC0\\xAF')
  expect(readableText(Uint8Array.of(0xed, 0xa0, 0x80))).toBe('\\xED\\xA0\\x80')
  expect(readableText(Uint8Array.of(0xf4, 0x90, 0x80, 0x80))).toBe('\\xF4\\x90\\x80\\x80')
})

it('gives a prompt that no end follows, and afterwards only what is new', () => {
  const splitter = new LineSplitter()
  expect(splitter.push(bytesOf('>>> '))).toEqual([])
  expect(splitter.flush()).toEqual({ text: '>>> ', whole: '>>> ', isComplete: false })
  expect(splitter.flush()).toBeNull()
  expect(splitter.push(bytesOf('1+1\r\n2\r\n'))).toEqual([
    { text: '1+1', whole: '>>> 1+1', isComplete: true },
    { text: '2', whole: '2', isComplete: true },
  ])
  expect(splitter.flush()).toBeNull()
})

it('waits with half a character until the other half is there', () => {
  const splitter = new LineSplitter()
  const [first, ...rest] = bytesOf('é')
  splitter.push(Uint8Array.of(0x61, first ?? 0))
  expect(splitter.flush()?.text).toBe('a')
  splitter.push(Uint8Array.from(rest))
  expect(splitter.flush()).toEqual({ text: 'é', whole: 'aé', isComplete: false })
})

it('forgets a line in which the board went away', () => {
  const splitter = new LineSplitter()
  splitter.push(bytesOf('half a li'))
  splitter.clear()
  expect(splitter.push(bytesOf('new\n')).map(line => line.whole)).toEqual(['new'])
})
