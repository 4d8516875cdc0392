/** A workstation as the pictures show it: bench A3, order 4711, operator Ana, and only the boards of its own story. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { openPage, startWorkstation, type Workstation } from '../e2e/page/workstation.ts'

export interface Scene {
  readonly page: Page
  readonly workstation: Workstation
  readonly home: string
}

export interface SceneOptions {
  /** Virtual boards, in the words of `simulate --devices`. */
  readonly boards?: string
  readonly isFirstRunDone: boolean
}

/** Opens the workstation, tells the story, and ends all that was started. */
export async function withScene(
  browser: Browser,
  { boards, isFirstRunDone }: SceneOptions,
  tell: (scene: Scene) => Promise<void>,
): Promise<void> {
  // The folder's name is seen in the settings.
  const home = mkdtempSync(join(tmpdir(), 'bench-a3-'))
  const preferences = { language: 'en', stationName: 'A3', operator: 'Ana', order: '4711', isFirstRunDone }
  writeFileSync(join(home, 'settings.json'), JSON.stringify({ preferences }))
  const workstation = await startWorkstation({ home, words: [], ...(boards === undefined ? {} : { boards }) })
  try {
    const { page } = await openPage(browser, workstation.url)
    await tell({ page, workstation, home })
    await page.context().close()
  } finally {
    await workstation.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

export async function showView(page: Page, name: 'Bench' | 'History' | 'Settings'): Promise<void> {
  await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name, exact: true }).click()
}

/** Chooses which record the history shows: virtual boards have one of their own. */
export async function showPracticeRecord(page: Page): Promise<void> {
  await page.getByRole('combobox', { name: 'Record' }).selectOption('practice')
}
