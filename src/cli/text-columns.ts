/** Lays out short facts as aligned columns of text. */
import { displayWidth, padText } from './display-width.ts'

const GAP = '  '

/** Aligns the cells of each row under one another. */
export function renderColumns(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(0, ...rows.map(row => row.length))
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map(row => displayWidth(row[column] ?? ''))),
  )
  return rows.map(row =>
    row
      .map((cell, column) => padText(cell, widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
}

/** Writes label and value pairs under one another; pairs without a value are left out. */
export function renderFacts(facts: readonly (readonly [label: string, value: string | null])[]): string[] {
  return renderColumns(facts.flatMap(([label, value]) => (value === null ? [] : [[`${label}:`, value]])))
}
