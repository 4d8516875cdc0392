/** Reads this build's version from the package that it lies in. */
import { readFileSync } from 'node:fs'
import { entryUrl } from './entry-url.ts'

export function readVersion(): string {
  const path = entryUrl(import.meta.url, { source: '../../package.json', built: '../package.json' })
  const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const hasVersion = typeof content === 'object' && content !== null && 'version' in content
  return hasVersion && typeof content.version === 'string' ? content.version : 'unknown'
}
