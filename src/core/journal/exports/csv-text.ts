/**
 * Cells and rows of CSV after RFC 4180 (CRLF, doubled quotes), safe to open in a spreadsheet: a cell that would be taken
 * for a formula gets a leading apostrophe, and so does one that begins with an apostrophe, so reading takes exactly one off.
 */

const GUARDED = /^[=+\-@\t\r']/
const QUOTED = /[",\r\n]|^\s|\s$/

export function writeCsvCell(text: string): string {
  const guarded = GUARDED.test(text) ? `'${text}` : text
  return QUOTED.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded
}

export function writeCsvRow(cells: readonly string[]): string {
  return `${cells.map(writeCsvCell).join(',')}\r\n`
}

/** Reads one row without its line end; null when the quoting is broken. */
export function readCsvRow(row: string): string[] | null {
  const cells: string[] = []
  let at = 0
  for (;;) {
    if (row[at] === '"') {
      let text = ''
      at++
      for (;;) {
        const quote = row.indexOf('"', at)
        if (quote < 0) return null
        text += row.slice(at, quote)
        at = quote + 1
        if (row[at] !== '"') break
        text += '"'
        at++
      }
      cells.push(text)
    } else {
      const comma = row.indexOf(',', at)
      const end = comma < 0 ? row.length : comma
      cells.push(row.slice(at, end))
      at = end
    }
    if (at >= row.length) return cells.map(unguard)
    if (row[at] !== ',') return null
    at++
    if (at === row.length) {
      cells.push('')
      return cells.map(unguard)
    }
  }
}

function unguard(cell: string): string {
  return cell.startsWith("'") ? cell.slice(1) : cell
}
