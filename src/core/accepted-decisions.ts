/** Refuses answers in advance to questions that nobody asks: a typo must not pass for an answer. */
import { FlashproofError } from '../shared/errors.ts'

/** @throws {FlashproofError} usage.invalid-value naming the unknown code and the known ones */
export function assertKnownDecisions(accept: readonly string[], ...known: readonly (readonly string[])[]): void {
  const codes = [...new Set(known.flat())]
  const stray = accept.find(code => !codes.includes(code))
  if (stray === undefined) return
  throw new FlashproofError('usage.invalid-value', `“${stray}” is no decision that can be accepted here`, {
    option: 'accept',
    given: stray,
    known: codes,
  })
}
