/** Compares version texts as far as they can be compared; a text that is no version is never guessed at. */

/**
 * @returns negative when `left` is older, 0 when both are the same, positive when it is newer; null where nobody can tell
 */
export function compareVersions(left: string, right: string): number | null {
  if (left === right) return 0
  const first = numbersOf(left)
  const second = numbersOf(right)
  if (first === null || second === null) return null
  for (let index = 0; index < Math.max(first.numbers.length, second.numbers.length); index++) {
    const difference = (first.numbers[index] ?? 0) - (second.numbers[index] ?? 0)
    if (difference !== 0) return difference
  }
  // The same numbers with something behind them: a pre-release comes before the release, everything else is unclear.
  if (first.rest === second.rest) return 0
  if (first.rest.startsWith('-') && second.rest === '') return -1
  if (second.rest.startsWith('-') && first.rest === '') return 1
  return null
}

function numbersOf(text: string): { readonly numbers: readonly number[]; readonly rest: string } | null {
  const match = /^v?(\d{1,9}(?:\.\d{1,9}){0,4})(.*)$/i.exec(text.trim())
  if (match?.[1] === undefined) return null
  return { numbers: match[1].split('.').map(Number), rest: match[2] ?? '' }
}
