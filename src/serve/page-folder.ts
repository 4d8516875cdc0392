/** Where the built page lies; in a checkout it is built when it is missing or older than its sources. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { entryUrl } from '../host/entry-url.ts'
import { FlashproofError } from '../shared/errors.ts'

const KEPT_OUTPUT_CHARACTERS = 4_000

/**
 * @param onBuild told before a build, which takes seconds
 * @throws {FlashproofError} internal.unexpected with the build's last words
 */
export async function preparePageFolder(onBuild: () => void, signal: AbortSignal): Promise<string> {
  const folder = fileURLToPath(entryUrl(import.meta.url, { source: '../../out/page', built: './page' }))
  const isSource = import.meta.url.endsWith('.ts')
  const sources = ['renderer', 'shared'].map(name => fileURLToPath(new URL(`../${name}`, import.meta.url)))
  if (isSource && isStale(join(folder, 'index.html'), sources)) {
    onBuild()
    await buildPage(signal)
  }
  return folder
}

/** Whether `made` is missing or older than any file in `sources`. */
export function isStale(made: string, sources: readonly string[]): boolean {
  if (!existsSync(made)) return true
  const madeMs = statSync(made).mtimeMs
  return sources.some(folder =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).some(
      entry => entry.isFile() && statSync(join(entry.parentPath, entry.name)).mtimeMs > madeMs,
    ),
  )
}

/** In a process of its own: the bundler is a tool of developers, and its memory goes with it. */
async function buildPage(signal: AbortSignal): Promise<void> {
  const script = fileURLToPath(new URL('./build-page.mjs', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT_CHARACTERS)
    })
  }
  const kill = (): void => {
    child.kill()
  }
  signal.addEventListener('abort', kill)
  await once(child, 'close')
  signal.removeEventListener('abort', kill)
  signal.throwIfAborted()
  if (child.exitCode === 0) return
  throw new FlashproofError('internal.unexpected', `the page could not be built: ${output.trim().slice(-400)}`, {
    output,
  })
}
