/** Measures, cuts and pads text by the columns a terminal gives it, not by its length in code units. */

// Made on first use: loading its data takes longer than many commands run.
let segmenter: Intl.Segmenter | null = null

function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  return segmenter.segment(text)
}

const ASCII = /^[\x20-\x7e]*$/
// East Asian wide and fullwidth blocks (Unicode Standard Annex 11) and emoji that terminals draw in two columns.
const WIDE =
  /^[\u1100-\u115f\u231a\u231b\u2329\u232a\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f004}\u{1f0cf}\u{1f18e}\u{1f191}-\u{1f19a}\u{1f1e6}-\u{1f202}\u{1f210}-\u{1f23b}\u{1f240}-\u{1f248}\u{1f250}\u{1f251}\u{1f260}-\u{1f265}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f7e0}-\u{1f7eb}\u{1f90c}-\u{1f9ff}\u{1fa70}-\u{1faff}\u{20000}-\u{3fffd}]/u
const ONLY_MARKS = /^\p{M}+$/u

/** Counts the terminal columns of a text without escape sequences. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemesOf(text)) width += graphemeWidth(segment)
  return width
}

function graphemeWidth(grapheme: string): 0 | 1 | 2 {
  if (WIDE.test(grapheme) || grapheme.includes('\ufe0f')) return 2
  return ONLY_MARKS.test(grapheme) ? 0 : 1
}

/** Cuts a text to at most `columns`, with an ellipsis where something was cut. */
export function fitText(text: string, columns: number, ellipsis = '…'): string {
  if (displayWidth(text) <= columns) return text
  if (columns <= 0) return ''
  const room = columns - displayWidth(ellipsis)
  if (room <= 0) return ellipsis.slice(0, columns)
  let kept = ''
  let width = 0
  for (const { segment } of graphemesOf(text)) {
    const next = width + graphemeWidth(segment)
    if (next > room) break
    kept += segment
    width = next
  }
  return kept + ellipsis
}

/** Cuts or pads a text to exactly `columns`. */
export function padText(text: string, columns: number, side: 'start' | 'end' = 'end', ellipsis = '…'): string {
  const fitted = fitText(text, columns, ellipsis)
  const space = ' '.repeat(Math.max(0, columns - displayWidth(fitted)))
  return side === 'end' ? fitted + space : space + fitted
}
