/** Devices of every dialect in one order, the search of a range of addresses, and gateways that pass an image on to an STM32. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { makeDemoFirmware } from '../../src/host/simulator-process.ts'
import { chooseFirmware, dialogOf, reviewAndWrite, rowOf } from '../e2e/page/bench-page.ts'
import type { Camera } from './camera.ts'
import { withScene } from './station.ts'

const KIB = 1024
/** What the virtual boards want: see docs/simulator.md. */
const PASSWORD = 'secret'
const KEY = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, '0')).join('')
const boards = [
  'esp-parts',
  'elegant-ota+basic+telemetry',
  'http-update',
  'tasmota',
  'arduino-ota',
  'arduino-ota+no-connect-back',
  'fota-pull',
  'fota-pull+never-asks',
  'resumable',
  'guid-chunks',
].join(',')

export async function dialectsStory(browser: Browser, camera: Camera): Promise<void> {
  await withScene(browser, { boards, isFirstRunDone: true }, async ({ page, home }) => {
    const firmware = join(home, 'thermostat-2.1.4.bin')
    await makeDemoFirmware({ path: firmware, sizeBytes: 256 * KIB, version: '2.1.4' })
    await chooseFirmware(page, firmware)
    await tickAll(page, 'esp32-8')
    await page.getByRole('button', { name: 'Options', exact: true }).click()
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByLabel('Key of the device').fill(KEY)
    await page.getByText(/^10 ticked: 10 fit/).waitFor()
    await reviewAndWrite(page)
    await rowOf(page, 'esp32-2')
      .getByText(/^Proven/)
      .waitFor({ timeout: 60_000 })
    await rowOf(page, 'esp32-8').click()
    await page.getByText('The device must ask here:').waitFor()
    await camera.part(page, 'bench-dialects')
    await page.getByRole('button', { name: 'Add and manage devices' }).click()
    await page.getByRole('menuitem', { name: 'Search a range of addresses…' }).click()
    await dialogOf(page).getByLabel('Range').fill('192.168.4.0/24')
    await dialogOf(page).getByLabel('Ports of web servers').fill('80, 8080')
    await camera.part(page, 'scan')
  })
  const gateways = 'stm32-bridge+status+real-time,stm32-bridge+real-time'
  await withScene(browser, { boards: gateways, isFirstRunDone: true }, async ({ page, home }) => {
    const firmware = join(home, 'pump-controller.bin')
    writeFileSync(firmware, stm32Image(48 * KIB))
    await chooseFirmware(page, firmware)
    await tickAll(page, 'esp32-2')
    await page.getByText(/^2 ticked: 2 fit/).waitFor()
    await reviewAndWrite(page)
    await rowOf(page, 'esp32-1')
      .getByText(/^[2-9]\d ?%$/)
      .waitFor({ timeout: 60_000 })
    await rowOf(page, 'esp32-1').click()
    await camera.part(page, 'gateway')
  })
}

async function tickAll(page: Page, last: string): Promise<void> {
  await rowOf(page, last).waitFor()
  await page.getByRole('grid', { name: 'Devices' }).focus()
  await page.keyboard.press('Control+A')
}

/** A vector table of an STM32, and something behind it. */
function stm32Image(sizeBytes: number): Buffer {
  const image = Buffer.alloc(sizeBytes, 0x5a)
  image.writeUInt32LE(0x2000_5000, 0)
  image.writeUInt32LE(0x0800_0131, 4)
  return image
}
