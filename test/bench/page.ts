/** The page with 256 boards at work, and its start: traced in a real Chromium against the browser mode. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { forkSimulator, makeDemoFirmware } from '../../src/host/simulator-process.ts'
import { findBrowser, launchBrowser } from '../e2e/page/browser.ts'
import { openPage, startWorkstation } from '../e2e/page/workstation.ts'
import { percentile, traceFrames } from './page-trace.ts'
import { row, type BenchRow } from './table.ts'

const DEVICES = 256
/** Shorter than the batch takes: an idle page would flatter the figures. */
const TRACED_MS = 3_000
const MIB = 1024 * 1024

interface SeenJob {
  readonly revision: number
  readonly state: string
  readonly verdict: string | null
}

export async function benchPage(): Promise<BenchRow[]> {
  const executable = await findBrowser()
  if (executable === null) return [row('a browser', 'one that starts', 'none here', null)]
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-page-bench-'))
  const home = join(folder, 'home')
  mkdirSync(home)
  // Every board at once, not in the default's groups.
  writeFileSync(join(home, 'settings.json'), JSON.stringify({ preferences: { parallel: DEVICES } }))
  // The workstation looks for virtual boards in here, so only those of this run are listed.
  const temporary = { ...process.env }
  process.env['TMPDIR'] = join(home, 'tmp')
  mkdirSync(join(home, 'tmp'))
  const simulator = await forkSimulator({
    devices: `esp-parts:${String(DEVICES)}+slow@20+instant`,
    flashFolder: undefined,
  })
  const browser = await launchBrowser(executable)
  const workstation = await startWorkstation({ words: [], home })
  try {
    const firmware = join(folder, 'firmware.bin')
    await makeDemoFirmware({ path: firmware, sizeBytes: 3 * MIB, version: '9.0.0' })
    const { page, faults } = await openPage(browser, workstation.url, { width: 1920, height: 1080 })
    const paintMs = await firstPaintMs(page)
    const seen = watchJobs(page)
    // Frames of a socket that is open already are not told.
    await page.reload()
    await startBatch(page, firmware)
    const heap = await page.context().newCDPSession(page)
    await heap.send('Performance.enable')
    const frames = await traceFrames(page, async () => {
      await page.waitForTimeout(TRACED_MS)
    })
    const isStillBusy = (await page.getByText(/Running [1-9]\d{2}/).count()) > 0
    const { metrics } = await heap.send('Performance.getMetrics')
    const heapBytes = metrics.find(metric => metric.name === 'JSHeapUsedSize')?.value ?? Number.NaN
    await page
      .getByText(/Running 0\b/)
      .first()
      .waitFor({ timeout: 180_000 })
    const wrong = differences(seen, home)
    const dropped = frames.droppedFrames / Math.max(1, frames.drawnFrames + frames.droppedFrames)
    const p95 = percentile(frames.workMs, 0.95)
    const cpuP95 = percentile(frames.cpuMs, 0.95)
    const pageBytes = bundleGzipBytes()
    return [
      row('first paint of the served page', '< 1000 ms', `${paintMs.toFixed(0)} ms`, paintMs < 1000),
      row('script and styles, gzip', '≤ 400 kB', `${(pageBytes / 1000).toFixed(0)} kB`, pageBytes <= 400_000),
      row('256 running: main-thread work a frame (CPU), p95', '< 8 ms', `${cpuP95.toFixed(2)} ms`, cpuP95 < 8),
      row('… all of them at work until the trace ended', 'yes', isStillBusy ? 'yes' : 'no', isStillBusy),
      row('… by the clock, waiting for a core included, p95', '< 8 ms', `${p95.toFixed(2)} ms`, p95 < 8),
      row(
        '… p50, p99, longest task',
        '',
        [percentile(frames.workMs, 0.5), percentile(frames.workMs, 0.99), frames.longestTaskMs]
          .map(ms => `${ms.toFixed(2)} ms`)
          .join(', '),
      ),
      row(
        '… dropped frames',
        '< 1 %',
        `${(dropped * 100).toFixed(2)} % of ${String(frames.drawnFrames + frames.droppedFrames)}`,
        dropped < 0.01,
      ),
      row('… JS heap', '< 150 MB', `${(heapBytes / 1e6).toFixed(0)} MB`, heapBytes < 150e6),
      row(
        '… last snapshots that differ from the journal',
        '0',
        `${String(wrong.length)} of ${String(seen.size)} ${wrong.slice(0, 3).join('; ')}`,
        wrong.length === 0 && seen.size === DEVICES,
      ),
      row(
        '… faults the page complained of',
        '0',
        [String(faults.length), ...faults.slice(0, 3)].join(' '),
        faults.length === 0,
      ),
    ]
  } finally {
    await browser.close()
    await workstation.stop()
    await simulator.stop()
    process.env = temporary
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Opens the firmware, ticks every board and writes, with the keys a person would use. */
async function startBatch(page: Page, firmware: string): Promise<void> {
  const skip = page.getByRole('button', { name: 'Skip', exact: true })
  await skip.click()
  await page.setInputFiles('input[type=file]', firmware)
  await page.getByText('9.0.0').locator('visible=true').first().waitFor()
  await page.locator('body').click({ position: { x: 2, y: 2 } })
  await page.keyboard.press('Control+A')
  const review = page.getByText(`${String(DEVICES)} ticked: ${String(DEVICES)} fit`)
  await review.waitFor({ timeout: 120_000 })
  await page.keyboard.press('Control+Enter')
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Write/ })
    .waitFor()
  // Waits until the button may be used.
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Write/ })
    .click()
  await page.getByRole('dialog').waitFor({ state: 'hidden', timeout: 60_000 })
  await page
    .getByText(/Running \d\d/)
    .first()
    .waitFor({ timeout: 60_000 })
}

/** Notes the newest snapshot of every job that reached the page. */
function watchJobs(page: Page): Map<string, SeenJob> {
  const seen = new Map<string, SeenJob>()
  page.on('websocket', socket => {
    socket.on('framereceived', ({ payload }) => {
      const frame: unknown = JSON.parse(String(payload))
      for (const job of jobsOf(frame)) {
        if ((seen.get(job.jobId)?.revision ?? -1) <= job.revision) seen.set(job.jobId, job)
      }
    })
  })
  return seen
}

interface Named extends SeenJob {
  readonly jobId: string
}

function jobsOf(frame: unknown): Named[] {
  if (typeof frame !== 'object' || frame === null || !('name' in frame) || frame.name !== 'jobs.changed') return []
  // Both ends are of one build; the event has the contract's shape.
  return (frame as unknown as { payload: { jobs: Named[] } }).payload.jobs
}

/** Compares what the page was told last with what the journal holds. */
function differences(seen: ReadonlyMap<string, SeenJob>, home: string): string[] {
  const output = execFileSync(process.execPath, ['src/cli/index.ts', 'log', 'list', '--practice', '--json'], {
    env: { ...process.env, FLASHPROOF_HOME: home },
    encoding: 'utf8',
    maxBuffer: 256 * MIB,
  })
  const kept = new Map(
    output
      .split('\n')
      .filter(line => line !== '')
      .flatMap(line => snapshotOf(JSON.parse(line)))
      .map(job => [job.jobId, job]),
  )
  return [...seen].flatMap(([jobId, job]) => {
    const record = kept.get(jobId)
    const isSame = record?.state === job.state && record.verdict === job.verdict
    return isSame ? [] : [`${jobId}: ${job.state} ${String(job.verdict)} / ${String(record?.state)}`]
  })
}

function snapshotOf(line: unknown): Named[] {
  if (typeof line !== 'object' || line === null) return []
  const holder: unknown = 'snapshot' in line ? line.snapshot : line
  return typeof holder === 'object' && holder !== null && 'jobId' in holder ? [holder as Named] : []
}

async function firstPaintMs(page: Page): Promise<number> {
  return await page.evaluate<number>(
    `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN`,
  )
}

function bundleGzipBytes(): number {
  const folder = 'out/page/assets'
  return readdirSync(folder)
    .filter(name => /\.(js|css)$/.test(name))
    .reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).byteLength, 0)
}
