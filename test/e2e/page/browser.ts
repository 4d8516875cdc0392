/** Finds a real Chromium for tests of the page: the one from npm on Linux, else an installed Chrome or Edge. */
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

const installedPlaces: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/microsoft-edge'],
  darwin: ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'],
  win32: [
    'C:/Program Files/Google/Chrome/Application/chrome.exe',
    'C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe',
  ],
}

/** Nothing that weakens a page's security, and no traffic of the browser's own. */
const launchArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-domain-reliability',
  '--no-pings',
]

let found: Promise<string | null> | null = null

/**
 * @returns the executable of a browser that starts here; null when there is none and tests may be skipped
 * @throws {Error} when there is none and FLASHPROOF_REQUIRE_TOOLS is set
 */
export async function findBrowser(): Promise<string | null> {
  found ??= firstThatStarts()
  const path = await found
  if (path === null && process.env['FLASHPROOF_REQUIRE_TOOLS']) {
    throw new Error('no Chromium starts here, and FLASHPROOF_REQUIRE_TOOLS demands one')
  }
  return path
}

/** @throws {Error} when it does not start */
export async function launchBrowser(executablePath: string): Promise<Browser> {
  return await chromium.launch({ executablePath, args: launchArguments })
}

async function firstThatStarts(): Promise<string | null> {
  const candidates = [
    ...(process.platform === 'linux' && process.arch === 'x64' ? [await packedChromium()] : []),
    ...(installedPlaces[process.platform] ?? []).filter(path => existsSync(path)),
  ]
  for (const candidate of candidates) {
    if (candidate === null) continue
    try {
      const browser = await launchBrowser(candidate)
      await browser.close()
      return candidate
    } catch {
      // Libraries of the system are missing; another one may start.
    }
  }
  console.info('no Chromium starts here: tests of the page in a browser are skipped')
  return null
}

/** The headless Chromium that comes as an npm package, unpacked into the temporary folder. */
async function packedChromium(): Promise<string | null> {
  try {
    const { default: pack } = await import('@sparticuz/chromium')
    return await pack.executablePath()
  } catch {
    return null
  }
}
