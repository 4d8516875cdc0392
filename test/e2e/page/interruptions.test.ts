/** What a page shows when a transfer is paused, the page is loaded again, and the engine, the link or the server is lost. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page, WebSocketRoute } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  chooseFirmware,
  dialogOf,
  percentOf,
  reviewAndWrite,
  rowOf,
  skipFirstRun,
  tick,
  waitForProgress,
  waitForTally,
} from './bench-page.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { writeImage } from './firmware-files.ts'
import { openPage, startWorkstation, type OpenPage, type Workstation } from './workstation.ts'

const executablePath = await findBrowser()
const names = ['esp32-1', 'esp32-2', 'esp32-3', 'esp32-4']
/** With 40 ms for each chunk, long enough to be met in the middle. */
const IMAGE_BYTES = 512 * 1024

describe.skipIf(executablePath === null)('a transfer that is disturbed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-files-'))
  let browser: Browser
  let station: Workstation
  let open: OpenPage
  let page: Page
  beforeAll(async () => {
    ;[browser, station] = await Promise.all([
      launchBrowser(executablePath ?? ''),
      startWorkstation({ boards: 'esp-parts:4+slow@40' }),
    ])
    open = await openPage(browser, station.url)
    page = open.page
    await skipFirstRun(page)
  }, 90_000)
  afterEach(() => {
    expect(open.faults.splice(0)).toEqual([])
  })
  afterAll(async () => {
    await browser.close()
    await station.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Writes a version of its own to all four boards and waits until each is under way. */
  async function writeAll(version: string): Promise<void> {
    await chooseFirmware(page, await writeImage(folder, version, IMAGE_BYTES))
    await page.getByRole('heading', { name: `thermostat ${version}` }).waitFor()
    await tick(page, names)
    await reviewAndWrite(page)
    await waitForProgress(page, names)
  }

  async function expectAllProven(version: string): Promise<void> {
    await waitForTally(page, 'Proven 4')
    for (const name of names) await rowOf(page, name).getByText(version, { exact: true }).waitFor()
  }

  it('stands still while it is paused, also for a page that is loaded anew, and goes on', async () => {
    await writeAll('2.1.4')
    await page.getByRole('button', { name: /^Pause/ }).click()
    await waitForTally(page, 'Paused 4')
    const before = await Promise.all(names.map(name => percentOf(page, name)))
    await page.reload()
    await waitForTally(page, 'Paused 4')
    expect(await Promise.all(names.map(name => percentOf(page, name)))).toEqual(before)
    expect(Math.max(...before)).toBeLessThan(100)
    await page.getByRole('button', { name: /^Resume/ }).click()
    await waitForTally(page, 'Running 4')
  })

  it('is whole on a page that is loaded in its middle: firmware, rows, progress, log', async () => {
    await page.reload()
    await page.getByRole('heading', { name: 'thermostat 2.1.4' }).waitFor()
    await waitForProgress(page, names)
    await rowOf(page, 'esp32-2').getByText('esp32-2').first().click()
    const drawer = page.getByRole('region', { name: 'Device details: esp32-2' })
    await drawer.getByRole('tab', { name: 'Log' }).click()
    // What was logged before this page was there, and what came while it is.
    await drawer.getByRole('log').getByText('connecting').waitFor()
    await drawer.getByRole('log').getByText('verifying').waitFor()
    await page.keyboard.press('Escape')
    await expectAllProven('2.1.4')
    expect(await page.getByText('This page only watches').count()).toBe(0)
  })

  it('waits for a decision after the engine was killed, and is resumed to its proof', async () => {
    await writeAll('2.1.5')
    process.kill(station.workerPid(), 'SIGKILL')
    await page.getByText('The engine restarted.').waitFor()
    await dialogOf(page).getByRole('heading', { name: 'Unfinished work: 4 boards' }).waitFor()
    expect(
      await dialogOf(page)
        .getByText(/^\d+\.\d KiB of 512\.0 KiB acknowledged$/)
        .count(),
    ).toBe(4)
    await dialogOf(page).getByRole('button', { name: 'Resume all' }).click()
    await dialogOf(page).waitFor({ state: 'detached' })
    await expectAllProven('2.1.5')
    await page.getByRole('heading', { name: 'thermostat 2.1.5' }).waitFor()
  })

  it('goes on without the page while the link is lost, and is shown whole when it is back', async () => {
    const links: WebSocketRoute[] = []
    let isCut = false
    await page.routeWebSocket(/\/station$/, link => {
      if (isCut) void link.close()
      else {
        link.connectToServer()
        links.push(link)
      }
    })
    await page.reload()
    await writeAll('2.1.6')
    isCut = true
    for (const link of links) await link.close()
    await page.getByText('The link to Flashproof on this PC is lost').waitFor()
    expect(await page.getByRole('button', { name: 'STOP ALL' }).isDisabled()).toBe(true)
    isCut = false
    await page.getByText('The link to Flashproof on this PC is lost').waitFor({ state: 'detached' })
    await expectAllProven('2.1.6')
    expect(await page.getByText('This page only watches').count()).toBe(0)
    await page.unrouteAll()
  })

  it('is unfinished work for the next server when this one is killed', async () => {
    await page.reload()
    await writeAll('2.1.7')
    await station.kill()
    await page.getByText('The link to Flashproof on this PC is lost').waitFor()
    // The browser's own notes that nobody answers.
    for (const fault of open.faults.splice(0)) expect(fault).toMatch(/^console: WebSocket connection to .* failed/)
    await page.context().close()
    open.faults.splice(0)
    const url = await station.restart()
    open = await openPage(browser, url)
    page = open.page
    await dialogOf(page).getByRole('heading', { name: 'Unfinished work: 4 boards' }).waitFor()
    await dialogOf(page).getByRole('button', { name: 'Resume all' }).click()
    await dialogOf(page).waitFor({ state: 'detached' })
    await expectAllProven('2.1.7')
  })
})
