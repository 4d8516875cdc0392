/** A batch at work: boards of different speeds, one of which lies and is found out while the others go on. */
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { makeDemoFirmware } from '../../src/host/simulator-process.ts'
import { chooseFirmware, dialogOf, reviewAndWrite, rowOf } from '../e2e/page/bench-page.ts'
import type { Camera } from './camera.ts'
import { showPracticeRecord, showView, withScene } from './station.ts'

const KIB = 1024
const boards = [
  'esp-parts:2',
  'esp-parts+liar@3',
  'esp-parts+wrong-chip',
  'esp-parts+slow@380',
  'esp-parts+slow@300+drop-reply@every=9',
  'esp-parts+slow@460',
  'esp-parts+slow@1200',
  'esp-parts',
].join(',')

export async function busyStory(browser: Browser, camera: Camera): Promise<void> {
  await withScene(browser, { boards, isFirstRunDone: true }, async ({ page, home }) => {
    const firmware = join(home, 'thermostat-2.1.4.bin')
    await makeDemoFirmware({ path: firmware, sizeBytes: 1040 * KIB, version: '2.1.4' })
    await chooseFirmware(page, firmware)
    await rowOf(page, 'esp32-9').waitFor()
    await page.locator('body').click({ position: { x: 2, y: 2 } })
    await page.keyboard.press('Control+A')
    await page.getByText('9 ticked: 8 fit, 1 refused').waitFor()
    await page.keyboard.press('Control+Enter')
    await dialogOf(page)
      .getByRole('button', { name: /^Write/ })
      .and(page.locator(':enabled'))
      .waitFor()
    await camera.part(page, 'review')
    await page.keyboard.press('Escape')
    await dialogOf(page).waitFor({ state: 'detached' })
    await reviewAndWrite(page)
    await tallyShows(page, 'Proven 3')
    await tallyShows(page, 'Not proven 1')
    await rowOf(page, 'esp32-5')
      .getByText(/^[2-9]\d ?%$/)
      .waitFor({ timeout: 60_000 })
    await rowOf(page, 'esp32-5').click()
    await camera.view(page, 'bench-busy')
    await page.getByRole('tab', { name: 'Memory' }).click()
    await camera.view(page, 'memory-graph')
    await page.getByRole('tab', { name: 'Log' }).click()
    await camera.part(page, 'drawer-log')
    await page.getByRole('tab', { name: 'Identity' }).click()
    await camera.part(page, 'drawer-identity')
    await rowOf(page, 'esp32-3').click()
    await page.getByRole('tab', { name: 'Proof' }).click()
    await camera.part(page, 'drawer-not-proven')
    await showView(page, 'Settings')
    const groups = page.getByRole('navigation', { name: 'Groups of settings' })
    await groups.getByRole('button', { name: 'Record', exact: true }).click()
    await camera.view(page, 'settings-busy')
    await showView(page, 'History')
    await showPracticeRecord(page)
    await page.getByRole('row').nth(3).waitFor()
    await page.getByRole('row').nth(2).click()
    await page.getByRole('button', { name: 'Verify the chain' }).click()
    await page.getByText(/is whole/).waitFor()
    await camera.view(page, 'history-busy')
    await page.keyboard.press('Control+S')
    await dialogOf(page).waitFor()
    await camera.part(page, 'export')
  })
}

async function tallyShows(page: Page, words: string): Promise<void> {
  await page
    .getByRole('group', { name: 'Results on the bench' })
    .getByText(words, { exact: true })
    .waitFor({ timeout: 60_000 })
}
