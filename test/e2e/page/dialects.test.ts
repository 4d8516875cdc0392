/** Devices of several dialects in one order, from their secrets to their ends; device lists and searches; on the real engine. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { chooseFirmware, dialogOf, reviewAndWrite, rowOf, skipFirstRun } from './bench-page.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { writeImage } from './firmware-files.ts'
import { openPage, startWorkstation, type OpenPage, type Workstation } from './workstation.ts'

const executablePath = await findBrowser()
/** What the virtual boards want: see docs/simulator.md. */
const PASSWORD = 'secret'
const KEY = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, '0')).join('')
const boards = [
  'esp-parts+instant',
  'elegant-ota+basic+telemetry+instant',
  'tasmota+instant',
  'arduino-ota+instant',
  'fota-pull+instant',
].join(',')

describe.skipIf(executablePath === null)('a bench of many dialects', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-files-'))
  let browser: Browser
  let station: Workstation
  let open: OpenPage
  let page: Page
  beforeAll(async () => {
    const imagePath = await writeImage(folder, '2.1.4', 128 * 1024)
    ;[browser, station] = await Promise.all([launchBrowser(executablePath ?? ''), startWorkstation({ boards })])
    open = await openPage(browser, station.url)
    page = open.page
    await skipFirstRun(page)
    await chooseFirmware(page, imagePath)
    await page.getByRole('heading', { name: 'thermostat 2.1.4' }).waitFor()
  }, 90_000)
  afterEach(() => {
    expect(open.faults.splice(0)).toEqual([])
  })
  afterAll(async () => {
    await browser.close()
    await station.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('takes one password and one key for all, each sent to whom it concerns, and brings every device to its own end', async () => {
    await rowOf(page, 'esp32-5').waitFor()
    await page.getByRole('grid', { name: 'Devices' }).focus()
    await page.keyboard.press('Control+A')
    await page.getByRole('button', { name: 'Options', exact: true }).click()
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByLabel('Key of the device').fill(KEY)
    await page.getByText('5 ticked: 5 fit').waitFor()
    await reviewAndWrite(page)
    const ends = [
      ['esp32-1', 'Proven: running after restart'],
      ['esp32-2', 'Proven: running after restart'],
      ['esp32-3', 'Running after restart'],
      ['esp32-4', 'Arrived intact'],
      ['esp32-5', 'Running after restart'],
    ] as const
    for (const [name, words] of ends) await rowOf(page, name).getByText(words, { exact: true }).waitFor()
  })

  it('says in the review which protocol each device is written with', async () => {
    await page.getByRole('grid', { name: 'Devices' }).focus()
    await page.keyboard.press('Control+A')
    await page.keyboard.press('Control+Enter')
    const names = ['ESP32 chunk upload', 'ElegantOTA', 'Tasmota', 'ArduinoOTA (espota)', 'Device pulls from this PC']
    for (const name of names) await dialogOf(page).getByText(name, { exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await dialogOf(page).waitFor({ state: 'detached' })
  })

  it('keeps in the log where a device had to come, and its secrets out of everything that is shown', async () => {
    await rowOf(page, 'esp32-5').click()
    await page.getByRole('tab', { name: 'Log' }).click()
    const drawer = page.getByRole('region', { name: 'Device details: esp32-5' })
    await drawer.getByRole('searchbox').fill('/manifest')
    await drawer.getByRole('log').getByText('/manifest, or download').waitFor()
    const shown = await page.locator('body').innerText()
    expect([shown.includes(KEY), shown.includes(`:${PASSWORD}`)]).toEqual([false, false])
    await drawer.getByRole('button', { name: 'Close (Esc)' }).click()
  })

  it('finds a device by a search of addresses and ports', async () => {
    const port = new URL(station.boards[0]?.target ?? '').port
    await chooseInMenu(page, 'Search a range of addresses…')
    await dialogOf(page).getByLabel('Range').fill('127.0.0.1/32')
    await dialogOf(page).getByLabel('Ports of web servers').fill('80, port')
    expect(await dialogOf(page).getByRole('button', { name: 'Search', exact: true }).isDisabled()).toBe(true)
    await dialogOf(page).getByLabel('Ports of web servers').fill(port)
    await dialogOf(page).getByRole('button', { name: 'Search', exact: true }).click()
    await dialogOf(page).getByText('Done · 1 of 1 tried, 1 answered, 1 recognised').waitFor()
    await page.keyboard.press('Escape')
    await dialogOf(page).waitFor({ state: 'detached' })
  })

  it('takes in a list with addresses of every kind, and refuses one with a wrong line whole', async () => {
    await importText(
      page,
      'target,label\nudp://127.0.0.9:3232,Greenhouse\npull://127.0.0.1:28999/roof,Solar\ntcp://127.0.0.9:3232,Bedroom\n',
    )
    await page.getByText('3 devices were taken into the list.').waitFor()
    await rowOf(page, 'Greenhouse').getByText('127.0.0.9:3232').waitFor()
    await rowOf(page, 'Solar').getByText('→ 127.0.0.1:28999').waitFor()
    await importText(page, 'target,label\nhttp://127.0.0.8,Shed\nftp://127.0.0.8,Barn\n')
    await page.getByText('line 3').waitFor()
    expect(await rowOf(page, 'Shed').count()).toBe(0)
  })

  it('gives the list as a file that it takes in again', async () => {
    const downloading = page.waitForEvent('download')
    await chooseInMenu(page, 'Save the device list (CSV)…')
    const text = readFileSync(await (await downloading).path(), 'utf8')
    for (const word of ['udp://127.0.0.9:3232', 'pull://127.0.0.1:28999/roof', 'Bedroom']) expect(text).toContain(word)
    await importText(page, text)
    await page
      .getByText(/^\d+ devices were taken into the list\.$/)
      .last()
      .waitFor()
  })

  it('says where a device must be pointed while its job waits for it', async () => {
    for (const { name } of station.boards) await rowOf(page, name).getByRole('checkbox').uncheck()
    await rowOf(page, 'Solar').getByRole('checkbox').check()
    await page.getByLabel('Key of the device').fill(KEY)
    await page.getByText('1 ticked: 1 fit').waitFor()
    await reviewAndWrite(page)
    await rowOf(page, 'Solar').getByText('Waiting for the device to come here').waitFor()
    await rowOf(page, 'Solar').click()
    const drawer = page.getByRole('region', { name: 'Device details: Solar' })
    await drawer.getByText('The device must ask here:').waitFor()
    const address = 'http://127.0.0.1:28999/api/inverter/fota/manifest'
    await drawer.getByRole('button', { name: `Copy ${address}` }).click()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(address)
    await page.locator('button.stop').click()
    await page.getByRole('button', { name: 'Stop them' }).click()
    await rowOf(page, 'Solar').getByText('Cancelled', { exact: true }).waitFor()
  })

  async function importText(shown: Page, text: string): Promise<void> {
    const path = join(folder, 'devices.csv')
    writeFileSync(path, text)
    await shown.setInputFiles('input[type=file][accept*=csv]', path)
  }
})

async function chooseInMenu(page: Page, item: string): Promise<void> {
  await page.getByRole('button', { name: 'Add and manage devices' }).click()
  await page.getByRole('menuitem', { name: item }).click()
}
