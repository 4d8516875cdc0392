/** The workstation before anything was done: first run, no board, no firmware, no record. */
import type { Browser } from 'playwright-core'
import { dialogOf, skipFirstRun } from '../e2e/page/bench-page.ts'
import type { Camera } from './camera.ts'
import { showView, withScene } from './station.ts'

export async function emptyStory(browser: Browser, camera: Camera): Promise<void> {
  await withScene(browser, { isFirstRunDone: false }, async ({ page }) => {
    const next = dialogOf(page).getByRole('button', { name: 'Next', exact: true })
    await next.waitFor()
    await camera.part(page, 'first-run-green')
    await next.click()
    await page.getByRole('button', { name: 'Check again' }).waitFor()
    await camera.part(page, 'first-run-this-pc')
    await next.click()
    await camera.part(page, 'first-run-practice')
    await skipFirstRun(page)
    await page.getByText('No device yet').waitFor()
    await camera.view(page, 'bench-empty')
    await page.keyboard.press('F1')
    await dialogOf(page).waitFor()
    await camera.part(page, 'shortcuts')
    await page.keyboard.press('Escape')
    await showView(page, 'History')
    await page.getByText('No jobs in the record yet').waitFor()
    await camera.view(page, 'history-empty')
    await showView(page, 'Settings')
    await camera.view(page, 'settings-empty')
  })
}
