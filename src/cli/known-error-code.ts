/** Tells whether a code that came over a border, or out of an older journal, is one of this version. */
import type { ErrorCode } from '../shared/errors.ts'
import { errorTable } from '../shared/errors.ts'

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code)
}
