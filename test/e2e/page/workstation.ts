/** Starts the browser mode as a person would, and opens pages that note every fault they show. */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { readyDevices, type SimulatedDevice } from '../../../src/host/simulator-process.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const START_DEADLINE_MS = 60_000
/** So long a page may take to show what a test waits for. */
const STEP_DEADLINE_MS = 15_000

export interface Workstation {
  /** The address that was printed first. Its token is good once. */
  readonly url: string
  /** Another one, for a tab of its own. Each is good once. */
  nextUrl(): Promise<string>
  readonly home: string
  /** The server's process. */
  readonly pid: number
  readonly boards: readonly SimulatedDevice[]
  /** The background process of the moment. */
  workerPid(): number
  /** Ends the server as a crash of the computer would; the boards stay. */
  kill(): Promise<void>
  /** Starts the server again on the same home and the same boards. @returns its address */
  restart(): Promise<string>
  stop(): Promise<void>
}

export interface WorkstationOptions {
  /** What follows `serve`, such as `--simulate`. */
  readonly words?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Starts on what another one left. */
  readonly home?: string
  /** Virtual boards of a process of their own, in the words of `simulate --devices`. Other simulators are not seen. */
  readonly boards?: string
}

interface Server {
  readonly child: ChildProcess
  readonly url: string
  readonly nextUrls: AsyncIterator<string>
}

export async function startWorkstation(options: WorkstationOptions = {}): Promise<Workstation> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'flashproof-e2e-'))
  const temporaryFolder = join(home, 'tmp')
  mkdirSync(temporaryFolder, { recursive: true })
  const env = {
    ...process.env,
    FLASHPROOF_DISCOVERY: 'off',
    ...options.env,
    FLASHPROOF_HOME: home,
    // Running simulators are found in here.
    TMPDIR: temporaryFolder,
  }
  const simulator = options.boards === undefined ? null : await startBoards(options.boards, env)
  const words = options.words ?? (simulator === null ? ['--simulate'] : [])
  let server = await startServer(words, env)
  return {
    home,
    url: server.url,
    boards: simulator?.boards ?? [],
    get pid() {
      return server.child.pid ?? -1
    },
    nextUrl: async () => String((await server.nextUrls.next()).value),
    workerPid: () => workerOf(server.child.pid ?? -1),
    async kill() {
      await end(server.child, 'SIGKILL')
    },
    async restart() {
      await end(server.child, 'SIGINT')
      server = await startServer(words, env)
      return server.url
    },
    async stop() {
      await end(server.child, 'SIGINT')
      if (simulator !== null) await end(simulator.child, 'SIGTERM')
      if (options.home === undefined) rmSync(home, { recursive: true, force: true })
    },
  }
}

async function startServer(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Server> {
  const child = spawn(process.execPath, ['src/cli/index.ts', 'serve', '--json', ...words], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const urls = addressesOf(child)
  const first = await Promise.race([urls.next(), lateOrEnded(child)])
  if (first === null || first.done === true) {
    child.kill('SIGKILL')
    throw new Error(`the browser mode did not start:\n${errors}`)
  }
  return { child, url: first.value, nextUrls: urls }
}

async function startBoards(
  devices: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly child: ChildProcess; readonly boards: readonly SimulatedDevice[] }> {
  const child = fork(join(root, 'src/simulator/index.ts'), ['--devices', devices], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const boards = await new Promise<readonly SimulatedDevice[] | null>(resolve => {
    child.on('message', message => {
      resolve(readyDevices(message))
    })
    child.once('exit', () => {
      resolve(null)
    })
  })
  if (boards === null) throw new Error(`no boards start from “${devices}”`)
  return { child, boards }
}

async function end(child: ChildProcess, signal: 'SIGINT' | 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

/** Linux lists the children of a process; elsewhere these tests do not run. */
function workerOf(serverPid: number): number {
  const children = readFileSync(`/proc/${String(serverPid)}/task/${String(serverPid)}/children`, 'utf8')
    .trim()
    .split(' ')
  const worker = children.find(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker'))
  if (worker === undefined) throw new Error('the server has no worker')
  return Number(worker)
}

async function* addressesOf(child: ChildProcess): AsyncGenerator<string> {
  if (child.stdout === null) return
  for await (const line of createInterface({ input: child.stdout })) {
    const said: unknown = JSON.parse(line)
    if (typeof said === 'object' && said !== null && 'url' in said && typeof said.url === 'string') yield said.url
  }
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
  readonly faults: string[]
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
  page.setDefaultTimeout(STEP_DEADLINE_MS)
  await page.goto(url)
  await page.locator('.window').waitFor()
  return { page, faults }
}
