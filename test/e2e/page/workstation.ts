/** Starts the browser mode as a person would, and opens pages that note every fault they show. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const START_DEADLINE_MS = 60_000

export interface Workstation {
  readonly url: string
  readonly home: string
  /** The server's process. */
  readonly pid: number
  stop(): Promise<void>
}

export interface WorkstationOptions {
  /** What follows `serve`, such as `--simulate`. */
  readonly words?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Starts on what another one left. */
  readonly home?: string
}

export async function startWorkstation(options: WorkstationOptions = {}): Promise<Workstation> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'flashproof-e2e-'))
  const child = spawn(process.execPath, ['src/cli/index.ts', 'serve', '--json', ...(options.words ?? ['--simulate'])], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FLASHPROOF_DISCOVERY: 'off', ...options.env, FLASHPROOF_HOME: home },
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const url = await Promise.race([addressOf(child), lateOrEnded(child)])
  if (url === null) {
    child.kill('SIGKILL')
    throw new Error(`the browser mode did not start:\n${errors}`)
  }
  return {
    url,
    home,
    pid: child.pid ?? -1,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGINT')
        await once(child, 'exit')
      }
      if (options.home === undefined) rmSync(home, { recursive: true, force: true })
    },
  }
}

async function addressOf(child: ChildProcess): Promise<string | null> {
  if (child.stdout === null) return null
  for await (const line of createInterface({ input: child.stdout })) {
    const said: unknown = JSON.parse(line)
    if (typeof said === 'object' && said !== null && 'url' in said && typeof said.url === 'string') {
      child.stdout.resume()
      return said.url
    }
  }
  return null
}

function lateOrEnded(child: ChildProcess): Promise<null> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, START_DEADLINE_MS, null)
    timer.unref()
    child.once('exit', () => {
      clearTimeout(timer)
      resolve(null)
    })
  })
}

export interface OpenPage {
  readonly page: Page
  /** What the page complained of: console errors, uncaught errors, violations of its security policy. */
  readonly faults: readonly string[]
}

export interface PageOptions {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
  readonly locale?: string
}

/** Opens the workstation in a context of its own. */
export async function openPage(browser: Browser, url: string, options: PageOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    colorScheme: options.colorScheme ?? 'light',
    locale: options.locale ?? 'en-GB',
    acceptDownloads: true,
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const faults: string[] = []
  await context.exposeFunction('noteViolation', (text: string) => faults.push(`security policy: ${text}`))
  await context.addInitScript({
    content: `document.addEventListener('securitypolicyviolation', event => {
      window.noteViolation(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample)
    })`,
  })
  const page = await context.newPage()
  page.on('console', message => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`)
  })
  page.on('pageerror', error => faults.push(`uncaught: ${error.message}`))
  await page.goto(url)
  await page.locator('.window').waitFor()
  return { page, faults }
}
