/** Names of files that are offered to a person: short, dated, and valid on every system. */

const MAXIMUM_CHARACTERS = 120
const reservedOnWindows = /^(con|prn|aux|nul|com\d|lpt\d)$/i

/** Joins the parts that are not empty with dashes and leaves only letters, digits, dots, dashes and underscores. */
export function safeFileName(parts: readonly string[]): string {
  const joined = parts.filter(part => part !== '').join('-')
  const clean = joined
    .normalize('NFC')
    .replace(/[^\p{Letter}\p{Number}._-]+/gu, '-')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, MAXIMUM_CHARACTERS)
  const stem = clean.split('.')[0] ?? ''
  return clean === '' || reservedOnWindows.test(stem) ? `file-${clean}` : clean
}

/** Local date and time for a file name: 2026-11-21-0512. */
export function dateStamp(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date}-${two(at.getHours())}${two(at.getMinutes())}`
}
