/**
 * Takes a picture of the page on a fake station, for looking at it:
 * `shoot.ts SCENARIO [--theme dark] [--language vi] [--size 1280x800] [--out FILE] [--click SELECTOR]… [--key KEYS]…`
 */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import vue from '@vitejs/plugin-vue'
import { chromium } from 'playwright-core'
import { createServer } from 'vite'
import { catalogPlugin } from '../../e2e/page/catalog-plugin.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    theme: { type: 'string', default: 'light' },
    language: { type: 'string', default: 'en' },
    size: { type: 'string', default: '1280x800' },
    out: { type: 'string', default: 'page.png' },
    click: { type: 'string', multiple: true, default: [] },
    key: { type: 'string', multiple: true, default: [] },
  },
})
const [width, height] = values.size.split('x').map(Number)
const server = await createServer({
  configFile: false,
  root: new URL('.', import.meta.url).pathname,
  publicDir: '../../../src/renderer/public',
  plugins: [vue(), catalogPlugin()],
  logLevel: 'error',
  server: { host: '127.0.0.1', port: 0, fs: { allow: [new URL('../../..', import.meta.url).pathname] }, hmr: false },
  // A cache of its own: several may look at the same time.
  cacheDir: `/tmp/flashproof-preview-${String(process.pid)}`,
})
await server.listen()
const installed = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(path => existsSync(path))
const browser = await chromium.launch({
  ...(installed === undefined ? {} : { executablePath: installed }),
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
try {
  const page = await browser.newPage({ viewport: { width: width ?? 1280, height: height ?? 800 } })
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') process.stderr.write(`${message.text()}\n`)
  })
  page.on('pageerror', error => process.stderr.write(`${error.stack ?? error.message}\n`))
  const query = new URLSearchParams({
    scenario: positionals[0] ?? 'busy',
    theme: values.theme,
    language: values.language,
  })
  await page.goto(`${server.resolvedUrls?.local[0] ?? ''}?${query.toString()}`, { waitUntil: 'load' })
  await page.locator('.window').waitFor()
  await page.waitForTimeout(600)
  for (const selector of values.click) {
    await page.locator(selector).first().click()
    await page.waitForTimeout(250)
  }
  for (const keys of values.key) {
    await page.keyboard.press(keys)
    await page.waitForTimeout(250)
  }
  await page.screenshot({ path: values.out })
} finally {
  await browser.close()
  await server.close()
}
process.exit(0)
