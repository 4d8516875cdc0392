/** Gives a failed file operation of the command line itself its code. */
import { FlashproofError } from '../shared/errors.ts'

/** Tells what a system error means for this path. */
export function fileError(thrown: unknown, path: string): FlashproofError {
  const systemCode = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  const details = { path, ...(typeof systemCode === 'string' ? { systemCode } : {}) }
  const cause = { cause: thrown }
  switch (systemCode) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new FlashproofError('file.not-found', path, details, cause)
    case 'EISDIR':
      return new FlashproofError('file.is-directory', path, details, cause)
    case 'ENOSPC':
      return new FlashproofError('file.disk-full', path, details, cause)
    default:
      return new FlashproofError('file.not-readable', path, details, cause)
  }
}
