/** Resumable.js itself, in a real browser, uploads files to the virtual servers: the judge that they are what it expects. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findBrowser, launchBrowser } from '../e2e/page/browser.ts'
import { fault, serversOfThisFile } from '../simulator/resumable/servers.ts'
import { sha256, someBytes } from '../simulator/wire.ts'

const libraryPath = createRequire(import.meta.url).resolve('resumablejs')
const executablePath = await findBrowser()

const KIB = 1024
/** The options of the seed's page, with smaller chunks and quicker retries. */
const seedOptions = {
  target: '/resumable_upload',
  chunkSize: 64 * KIB,
  simultaneousUploads: 3,
  maxChunkRetries: 6,
  chunkRetryInterval: 40,
}

function digestOf(device: { stored(): Uint8Array | null }): string | null {
  const stored = device.stored()
  return stored === null ? null : sha256(stored)
}

/** What Resumable.js says of an upload at its end. */
interface Ending {
  readonly errors: readonly string[]
  readonly hasCompleted: boolean
  readonly messages: readonly string[]
}

describe.skipIf(executablePath === null)('Resumable.js in a browser', () => {
  const start = serversOfThisFile()
  let browser: Browser
  let folder = ''
  let page: Page
  beforeAll(async () => {
    browser = await launchBrowser(executablePath ?? '')
    page = await browser.newPage()
  })
  afterAll(() => browser.close())
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashproof-resumable-js-'))
  })
  afterEach(async () => {
    await page.removeAllListeners(undefined, { behavior: 'wait' })
    // Ends what is still under way, so that the server can go down.
    await page.goto('about:blank')
    rmSync(folder, { recursive: true, force: true })
  })

  /** Opens the server's page, chooses the file and begins the upload. */
  async function begin(target: string, content: Uint8Array, options: object): Promise<void> {
    const path = join(folder, 'firmware.bin')
    writeFileSync(path, content)
    await page.goto(`${target}/`)
    await page.addScriptTag({ path: libraryPath })
    await page.evaluate(`(() => {
      const input = document.createElement('input')
      input.type = 'file'
      document.body.append(input)
      const resumable = new Resumable(${JSON.stringify(options)})
      const messages = []
      const errors = []
      window.ending = new Promise(resolve => {
        const end = hasCompleted => resolve({ errors, hasCompleted, messages })
        resumable.on('fileAdded', () => resumable.upload())
        resumable.on('fileSuccess', (file, message) => messages.push(message))
        resumable.on('fileError', (file, message) => { errors.push(message); end(false) })
        resumable.on('complete', () => end(true))
      })
      resumable.assignBrowse(input)
    })()`)
    await page.setInputFiles('input', path)
  }

  function end(): Promise<Ending> {
    return page.evaluate<Ending>('window.ending')
  }

  async function send(target: string, content: Uint8Array, options: object): Promise<Ending> {
    await begin(target, content, options)
    return end()
  }

  /** Counts POSTs, and the most that were under way at once. */
  function countUploads(): { total: number; peak: number } {
    const counted = { total: 0, peak: 0 }
    let underWay = 0
    page.on('request', request => {
      if (request.method() !== 'POST') return
      counted.total++
      counted.peak = Math.max(counted.peak, ++underWay)
    })
    const leave = (request: { method(): string }): void => {
      if (request.method() === 'POST') underWay--
    }
    page.on('requestfinished', leave)
    page.on('requestfailed', leave)
    return counted
  }

  it('uploads a file to the seed’s server, three chunks at once', async () => {
    const { device, target } = await start({ faults: [fault('slow', { ms: 15 })] })
    const content = someBytes(700 * KIB + 123)
    const uploads = countUploads()
    expect(await send(target, content, seedOptions)).toEqual({ errors: [], hasCompleted: true, messages: ['OK'] })
    expect(uploads).toEqual({ total: 10, peak: 3 })
    expect(digestOf(device)).toBe(sha256(content))
    expect(device.leftovers()).toBe(0)
  })

  it('uploads a file to the Node sample', async () => {
    const { device, target } = await start({ profile: 'node' })
    const content = someBytes(300 * KIB + 5)
    const ending = await send(target, content, { ...seedOptions, target: '/upload' })
    expect([ending.hasCompleted, device.dataRequests()]).toEqual([true, 4])
    expect(digestOf(device)).toBe(sha256(content))
  })

  it('uploads raw chunks with their parameters in the address', async () => {
    for (const profile of ['flask', 'node'] as const) {
      const { device, target } = await start({ profile, takesRawBodies: true })
      const content = someBytes(200 * KIB)
      const path = profile === 'node' ? '/upload' : '/resumable_upload'
      await send(target, content, { ...seedOptions, target: path, method: 'octet' })
      expect(digestOf(device)).toBe(sha256(content))
    }
  })

  it('asks what is there after a break and sends the rest alone', async () => {
    for (const profile of ['flask', 'node'] as const) {
      const { device, target } = await start({ profile, faults: [fault('slow', { ms: 20 })] })
      const options = { ...seedOptions, target: profile === 'node' ? '/upload' : '/resumable_upload' }
      const content = someBytes(640 * KIB + 77)
      await begin(target, content, options)
      await expect.poll(() => device.dataRequests(), { interval: 5 }).toBeGreaterThanOrEqual(4)
      await page.goto('about:blank')
      await device.panic()
      const kept = device.files.paths().length
      expect([kept >= 3, kept < 10, device.stored()]).toEqual([true, true, null])
      const uploads = countUploads()
      expect((await send(target, content, options)).errors).toEqual([])
      expect(uploads.total).toBe(10 - kept)
      expect(digestOf(device)).toBe(sha256(content))
    }
  })

  it('goes on by itself where answers are lost and the server dies in between', async () => {
    const { device, target } = await start({
      faults: [
        fault('drop-reply', { chunk: 2 }),
        fault('cut', { chunk: 4, at: 'in-body' }),
        fault('reboot', { chunk: 7 }),
      ],
    })
    const content = someBytes(640 * KIB)
    expect((await send(target, content, { ...seedOptions, maxChunkRetries: 50 })).errors).toEqual([])
    expect(digestOf(device)).toBe(sha256(content))
    expect(device.stats.boots).toBe(2)
  })

  it('sends every chunk with forceChunkSize to the seed’s server', async () => {
    const { device, target } = await start()
    const content = someBytes(200 * KIB)
    await send(target, content, { ...seedOptions, forceChunkSize: true })
    expect([device.dataRequests(), digestOf(device)]).toEqual([4, sha256(content)])
  })

  it('reports success with forceChunkSize to the Node sample, which has lost the last chunk', async () => {
    const { device, target } = await start({ profile: 'node' })
    const content = someBytes(200 * KIB)
    const ending = await send(target, content, { ...seedOptions, target: '/upload', forceChunkSize: true })
    expect([ending.hasCompleted, ending.errors]).toEqual([true, []])
    expect(digestOf(device)).toBe(sha256(content.subarray(0, 192 * KIB)))
  })

  it('reports success without one upload when another file of the name is there', async () => {
    const { device, target } = await start({ faults: [fault('existing-file', { bytes: 10 })] })
    const ending = await send(target, someBytes(200 * KIB), seedOptions)
    expect([ending.hasCompleted, ending.errors, device.dataRequests()]).toEqual([true, [], 0])
    expect(device.stored()).toHaveLength(10)
  })

  it('gets a file through to a small board, which serves one upload at a time', async () => {
    const { device, target, peakUploads } = await start({
      isSmall: true,
      flashSpeed: { writeBytesPerSecond: 8_000_000 },
    })
    const content = someBytes(150 * KIB + 9)
    const options = { ...seedOptions, chunkSize: 16 * KIB, maxChunkRetries: 50, chunkRetryInterval: 10 }
    expect((await send(target, content, options)).errors).toEqual([])
    expect([digestOf(device), peakUploads()]).toEqual([sha256(content), 1])
  })

  it('gives up at a code that its list calls permanent, and tries again at any other', async () => {
    const permanent = await start({ faults: [fault('status', { code: 415, chunk: 1, times: 0 })] })
    expect(await send(permanent.target, someBytes(200 * KIB), seedOptions)).toMatchObject({ errors: ['415'] })
    const passing = await start({ faults: [fault('status', { code: 503, chunk: 1, times: 3 })] })
    const content = someBytes(200 * KIB)
    expect((await send(passing.target, content, seedOptions)).errors).toEqual([])
    expect([digestOf(passing.device), passing.device.dataRequests()]).toEqual([sha256(content), 3 + 3])
  })
})
