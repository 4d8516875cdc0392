/** axe-core in a real Chromium on every view and dialog, in both themes and both languages: nothing to complain of. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults, RunOptions } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findBrowser, launchBrowser } from './browser.ts'
import { startPreviewPage, type PreviewPage } from './preview-page.ts'
import { openPage, type OpenPage } from './workstation.ts'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const options: RunOptions = {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  resultTypes: ['violations'],
}
const executablePath = await findBrowser()

/** What is shown one after the other on one scenario: a name, and how to get there from the one before. */
type Walk = readonly (readonly [string, (page: Page) => Promise<unknown>])[]

const stay = (): Promise<void> => Promise.resolve()
const chooseView = (index: number) => (page: Page) => page.locator('nav button').nth(index).click()
const choosePart = (index: number) => (page: Page) => page.getByRole('tab').nth(index).click()
const openWith = (keys: string) => async (page: Page) => {
  await page.keyboard.press(keys)
  await dialog(page).waitFor()
}
const closeDialog = async (page: Page): Promise<void> => {
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
}
const pressPrimary = (page: Page): Promise<void> => dialog(page).locator('button.primary').click()

function dialog(page: Page): ReturnType<Page['locator']> {
  return page.locator('[role=dialog], [role=alertdialog]')
}

/** Opens the drawer of a row by keyboard, as its list offers it. */
const openDrawer = async (page: Page): Promise<void> => {
  await page.getByRole('grid').focus()
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'Enter']) await page.keyboard.press(key)
  await page.getByRole('tab').first().waitFor()
}

const walks: Readonly<Record<string, Walk>> = {
  empty: [
    ['the bench', stay],
    ['the history', chooseView(1)],
    ['the settings', chooseView(2)],
  ],
  busy: [
    ['the bench', stay],
    ['the proof of a device', openDrawer],
    ['its log', choosePart(1)],
    ['its memory', choosePart(2)],
    ['its identity', choosePart(3)],
    [
      'the question whether to stop all',
      async page => {
        await page.locator('button.stop').click()
        await dialog(page).waitFor()
      },
    ],
    [
      'the label of a device',
      async page => {
        await closeDialog(page)
        await openWith('F2')(page)
      },
    ],
    [
      'the menu of the devices',
      async page => {
        await closeDialog(page)
        await page.locator('[aria-haspopup=menu]').first().click()
        await page.getByRole('menu').waitFor()
      },
    ],
    [
      'adding a device',
      async page => {
        await page.getByRole('menuitem').first().click()
        await dialog(page).waitFor()
      },
    ],
    [
      'the shortcuts',
      async page => {
        await closeDialog(page)
        await openWith('F1')(page)
      },
    ],
    [
      'the question of a board',
      async page => {
        await closeDialog(page)
        await page.locator('button.question').click()
        await dialog(page).waitFor()
      },
    ],
    [
      'the history',
      async page => {
        await closeDialog(page)
        await chooseView(1)(page)
      },
    ],
    ['saving the record', openWith('Control+S')],
    [
      'the settings',
      async page => {
        await closeDialog(page)
        await chooseView(2)(page)
      },
    ],
  ],
  hex: [
    ['a firmware with gaps', stay],
    [
      'the review of an order',
      async page => {
        await page.keyboard.press('Control+A')
        await openWith('Control+Enter')(page)
        await dialog(page).locator('button.primary:enabled').waitFor()
      },
    ],
  ],
  serial: [
    ['boards on serial lines and a flash set', stay],
    [
      'the question for which chip a file is meant',
      async page => {
        await page.keyboard.press('Control+O')
        await page.locator('.choice').waitFor()
      },
    ],
    [
      'the options of a protocol for serial lines',
      async page => {
        await page.locator('.how select').first().selectOption('esp-serial')
        await page.locator('.how button[aria-expanded]').click()
      },
    ],
  ],
  monitor: [
    [
      'what a board on a serial line prints',
      async page => {
        await page.getByRole('row').filter({ hasText: 'Jig left' }).locator('.name').click()
        await choosePart(2)(page)
        await page.locator('.panel button.primary').click()
        await page.getByRole('log').getByText('valve_read_position').waitFor()
      },
    ],
  ],
  gateway: [
    ['two legs of a transfer', openDrawer],
    [
      'the question whether to stop what cannot be undone',
      async page => {
        await page.locator('button.stop').click()
        await dialog(page).waitFor()
      },
    ],
  ],
  dialects: [
    ['devices of every dialect', stay],
    [
      'the secrets of several protocols',
      async page => {
        await page.getByRole('grid').focus()
        await page.keyboard.press('Control+A')
        await page.locator('.how button[aria-expanded]').click()
        await page.locator('.how input[type=password]').first().waitFor()
      },
    ],
    [
      'where a device must come',
      async page => {
        await page.getByRole('row').filter({ hasText: 'inverter-07' }).locator('.name').click()
        await page.locator('.door').first().waitFor()
      },
    ],
    [
      'the identity of a device with notes',
      async page => {
        await page.getByRole('row').filter({ hasText: 'shellyplus1' }).locator('.name').click()
        await choosePart(3)(page)
      },
    ],
    [
      'the search of a range',
      async page => {
        await page.locator('[aria-haspopup=menu]').first().click()
        await page.getByRole('menuitem').nth(1).click()
        await dialog(page).waitFor()
      },
    ],
  ],
  'first-run': [
    ['the first screen', page => dialog(page).waitFor()],
    ['the second screen', pressPrimary],
    ['the third screen', pressPrimary],
  ],
  watching: [
    ['a page that watches', stay],
    ['a narrow window', page => page.setViewportSize({ width: 1000, height: 700 })],
  ],
  crashed: [['unfinished work', page => dialog(page).waitFor()]],
  'given-up': [['an engine that was given up', stay]],
}

describe.skipIf(executablePath === null)('a page for everybody', () => {
  let browser: Browser
  let preview: PreviewPage
  beforeAll(async () => {
    ;[browser, preview] = await Promise.all([launchBrowser(executablePath ?? ''), startPreviewPage()])
  })
  afterAll(async () => {
    await browser.close()
    await preview.stop()
  })

  // Colours hang on the theme, names and lengths on the language: each is seen once.
  const looks = [
    { theme: 'light', language: 'en' },
    { theme: 'dark', language: 'vi' },
  ] as const

  it.each(looks)(
    'has no fault that axe finds: $theme, $language',
    async ({ theme, language }) => {
      const found: string[] = []
      for (const [scenario, walk] of Object.entries(walks)) {
        const open = await openScenario(browser, preview, { scenario, theme, language })
        for (const [name, show] of walk) {
          await show(open.page)
          found.push(...(await judge(open.page)).map(violation => `${scenario}, ${name}: ${violation}`))
        }
        found.push(...open.faults.map(fault => `${scenario}: ${fault}`))
        await open.page.context().close()
      }
      expect(found).toEqual([])
    },
    120_000,
  )
})

async function openScenario(
  browser: Browser,
  preview: PreviewPage,
  {
    scenario,
    theme,
    language,
  }: { readonly scenario: string; readonly theme: 'light' | 'dark'; readonly language: string },
): Promise<OpenPage> {
  const query = new URLSearchParams({ scenario, theme, language })
  const open = await openPage(browser, `${preview.url}?${query.toString()}`, { colorScheme: theme })
  await open.page.evaluate(axeSource)
  return open
}

/** @returns each violation with the first places that have it */
async function judge(page: Page): Promise<readonly string[]> {
  const results = await page.evaluate<AxeResults>(`axe.run(document, ${JSON.stringify(options)})`)
  return results.violations.filter(isOurs).map(({ id, help, nodes }) => {
    const places = nodes
      .slice(0, 4)
      .map(({ html, any }) => `${html.slice(0, 160)} ${any.map(check => check.message).join(' ')}`)
    return `${id} (${help}) ×${String(nodes.length)}: ${places.join(' | ')}`
  })
}

/** An open menu lies at the end of the body, above the page: no landmark is around it, and none is wanted. */
function isOurs({ id, nodes }: AxeResults['violations'][number]): boolean {
  return id !== 'region' || nodes.some(({ html }) => !html.includes('data-reka-popper-con'))
}
