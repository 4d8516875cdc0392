/** What can go wrong: a refused file, boards that fail, an engine that dies, a record that was changed by hand. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Browser } from 'playwright-core'
import { makeDemoFirmware } from '../../src/host/simulator-process.ts'
import { chooseFirmware, dialogOf, reviewAndWrite, rowOf, waitForProgress } from '../e2e/page/bench-page.ts'
import type { Camera } from './camera.ts'
import { showPracticeRecord, showView, withScene } from './station.ts'

const KIB = 1024
const boards = [
  'esp-parts',
  'esp-parts+disk-full@4',
  'esp-parts+rollback',
  'esp-parts+cached-hash',
  'esp-parts+slow@900',
  'esp-parts+slow@1100',
  'esp-parts+slow@1500',
].join(',')

export async function failedStory(browser: Browser, camera: Camera): Promise<void> {
  await withScene(browser, { boards, isFirstRunDone: true }, async ({ page, home, workstation }) => {
    const firmware = join(home, 'thermostat-2.1.4.bin')
    await makeDemoFirmware({ path: firmware, sizeBytes: 512 * KIB, version: '2.1.4' })
    await chooseFirmware(page, firmware)
    await rowOf(page, 'esp32-7').waitFor()
    await page.locator('body').click({ position: { x: 2, y: 2 } })
    await page.keyboard.press('Control+A')
    await page.getByText('7 ticked: 7 fit').waitFor()
    await reviewAndWrite(page)
    const slow = ['esp32-5', 'esp32-6', 'esp32-7']
    await waitForProgress(page, slow)
    const tally = page.getByRole('group', { name: 'Results on the bench' })
    await tally.getByText(/^Proven [1-9]/).waitFor({ timeout: 60_000 })
    await tally.getByText(/^Failed [1-9]/).waitFor({ timeout: 60_000 })
    process.kill(workstation.workerPid(), 'SIGKILL')
    await dialogOf(page)
      .getByText(/Unfinished work: \d boards/)
      .first()
      .waitFor({ timeout: 30_000 })
    await camera.part(page, 'unfinished-work')
    await dialogOf(page).getByRole('button', { name: 'Decide later' }).click()
    const download = join(home, 'thermostat-2.1.5.bin')
    writeFileSync(download, '<!doctype html><html><title>Sign in</title><body>Please sign in to download</body></html>')
    await chooseFirmware(page, download)
    await page.getByText('thermostat-2.1.5.bin').first().waitFor()
    await rowOf(page, 'esp32-2').click()
    await camera.view(page, 'bench-failed')
    changeOneRecord(join(home, 'journal-practice.sqlite'))
    await showView(page, 'History')
    await showPracticeRecord(page)
    await page.getByRole('row').nth(2).waitFor()
    await page.getByRole('button', { name: 'Verify the chain' }).click()
    await page.getByText(/chain is broken/).waitFor()
    await camera.view(page, 'history-failed')
    await showView(page, 'Settings')
    await page
      .getByRole('navigation', { name: 'Groups of settings' })
      .getByRole('button', { name: 'Check this PC' })
      .click()
    await page
      .getByRole('button', { name: /^Check/ })
      .last()
      .click()
    await page.getByRole('button', { name: 'Copy for IT' }).first().waitFor()
    await camera.view(page, 'settings-failed')
  })
}

/** What somebody with an editor for databases could do: another operator in a sealed record. */
function changeOneRecord(path: string): void {
  const database = new DatabaseSync(path)
  database.exec(`UPDATE records SET entry = replace(entry, 'Ana', 'Bea') WHERE sequence = 1`)
  database.close()
}
