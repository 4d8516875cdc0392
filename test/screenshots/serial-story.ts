/** Boards on serial lines: one proven, one being written at its line's rate, one that takes no such image, one that crashes. */
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { makeDemoFirmware } from '../../src/host/simulator-process.ts'
import { chooseFirmware, reviewAndWrite, rowOf, tick } from '../e2e/page/bench-page.ts'
import type { Camera } from './camera.ts'
import { withScene } from './station.ts'

const KIB = 1024
const boards = ['esp-serial', 'esp-serial+line-rate', 'stm32-serial', 'esp-serial+panics'].join(',')

export async function serialStory(browser: Browser, camera: Camera): Promise<void> {
  await withScene(browser, { boards, isFirstRunDone: true }, async ({ page, home }) => {
    const firmware = join(home, 'thermostat-2.1.4.bin')
    await makeDemoFirmware({ path: firmware, sizeBytes: 768 * KIB, version: '2.1.4' })
    await chooseFirmware(page, firmware)
    await tick(page, ['esp32-1', 'esp32-2', 'stm32-3'])
    await page.getByText(/^3 ticked: 2 fit/).waitFor()
    await reviewAndWrite(page)
    await rowOf(page, 'esp32-1')
      .getByText(/^Proven/)
      .waitFor({ timeout: 120_000 })
    await camera.part(page, 'bench-serial')
    await listen(page, 'esp32-4')
    await camera.view(page, 'monitor')
  })
}

/** Listens to a board that crashes whenever it starts. */
async function listen(page: Page, name: string): Promise<void> {
  await rowOf(page, name).locator('.name').click()
  await page.getByRole('tab', { name: 'Monitor' }).click()
  await page.getByRole('button', { name: 'Listen', exact: true }).click()
  await page.getByRole('button', { name: 'Restart board' }).and(page.locator(':enabled')).click()
  await page
    .getByRole('log')
    .getByText(/^Crash/)
    .last()
    .waitFor({ timeout: 60_000 })
}
