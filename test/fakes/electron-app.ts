/** Finds an Electron runtime and starts the built desktop app in it, for end-to-end tests. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { _electron, type ElectronApplication, type Page } from 'playwright-core'
import type { CommandName, RequestOf } from '../../src/shared/contract/index.ts'

export const projectFolder = resolve(import.meta.dirname, '../..')

/** The executable of the runtime; null where none was downloaded or named. */
export function findElectron(env: Readonly<Record<string, string | undefined>> = process.env): string | null {
  const package_ = join(projectFolder, 'node_modules/electron')
  const named = env['ELECTRON_OVERRIDE_DIST_PATH'] ?? ''
  const folder = named === '' ? join(package_, 'dist') : named
  const names =
    process.platform === 'darwin'
      ? ['Electron.app/Contents/MacOS/Electron']
      : process.platform === 'win32'
        ? ['electron.exe']
        : ['electron']
  return names.map(name => join(folder, name)).find(path => existsSync(path)) ?? null
}

/** Builds the app when what is built is older than the sources, or not there. */
export function buildApp(): void {
  const outputs = ['out/main.js', 'out/preload/index.cjs', 'out/page/index.html'].map(path => join(projectFolder, path))
  const builtMs = Math.min(...outputs.map(path => (existsSync(path) ? statSync(path).mtimeMs : 0)))
  if (builtMs > newestMs(join(projectFolder, 'src'))) return
  const builder = join(projectFolder, 'node_modules/electron-vite/bin/electron-vite.js')
  execFileSync(process.execPath, [builder, 'build'], { cwd: projectFolder, stdio: 'pipe' })
}

function newestMs(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return Math.max(
    ...entries.filter(entry => entry.isFile()).map(entry => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  )
}

/** A new folder that the app may write to, whatever account it runs under. */
export function makeHome(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-electron-'))
  chmodSync(folder, 0o777)
  return folder
}

/** The Node of the tests runs the background process too: an older runtime may lack what it needs. */
export function appEnvironment(home: string): Record<string, string> {
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name === 'NODE_OPTIONS' || name.startsWith('VITEST') ? [] : [[name, value] as const],
  )
  return {
    ...Object.fromEntries(inherited),
    FLASHPROOF_HOME: join(home, 'data'),
    FLASHPROOF_WORKER_NODE: process.env['FLASHPROOF_WORKER_NODE'] ?? process.execPath,
  }
}

export async function startApp(
  executablePath: string,
  home: string,
  words: string[] = [],
): Promise<ElectronApplication> {
  return await _electron.launch({
    executablePath,
    args: [projectFolder, ...words],
    env: appEnvironment(home),
    timeout: 60_000,
  })
}

/** What the page at the other end of `window.station` sends back. */
export type PageAnswer =
  | { readonly kind: 'result'; readonly response: unknown }
  | { readonly kind: 'error'; readonly error: { readonly code: string; readonly message: string } }

/** Asks as the page would, through the preload's own functions. */
export async function askAsPage<Name extends CommandName>(
  page: Page,
  name: Name,
  request: RequestOf<Name>,
): Promise<PageAnswer> {
  return await page.evaluate(
    ([commandName, commandRequest]) => {
      const { station } = globalThis as unknown as {
        station: {
          call(envelope: unknown): void
          subscribe(listener: (envelope: { id?: number }) => void): () => void
        }
      }
      // Far from the numbers that the page itself counts up.
      const id = 1_000_000_000 + Math.floor(Math.random() * 1_000_000_000)
      return new Promise<PageAnswer>(resolveAnswer => {
        const stop = station.subscribe(envelope => {
          if (envelope.id !== id) return
          stop()
          resolveAnswer(envelope as PageAnswer)
        })
        station.call({ kind: 'call', id, name: commandName, request: commandRequest, caller: 'host' })
      })
    },
    [name, request] as const,
  )
}

/** The process that does the work: Node's child, or Electron's utility process. */
export async function workerPid(app: ElectronApplication): Promise<number> {
  const pid = await app.evaluate(({ app: electronApp }) => {
    const metric = electronApp.getAppMetrics().find(({ name }) => name === 'Flashproof engine')
    if (metric !== undefined) return metric.pid
    // Node tells of its children only here.
    const inside = process as unknown as {
      _getActiveHandles(): { constructor: { name: string }; pid?: number; exitCode?: number | null }[]
    }
    return inside._getActiveHandles().find(handle => handle.constructor.name === 'ChildProcess')?.pid
  })
  if (pid === undefined) throw new Error('the app has no background process')
  return pid
}

/** The app's log, for the message of a test that failed. */
export function readLog(home: string): string {
  const path = join(home, 'data/logs/flashproof.log')
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
