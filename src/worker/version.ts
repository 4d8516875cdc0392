/** The version of this build, read once from the package. */
import { readFileSync } from 'node:fs'

const isSource = new URL(import.meta.url).pathname.endsWith('.ts')

function readVersion(): string {
  const path = new URL(isSource ? '../../package.json' : '../package.json', import.meta.url)
  const manifest: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : null
  return typeof version === 'string' ? version : '0.0.0'
}

export const appVersion = readVersion()
