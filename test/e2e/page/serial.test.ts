/** A board on a serial line in the page: what it prints, its restart, its flash written and proven while the monitor makes room. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { chooseFirmware, reviewAndWrite, rowOf, skipFirstRun, tick } from './bench-page.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { writeImage } from './firmware-files.ts'
import { openPage, startWorkstation, type OpenPage, type Workstation } from './workstation.ts'

const executablePath = await findBrowser()

describe.skipIf(executablePath === null)('a board on a serial line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-files-'))
  let imagePath: string
  let browser: Browser
  let station: Workstation
  let open: OpenPage
  let page: Page
  let lines: Locator
  beforeAll(async () => {
    imagePath = await writeImage(folder, '2.1.4', 64 * 1024)
    const boards = 'esp-serial+instant'
    ;[browser, station] = await Promise.all([launchBrowser(executablePath ?? ''), startWorkstation({ boards })])
    open = await openPage(browser, station.url)
    page = open.page
    await skipFirstRun(page)
    lines = page.getByRole('log', { name: 'Serial monitor' })
    await rowOf(page, 'esp32-1').locator('.name').click()
    await page.getByRole('tab', { name: 'Monitor' }).click()
  }, 90_000)
  /** Only the rows in view are in the page, and more come all the time. */
  async function find(wanted: string, shown: RegExp | string): Promise<void> {
    await page.getByRole('searchbox', { name: 'Only lines with' }).fill(wanted)
    await lines.getByText(shown).last().waitFor()
  }

  afterEach(() => {
    expect(open.faults.splice(0)).toEqual([])
  })
  afterAll(async () => {
    await browser.close()
    await station.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is listened to when somebody says so, and restarted by its reset line', async () => {
    await page.getByText('Nobody listens to this line').waitFor()
    await page.getByRole('button', { name: 'Listen', exact: true }).click()
    await page.getByText('Listening at 115200 baud').waitFor()
    await page.getByRole('button', { name: 'Restart board' }).click()
    await find('POWERON_RESET', /^Board started: POWERON_RESET/)
    await find('1.0.0', 'Application version: 1.0.0')
    await find('free heap', /Free heap/)
  })

  it('feeds the memory graph with the figures that it prints', async () => {
    await page.getByRole('tab', { name: 'Memory' }).click()
    await page.getByRole('button', { name: 'Stop watching' }).waitFor()
    await page.getByRole('group', { name: 'Memory over time' }).waitFor()
    await page.getByRole('tab', { name: 'Monitor' }).click()
  })

  it('becomes proven while the monitor makes room, and is heard again with its new firmware', async () => {
    await chooseFirmware(page, imagePath)
    await page.getByRole('heading', { name: 'thermostat 2.1.4' }).waitFor()
    await tick(page, ['esp32-1'])
    await page.getByText(/^1 ticked: 1 fit/).waitFor()
    await reviewAndWrite(page)
    await rowOf(page, 'esp32-1')
      .getByText(/^Proven: /)
      .waitFor({ timeout: 60_000 })
    await page.getByText('Listening at 115200 baud').waitFor()
    await find('esp-serial', /^Port given to a job/)
    await page.getByRole('button', { name: 'Restart board' }).click()
    await find('2.1.4', 'Application version: 2.1.4')
  })

  it('gives its lines as a file, and shows only those that are looked for', async () => {
    const downloading = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save the lines…' }).click()
    const text = readFileSync(await (await downloading).path(), 'utf8')
    expect(text).toContain('-  application version: 1.0.0')
    await find('app_init', /App version/)
    expect(await lines.getByText(/Free heap/).count()).toBe(0)
  })

  it('keeps what is no program of a microcontroller from being taken for one', async () => {
    await page.setInputFiles('input[aria-label="ELF file…"]', imagePath)
    await page
      .getByText(/is no ELF file/)
      .first()
      .waitFor()
    // Chromium reports what was refused.
    expect(open.faults.splice(0)).toEqual([expect.stringContaining('422')])
  })
})
