/** What a person does on the bench of an open page, and what they see there. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Locator, Page } from 'playwright-core'

/** Colours of “proven” as a browser tells them. */
const PROVEN_COLOURS = `(() => {
  const probe = document.createElement('span')
  document.body.append(probe)
  const colours = ['--proven', '--proven-soft', '--proven-solid'].map(name => {
    probe.style.color = 'var(' + name + ')'
    return getComputedStyle(probe).color
  })
  probe.remove()
  return colours
})()`

export function rowOf(page: Page, name: string): Locator {
  return page.getByRole('grid', { name: 'Devices' }).getByRole('row').filter({ hasText: name })
}

export function dialogOf(page: Page): Locator {
  return page.locator('[role=dialog]')
}

export async function skipFirstRun(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Skip', exact: true }).click()
  await dialogOf(page).waitFor({ state: 'detached' })
}

export async function chooseFirmware(page: Page, path: string): Promise<void> {
  await page.setInputFiles('input[type=file]', path)
}

/** Drags a file over the window and lets it go. */
export async function dropFirmware(page: Page, path: string): Promise<void> {
  const content = readFileSync(path).toString('base64')
  const transfer = await page.evaluateHandle(`(async () => {
    const bytes = Uint8Array.from(atob(${JSON.stringify(content)}), letter => letter.charCodeAt(0))
    const transfer = new DataTransfer()
    transfer.items.add(new File([bytes], ${JSON.stringify(basename(path))}))
    return transfer
  })()`)
  for (const event of ['dragenter', 'dragover']) await page.dispatchEvent('.window', event, { dataTransfer: transfer })
  await page.getByText('Drop the firmware file anywhere').waitFor()
  await page.dispatchEvent('.window', 'drop', { dataTransfer: transfer })
}

export async function tick(page: Page, names: readonly string[]): Promise<void> {
  for (const name of names) await rowOf(page, name).getByRole('checkbox').check()
}

/** Ctrl+Enter, a look at the review, Ctrl+Enter. */
export async function reviewAndWrite(page: Page): Promise<void> {
  await page.keyboard.press('Control+Enter')
  await dialogOf(page)
    .getByRole('button', { name: /^Write .+ to \d+ boards?$/ })
    .and(page.locator(':enabled'))
    .waitFor()
  await page.keyboard.press('Control+Enter')
  await dialogOf(page).waitFor({ state: 'detached' })
}

/** Waits until so many of the bench's boards stand there, by the words of the tally. */
export async function waitForTally(page: Page, words: string): Promise<void> {
  await page.getByRole('group', { name: 'Results on the bench' }).getByText(words, { exact: true }).waitFor()
}

/** Waits until every one of these rows is on its way: some chunks are there, others are not. */
export async function waitForProgress(page: Page, names: readonly string[]): Promise<void> {
  for (const name of names)
    await rowOf(page, name)
      .getByText(/^\d+ ?%$/)
      .waitFor()
}

export async function percentOf(page: Page, name: string): Promise<number> {
  return Number.parseInt(
    await rowOf(page, name)
      .getByText(/^\d+ ?%$/)
      .innerText(),
    10,
  )
}

/** Looks at a row at every change from now on. @returns tells whether anything in it ever had a colour of “proven” */
export async function watchForGreen(page: Page, name: string): Promise<() => Promise<boolean>> {
  await page.evaluate(`(() => {
    const colours = new Set(${PROVEN_COLOURS})
    const grid = document.querySelector('[role=grid]')
    window.wasGreen = false
    const look = () => {
      const row = [...grid.querySelectorAll('[role=row]')].find(candidate => candidate.textContent.includes(${JSON.stringify(name)}))
      for (const element of row?.querySelectorAll('*') ?? []) {
        const { color, fill, backgroundColor } = getComputedStyle(element)
        if ([color, fill, backgroundColor].some(colour => colours.has(colour))) window.wasGreen = true
      }
    }
    look()
    new MutationObserver(look).observe(grid, { attributes: true, characterData: true, childList: true, subtree: true })
  })()`)
  return async () => (await page.evaluate('window.wasGreen')) === true
}
