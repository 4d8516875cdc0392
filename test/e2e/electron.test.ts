/** The built desktop app in a real Electron: its window, its walls, its background process, its files. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ElectronApplication, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PAGE_POLICY } from '../../src/host/page-answers.ts'
import { buildDemoFirmware } from '../../src/core/formats/esp-image/demo-firmware.ts'
import {
  appEnvironment,
  askAsPage,
  buildApp,
  findElectron,
  makeHome,
  projectFolder,
  readLog,
  startApp,
  workerPid,
} from '../fakes/electron-app.ts'

const executablePath = findElectron()
if (executablePath === null) {
  process.stdout.write('electron.test: skipped, no Electron runtime (ELECTRON_OVERRIDE_DIST_PATH, or a download)\n')
}

describe.skipIf(executablePath === null)('the self-test of an installation', { timeout: 60_000 }, () => {
  it('says a line for each part', async () => {
    buildApp()
    const home = makeHome()
    const child = spawn(executablePath ?? '', [projectFolder, '--self-test'], {
      env: appEnvironment(home),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
    await once(child, 'close')
    rmSync(home, { recursive: true, force: true })
    expect(printed).toMatch(/^ok {6}page: /m)
    expect(printed).toMatch(/^ok {6}worker: the background process runs/m)
    expect(printed).toMatch(/^ok {6}journal: /m)
    expect(printed).toMatch(/^(ok {6}|FAILED {2})serial: /m)
    expect(child.exitCode).toBe(printed.includes('FAILED') ? 1 : 0)
  })
})

describe.skipIf(executablePath === null)('the desktop app', { timeout: 60_000 }, () => {
  const runtime = executablePath ?? ''
  const home = makeHome()
  const faults: string[] = []
  let app: ElectronApplication
  let page: Page
  let kill: () => unknown = () => undefined

  beforeAll(async () => {
    buildApp()
    app = await startApp(runtime, home)
    const child = app.process()
    kill = () => child.kill('SIGKILL')
    await app.context().addInitScript({
      content: `addEventListener('securitypolicyviolation', event => console.error('violation of ' + event.violatedDirective))`,
    })
    page = await app.firstWindow()
    page.on('console', message => {
      if (message.type() === 'error') faults.push(message.text())
    })
    page.on('pageerror', error => faults.push(error.message))
    // From here on the listener is there before the page's own scripts; the first load had no link to lose yet.
    await page.reload()
    await page.waitForSelector('#app > *')
  }, 120_000)

  afterAll(async () => {
    // The last test has ended it already, unless it failed.
    kill()
    rmSync(home, { recursive: true, force: true })
  }, 60_000)

  it('opens one window with the page under its own address', async () => {
    expect(page.url()).toBe('app://flashproof/index.html')
    expect(await page.title()).toContain('Flashproof')
    const windows = await app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows().map(window => window.isVisible()),
    )
    expect(windows).toEqual([true])
  })

  it('gives the page three functions and nothing of Node or Electron', async () => {
    const seen = await page.evaluate(() => {
      const page_ = globalThis as unknown as Record<string, unknown>
      const station = page_['station'] as Record<string, unknown>
      return {
        functions: Object.entries(station).map(([name, value]) => `${name}: ${typeof value}`),
        globals: ['require', 'process', 'module', 'Buffer', 'global', '__dirname', 'electron', 'ipcRenderer'].filter(
          name => page_[name] !== undefined,
        ),
      }
    })
    expect(seen).toEqual({
      functions: ['call: function', 'subscribe: function', 'adoptFile: function'],
      globals: [],
    })
  })

  it('lets the page speak to the host and through it to the background process', async () => {
    expect(await askAsPage(page, 'host.info', {})).toMatchObject({
      kind: 'result',
      response: { kind: 'desktop', control: 'control', hasFileDialog: true, engine: { state: 'ready' } },
    })
    const catalog = await askAsPage(page, 'catalog.get', {})
    expect(catalog.kind).toBe('result')
    expect(JSON.stringify(catalog)).toContain('Intel HEX')
  })

  it('refuses a command that is not for pages, although the page claims to be the host', async () => {
    expect(await askAsPage(page, 'firmware.open', { path: '/etc/passwd' })).toMatchObject({
      kind: 'error',
      error: { code: 'contract.forbidden' },
    })
  })

  it('serves the page with its policy, and nothing beside it', async () => {
    const seen = await page.evaluate(async () => {
      const own = await fetch('app://flashproof/index.html')
      const beside = await Promise.all(
        ['../main.js', '..%2fmain.js', '%2e%2e/main.js', '..\\main.js', 'assets/../../main.js', '.env'].map(
          async path => {
            const { status } = await fetch(`app://flashproof/${path}`)
            return status
          },
        ),
      )
      return {
        policy: own.headers.get('content-security-policy'),
        sniffing: own.headers.get('x-content-type-options'),
        type: own.headers.get('content-type'),
        beside,
      }
    })
    expect(seen.policy).toBe(PAGE_POLICY)
    expect(seen.policy).toContain("default-src 'self'")
    expect(seen).toMatchObject({ sniffing: 'nosniff', type: 'text/html; charset=utf-8' })
    expect(seen.beside).toEqual([404, 404, 404, 404, 404, 404])
    // A browser tells of every 404 in its console.
    expect(faults.splice(0).every(text => text.includes('404'))).toBe(true)
  })

  it('opens no other address and no other window', async () => {
    expect(await page.evaluate(`open('https://flashproof.invalid/') === null`)).toBe(true)
    await page.evaluate(`void (location.href = 'https://flashproof.invalid/')`)
    await page.evaluate(`void (location.href = 'file:///etc/passwd')`)
    expect(await askAsPage(page, 'host.info', {})).toMatchObject({ kind: 'result' })
    expect(page.url()).toBe('app://flashproof/index.html')
    expect(app.windows()).toHaveLength(1)
    expect(readLog(home)).toContain('refused a navigation to https://flashproof.invalid/')
    faults.splice(0)
  })

  it('grants no permission but copying', async () => {
    const states = await page.evaluate<string[]>(`Promise.all(
      ['geolocation', 'notifications', 'camera', 'microphone', 'clipboard-read']
        .map(async name => (await navigator.permissions.query({ name })).state))`)
    expect(states).toHaveLength(5)
    expect(states).not.toContain('granted')
  })

  it('keeps the page’s words after a reload', async () => {
    await page.reload()
    expect(await askAsPage(page, 'host.info', {})).toMatchObject({ kind: 'result' })
  })

  it('opens a file that a second start brings, and ends the second start', async () => {
    const path = join(home, 'second.bin')
    writeFileSync(path, buildDemoFirmware({ sizeBytes: 65_536, version: '9.8.7', seed: 3, projectName: 'second' }))
    chmodSync(path, 0o644)
    const second = spawn(runtime, [projectFolder, path], { env: appEnvironment(home), stdio: 'ignore' })
    const [exitCode] = (await once(second, 'exit')) as [number | null]
    expect(exitCode).toBe(0)
    await expect
      .poll(async () => JSON.stringify(await askAsPage(page, 'firmware.list', {})), { timeout: 20_000 })
      .toContain('second.bin')
  })

  it('saves an export where the dialog says, as it is and as a PDF', async () => {
    for (const format of ['json', 'pdf'] as const) {
      const path = join(home, `record.${format}`)
      await app.evaluate(({ dialog }, filePath) => {
        dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath })
      }, path)
      expect(await askAsPage(page, 'file.save', { kind: 'export', format })).toMatchObject({
        kind: 'result',
        response: { outcome: 'saved', fileName: `record.${format}` },
      })
      expect(existsSync(path)).toBe(true)
      expect(readFileSync(path).subarray(0, 5).toString()).toBe(
        format === 'pdf' ? '%PDF-' : readFileSync(path, 'utf8').slice(0, 5),
      )
    }
    expect(JSON.parse(readFileSync(join(home, 'record.json'), 'utf8'))).toBeTypeOf('object')
  })

  it('shows a crash of the background process, starts it again and opens the files again', async () => {
    const before = await workerPid(app)
    process.kill(before, 'SIGKILL')
    await expect
      .poll(async () => JSON.stringify(await askAsPage(page, 'host.info', {})), { timeout: 20_000, interval: 20 })
      .toMatch(/"state":"(pausing|starting)"/)
    await expect
      .poll(async () => JSON.stringify(await askAsPage(page, 'host.info', {})), { timeout: 30_000 })
      .toContain('"state":"ready"')
    expect(await workerPid(app)).not.toBe(before)
    await expect
      .poll(async () => JSON.stringify(await askAsPage(page, 'firmware.list', {})), { timeout: 20_000 })
      .toContain('second.bin')
    expect(await page.textContent('body')).toMatch(/engine restarted/i)
  })

  it('shows no fault and no violation of its policy', () => {
    expect(faults).toEqual([])
  })

  it('asks before it ends while a board is worked on, and ends it safely when told to', async () => {
    expect(await askAsPage(page, 'practice.start', {})).toMatchObject({ kind: 'result', response: { devices: 4 } })
    const list = async () => JSON.stringify(await askAsPage(page, 'device.list', {}))
    await expect.poll(list, { timeout: 20_000 }).toContain('"target"')
    const listed = await list()
    const opened = await askAsPage(page, 'firmware.list', {})
    const target = /"target":"([^"]+)"/.exec(listed)?.[1] ?? ''
    const firmwareId = /"firmwareId":"([^"]+)"/.exec(JSON.stringify(opened))?.[1] ?? ''
    const order = { firmwareId, targets: [target], interactive: true }
    const started = await askAsPage(page, 'job.start', order)
    expect(JSON.stringify(started)).toContain('"batchId"')
    await app.evaluate(({ dialog, BrowserWindow }) => {
      const seen = globalThis as unknown as { questions: string[]; answers: number[] }
      seen.questions = []
      dialog.showMessageBox = ((_window: unknown, options: { message: string; detail: string }) => {
        seen.questions.push(`${options.message} ${options.detail}`)
        return Promise.resolve({ response: 3, checkboxChecked: false })
      }) as never
      BrowserWindow.getAllWindows()[0]?.close()
    })
    const questions = await app.evaluate(() => (globalThis as unknown as { questions: string[] }).questions)
    expect(questions).toHaveLength(1)
    expect(questions[0]).toMatch(/^1 board is not finished\. On the boards now: 1 × /)
    expect(app.windows()).toHaveLength(1)
    const ended = app.waitForEvent('close', { timeout: 40_000 })
    await app.evaluate(({ dialog, BrowserWindow }) => {
      dialog.showMessageBox = () => Promise.resolve({ response: 2, checkboxChecked: false })
      BrowserWindow.getAllWindows()[0]?.close()
    })
    await ended
    expect(readLog(home)).toContain('engine stopped')
  })
})
