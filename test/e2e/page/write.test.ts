/** From a dropped file to the exported record, in a real browser on the real browser mode, with boards of which one lies. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Browser, Download, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  chooseFirmware,
  dialogOf,
  dropFirmware,
  reviewAndWrite,
  rowOf,
  skipFirstRun,
  tick,
  waitForTally,
  watchForGreen,
} from './bench-page.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { writeBrokenHex, writeHex, writeImage } from './firmware-files.ts'
import { openPage, startWorkstation, type OpenPage, type Workstation } from './workstation.ts'

const executablePath = await findBrowser()
const MOST_PAGE_BYTES = 400_000
const MOST_FIRST_PAINT_MS = 1_000
const names = ['esp32-1', 'esp32-2', 'esp32-3', 'esp32-4']
const root = fileURLToPath(new URL('../../..', import.meta.url))

describe.skipIf(executablePath === null)('from a file to the record', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-files-'))
  let browser: Browser
  let station: Workstation
  let open: OpenPage
  let page: Page
  let imagePath: string
  beforeAll(async () => {
    imagePath = await writeImage(folder, '2.1.4', 128 * 1024)
    ;[browser, station] = await Promise.all([
      launchBrowser(executablePath ?? ''),
      startWorkstation({ boards: 'esp-parts:3+slow@5,esp-parts+slow@5+liar' }),
    ])
    open = await openPage(browser, station.url)
    page = open.page
  }, 90_000)
  afterEach(() => {
    expect(open.faults.splice(0)).toEqual([])
  })
  afterAll(async () => {
    await browser.close()
    await station.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('paints within a second and weighs little', async () => {
    const paints = await page.evaluate<number[]>(`performance.getEntriesByType('paint').map(entry => entry.startTime)`)
    const addresses = await page.evaluate<string[]>(
      `performance.getEntriesByType('resource').map(entry => entry.name).filter(name => /\\.(js|css)$/.test(name))`,
    )
    const bodies = await Promise.all(addresses.map(async address => gzipSync(await (await fetch(address)).bytes())))
    const pageBytes = bodies.reduce((total, body) => total + body.length, 0)
    console.info(`first paint ${String(Math.max(...paints))} ms, ${String(pageBytes)} bytes of JS and CSS in gzip`)
    expect(paints.length).toBeGreaterThan(0)
    expect(Math.max(...paints)).toBeLessThan(MOST_FIRST_PAINT_MS)
    expect(addresses.length).toBeGreaterThan(1)
    expect(pageBytes).toBeLessThan(MOST_PAGE_BYTES)
  })

  it('takes its one-time token off the address', () => {
    expect(new URL(page.url()).hash).toBe('')
  })

  it('opens a HEX file that is dropped on the window', async () => {
    await skipFirstRun(page)
    await dropFirmware(page, writeHex(imagePath, 0x10000))
    const card = page.getByRole('region', { name: 'Firmware' })
    await card.getByRole('heading', { name: 'thermostat 2.1.4' }).waitFor()
    await card.getByText('Intel HEX · application').waitFor()
    await card.getByRole('listitem', { name: 'Firmware 0x00010000 – 0x0002FFFF, 128.0 KiB' }).waitFor()
  })

  it('says what is wrong with a file and what to do, and keeps the one before', async () => {
    await chooseFirmware(page, writeBrokenHex(folder))
    const card = page.getByRole('region', { name: 'Firmware' })
    const refusal = card.getByRole('alert')
    await refusal.getByText('A checksum in the file is wrong').waitFor()
    await refusal.getByText('broken.hex, line 3').waitFor()
    await refusal.getByText('Copy the file again').waitFor()
    await card.getByRole('heading', { name: 'thermostat 2.1.4' }).waitFor()
    await refusal.getByRole('button', { name: 'Dismiss' }).click()
    await refusal.waitFor({ state: 'detached' })
    // The browser's own note that an address answered with a refusal.
    expect(open.faults.splice(0)).toEqual([
      'console: Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)',
    ])
  })

  it('sends nothing while the review refuses every board', async () => {
    await tick(page, names)
    await page.keyboard.press('Control+Enter')
    await dialogOf(page).getByText('left out').nth(3).waitFor()
    expect(await dialogOf(page).locator('button.primary').isDisabled()).toBe(true)
    await page.keyboard.press('Control+Enter')
    await page.keyboard.press('Escape')
    await dialogOf(page).waitFor({ state: 'detached' })
    await waitForTally(page, 'Running 0')
  })

  it('writes four boards, proves three in green and never shows the liar in green', async () => {
    await page.getByRole('button', { name: 'Options', exact: true }).click()
    await page.getByLabel('Base address of the flat image').fill('lowest')
    await page.getByLabel('Base address of the flat image').blur()
    const wasGreen = await watchForGreen(page, 'esp32-4')
    await reviewAndWrite(page)
    await waitForTally(page, 'Proven 3')
    await waitForTally(page, 'Not proven 1')
    for (const name of names.slice(0, 3)) {
      await rowOf(page, name).getByText('Proven: running after restart', { exact: true }).waitFor()
      await rowOf(page, name).getByText('NEW FW').waitFor()
    }
    await rowOf(page, 'esp32-4').getByText('Not proven', { exact: true }).waitFor()
    expect(await wasGreen()).toBe(false)
    // The same look finds the green of a row that is proven.
    expect(await (await watchForGreen(page, 'esp32-1'))()).toBe(true)
  })

  it('shows why a board is not proven, on the ladder and in the log', async () => {
    await page.keyboard.press('F8')
    const drawer = page.getByRole('region', { name: 'Device details: esp32-4' })
    await drawer.getByText('the board contradicts itself or our image').waitFor()
    const stored = drawer.getByRole('listitem').filter({ hasText: 'Checked in flash' })
    await stored.getByText('contradicted', { exact: true }).waitFor()
    await stored.getByText('required').waitFor()
    await drawer.getByRole('tab', { name: 'Log' }).click()
    await drawer.getByRole('log').getByText('completion.succeeded').waitFor()
    await drawer.getByRole('tab', { name: 'Memory' }).click()
    await drawer.getByRole('figure').or(drawer.locator('canvas')).first().waitFor()
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'detached' })
  })

  describe('the record', () => {
    beforeAll(async () => {
      await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: 'History' }).click()
      await page.getByRole('combobox', { name: 'Record' }).selectOption({ label: 'Practice' })
      await page.getByText('4 jobs', { exact: true }).waitFor()
    })

    it('lists the jobs and finds its chain whole', async () => {
      await page.getByRole('button', { name: 'Verify the chain' }).click()
      await page.getByText('The chain of 4 records is whole').waitFor()
      await page.getByRole('grid', { name: 'Past jobs' }).getByRole('row').filter({ hasText: 'esp32-4' }).click()
      await page.getByRole('tab', { name: 'Proof' }).waitFor()
    })

    it('leaves as CSV with a line for each job', async () => {
      const text = await exported(page, 'csv')
      const lines = text
        .trim()
        .split(/\r?\n/)
        .filter(line => !line.startsWith('#'))
      expect(lines[0]).toContain('verdict')
      // Only the last column holds commas and quotes of its own.
      const [verdict, device] = ['verdict', 'device_id'].map(name => lines[0]?.split(',').indexOf(name) ?? -1)
      const rows = lines.slice(1).map(line => line.split(','))
      expect(rows.map(row => row[device ?? -1]).toSorted()).toEqual(names)
      expect(rows.map(row => row[verdict ?? -1]).toSorted()).toEqual(['proven', 'proven', 'proven', 'unproven'])
    })

    it('leaves as JSON Lines whose chain the command line verifies, and finds changed', async () => {
      const path = await exportedFile(page, 'jsonl')
      const lines = readFileSync(path, 'utf8').trim().split('\n')
      expect(lines.map(line => typeof JSON.parse(line))).toEqual(lines.map(() => 'object'))
      await expect(verify(path)).resolves.toBe(0)
      const changed = join(folder, 'changed.jsonl')
      writeFileSync(changed, readFileSync(path, 'utf8').replace('"unproven"', '"proven"'))
      await expect(verify(changed)).resolves.not.toBe(0)
    })

    it('leaves as JSON', async () => {
      const text = await exported(page, 'json')
      expect(text.match(/"unproven"/g)).not.toBeNull()
      expect(typeof JSON.parse(text)).toBe('object')
    })

    it('leaves as HTML with a policy of its own', async () => {
      const text = await exported(page, 'html')
      expect(text).toMatch(/http-equiv="content-security-policy" content="default-src 'none'/i)
      for (const name of names) expect(text).toContain(name)
    })

    it('leaves as a service report in Vietnamese', async () => {
      await openExport(page)
      await dialogOf(page).getByRole('combobox', { name: 'Language' }).selectOption('vi')
      await dialogOf(page).getByRole('combobox', { name: 'Form' }).nth(1).selectOption('html')
      const text = readFileSync(await saved(page, 'Save the report'), 'utf8')
      expect(text).toContain('lang="vi"')
      expect(text).toContain('LUYỆN TẬP')
      await closeDialog(page)
    })

    it('leaves as a page to print, in a tab of its own', async () => {
      await openExport(page)
      await dialogOf(page).getByRole('combobox', { name: 'Form' }).first().selectOption('pdf')
      const [printed] = await Promise.all([
        page.context().waitForEvent('page'),
        dialogOf(page).getByRole('button', { name: 'Save the record' }).click(),
      ])
      await printed.getByText('esp32-4').first().waitFor()
      await printed.close()
      await closeDialog(page)
    })

    it('leaves as a bundle for support', async () => {
      await openExport(page)
      const bytes = readFileSync(await saved(page, 'Save the bundle'))
      expect(bytes.subarray(0, 2).toString()).toBe('PK')
      await closeDialog(page)
    })
  })

  describe('another tab', () => {
    it('watches until it takes control', async () => {
      await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: 'Bench' }).click()
      const second = await openPage(browser, await station.nextUrl())
      await second.page.getByText('This page only watches: another').waitFor()
      await waitForTally(second.page, 'Proven 3')
      expect(await second.page.getByRole('button', { name: 'Open', exact: true }).isDisabled()).toBe(true)
      await second.page.getByRole('button', { name: 'Take control' }).click()
      await page.getByText('This page only watches: another').waitFor()
      // The two pages are told one after the other.
      await second.page.getByText('This page only watches: another').waitFor({ state: 'hidden' })
      await page.getByRole('button', { name: 'Take control' }).click()
      await second.page.getByText('This page only watches: another').waitFor()
      expect(second.faults).toEqual([])
      await second.page.context().close()
    })
  })

  describe('the settings', () => {
    it('change the language and the theme at once, and outlive a restart', async () => {
      await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: 'Settings' }).click()
      await page.getByRole('combobox', { name: 'Appearance' }).selectOption('dark')
      await page.locator('html[data-theme=dark]').waitFor()
      await page.getByRole('combobox', { name: 'Language' }).selectOption('vi')
      await page.getByRole('heading', { name: 'Cài đặt', level: 1 }).waitFor()
      await page.locator('html[lang=vi]').waitFor()
      await page.context().close()
      const url = await station.restart()
      open = await openPage(browser, url)
      page = open.page
      await page.locator('html[lang=vi][data-theme=dark]').waitFor()
      await page.getByRole('navigation', { name: 'Các màn hình' }).waitFor()
      // What was done before is in the record, and no first run is shown again.
      expect(await dialogOf(page).count()).toBe(0)
    })
  })
})

async function openExport(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Export…' }).click()
  await dialogOf(page).waitFor()
}

async function closeDialog(page: Page): Promise<void> {
  await page.keyboard.press('Escape')
  await dialogOf(page).waitFor({ state: 'detached' })
}

async function exportedFile(page: Page, format: 'csv' | 'html' | 'json' | 'jsonl'): Promise<string> {
  await openExport(page)
  await dialogOf(page).getByRole('combobox', { name: 'Form' }).first().selectOption(format)
  const path = await saved(page, 'Save the record')
  await closeDialog(page)
  return path
}

async function exported(page: Page, format: 'csv' | 'html' | 'json'): Promise<string> {
  return readFileSync(await exportedFile(page, format), 'utf8')
}

/** @returns where the file that the button brings was downloaded to */
async function saved(page: Page, button: string): Promise<string> {
  const downloaded = page.waitForEvent('download')
  await dialogOf(page).getByRole('button', { name: button }).click()
  const download: Download = await downloaded
  return await download.path()
}

/** @returns the exit code of `log verify` */
async function verify(path: string): Promise<number> {
  const run = promisify(execFile)
  try {
    await run(process.execPath, [join(root, 'src/cli/index.ts'), 'log', 'verify', path], { cwd: root })
    return 0
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? Number(thrown.code) : -1
  }
}
