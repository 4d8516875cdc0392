/** Makes a device's text harmless and honest to show: colours are taken out, and what would hide shows as an escape. Pure. */

/** Escape sequences of terminals: colours, cursor moves, titles. */
const TERMINAL_SEQUENCES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]{0,2000}(?:\u0007|\u001b\\)?|[PX^_][^\u001b]{0,2000}(?:\u001b\\)?|[ -/]*[0-~])/g

/** Control, bidirectional and invisible characters; a tab is told as well. */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu

/** @param maximumLength in characters of the result; what is longer ends with `…` */
export function visibleText(text: string, maximumLength = 2000): string {
  // Cut first: what nobody sees needs no work, and a flood of escapes must not cost more than a line.
  const plain = text.slice(0, maximumLength * 4).replaceAll(TERMINAL_SEQUENCES, '')
  const visible = plain.replaceAll(HIDDEN, escapeOf).toWellFormed()
  return visible.length > maximumLength ? `${visible.slice(0, maximumLength - 1)}…` : visible
}

function escapeOf(character: string): string {
  if (character === '\t') return '  '
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}}`
}
