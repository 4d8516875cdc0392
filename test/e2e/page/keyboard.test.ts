/** The bench without a mouse, from opening a file to boards that are proven; practice boards; boards with hostile names. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { chooseFirmware, dialogOf, reviewAndWrite, rowOf, skipFirstRun, waitForTally } from './bench-page.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { writeImage } from './firmware-files.ts'
import { openPage, startWorkstation, type OpenPage, type Workstation } from './workstation.ts'

const executablePath = await findBrowser()

describe.skipIf(executablePath === null)('the bench', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-files-'))
  let browser: Browser
  let imagePath: string
  let station: Workstation | null = null
  let open: OpenPage | null = null
  beforeAll(async () => {
    imagePath = await writeImage(folder, '2.1.4', 128 * 1024)
    browser = await launchBrowser(executablePath ?? '')
  }, 90_000)
  afterEach(async () => {
    await open?.page.context().close()
    await station?.stop()
    expect(open?.faults).toEqual([])
  })
  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function openBench(options: Parameters<typeof startWorkstation>[0]): Promise<Page> {
    station = await startWorkstation(options)
    open = await openPage(browser, station.url)
    return open.page
  }

  it('is worked by keys alone, from the first start to proven boards', async () => {
    const page = await openBench({ boards: 'esp-parts:2,esp-parts+liar' })
    await dialogOf(page).waitFor()
    await pressUntilFocused(page, 'Tab', 'Skip')
    await page.keyboard.press('Enter')
    await dialogOf(page).waitFor({ state: 'detached' })

    const choosing = page.waitForEvent('filechooser')
    await page.keyboard.press('Control+O')
    await (await choosing).setFiles(imagePath)
    await page.getByRole('heading', { name: 'thermostat 2.1.4' }).waitFor()

    await page.keyboard.press('Control+F')
    await page.keyboard.type('esp32')
    await pressUntilFocused(page, 'Tab', 'Devices')
    await page.keyboard.press('Space')
    await rowOf(page, 'esp32-1').getByRole('checkbox', { checked: true }).waitFor()
    await page.keyboard.press('Space')
    await rowOf(page, 'esp32-1').getByRole('checkbox', { checked: false }).waitFor()
    await page.keyboard.press('Control+A')
    await rowOf(page, 'esp32-3').getByRole('checkbox', { checked: true }).waitFor()

    await page.keyboard.press('Control+Enter')
    const write = dialogOf(page).getByRole('button', { name: 'Write thermostat 2.1.4 to 3 boards' })
    await write.and(page.locator(':enabled')).waitFor()
    // Enter alone starts nothing, not even on the button itself.
    await write.focus()
    await page.keyboard.press('Enter')
    await write.waitFor()
    await waitForTallyBehindDialog(page, 'Running 0')
    await page.keyboard.press('Control+Enter')
    await dialogOf(page).waitFor({ state: 'detached' })
    await waitForTally(page, 'Proven 2')
    await waitForTally(page, 'Not proven 1')

    await page.keyboard.press('F8')
    const drawer = page.getByRole('region', { name: 'Device details: esp32-3' })
    await drawer.waitFor()
    await page.keyboard.press('F1')
    await dialogOf(page).getByText('Ctrl+Enter').first().waitFor()
    await page.keyboard.press('Escape')
    await dialogOf(page).waitFor({ state: 'detached' })
    await drawer.waitFor()
    await page.keyboard.press('F2')
    await dialogOf(page).waitFor()
    await page.keyboard.type('Socket 3')
    await page.keyboard.press('Enter')
    await rowOf(page, 'Socket 3').getByText('Not proven', { exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'detached' })
  })

  it('is practised on from its empty state', async () => {
    const page = await openBench({ words: [] })
    await skipFirstRun(page)
    await page.getByRole('button', { name: 'Practise with four virtual boards' }).click()
    await page.getByRole('heading', { name: /thermostat/ }).waitFor()
    for (const number of [1, 2, 3, 4]) await rowOf(page, `esp32-${String(number)}`).waitFor()
    await page.getByText('PRACTICE', { exact: true }).first().waitFor()
    await page.keyboard.press('Control+A')
    await reviewAndWrite(page)
    await waitForTally(page, 'Proven 3')
    await waitForTally(page, 'Not proven 1')
  })

  it('shows hostile names, versions and log lines as plain text', async () => {
    const page = await openBench({ boards: 'esp-parts+hostile-name,esp-parts+hostile-name+liar' })
    await skipFirstRun(page)
    await chooseFirmware(page, imagePath)
    await page.getByRole('heading', { name: 'thermostat 2.1.4' }).waitFor()
    await page.keyboard.press('Control+A')
    await page.keyboard.press('Control+Enter')
    // The boards say that they run another product, by a hostile name: what is shown of it can be typed.
    const question = dialogOf(page).getByText(/^Type “.+” to write all the same$/)
    const [, word = ''] = /“(.+)”/.exec(await question.innerText()) ?? []
    expect(word).toContain('<img src=x onerror=alert(1)>')
    await dialogOf(page).getByRole('textbox').fill(word)
    await dialogOf(page).getByRole('button', { name: 'Write thermostat 2.1.4 to 2 boards' }).click()
    await dialogOf(page).waitFor({ state: 'detached' })
    await waitForTally(page, 'Proven 1')
    await waitForTally(page, 'Not proven 1')
    await page.keyboard.press('F8')
    for (const part of ['Proof', 'Log', 'Memory', 'Identity']) await page.getByRole('tab', { name: part }).click()
    await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: 'History' }).click()
    await page.getByRole('combobox', { name: 'Record' }).selectOption({ label: 'Practice' })
    await page.getByText('2 jobs', { exact: true }).waitFor()
    const shown = await page.evaluate<string>(`document.documentElement.innerText`)
    // What they say is there as letters, and nothing of it is an element, a control character or a turned direction.
    expect(shown).toContain('<img src=x')
    expect(shown.match(/(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu)).toBeNull()
    expect(await page.locator('#app').locator('script, img, iframe').count()).toBe(0)
  })
})

/** Presses a key until what has the focus bears this name. */
async function pressUntilFocused(page: Page, key: string, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    const focused = await page.evaluate<string>(
      `(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim()`,
    )
    if (focused === name) return
    await page.keyboard.press(key)
  }
  throw new Error(`${key} never comes to “${name}”`)
}

/** What lies behind a dialog is hidden from roles, not from eyes. */
async function waitForTallyBehindDialog(page: Page, words: string): Promise<void> {
  await page.getByText(words, { exact: true }).waitFor()
}
