/** The version of this build, read once from the package. */
import { readFileSync } from 'node:fs'

const isSource = new URL(import.meta.url).pathname.endsWith('.ts')

/** A file that came with this build. */
export const packageFile = new URL(isSource ? '../../package.json' : '../package.json', import.meta.url)

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(packageFile, 'utf8'))
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : null
  return typeof version === 'string' ? version : '0.0.0'
}

export const appVersion = readVersion()
