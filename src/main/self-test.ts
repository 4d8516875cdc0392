/** Checks that this installation can do its work, and says plainly what cannot be done. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '../shared/rpc/client.ts'
import { asFlashproofError, FlashproofError } from '../shared/errors.ts'

export interface SelfTestOptions {
  /** Resolves when the background process answers. */
  readonly startEngine: () => Promise<void>
  readonly client: Pick<Client, 'call'>
  /** The folder of the built page. */
  readonly pageFolder: string
}

export interface SelfTestLine {
  readonly name: string
  readonly isOk: boolean
  readonly text: string
}

/** Runs every check, whatever the others say. Never rejects. */
export async function runSelfTest({
  startEngine,
  client,
  pageFolder,
}: SelfTestOptions): Promise<readonly SelfTestLine[]> {
  const page = check('page', async () => {
    const html = await readFile(join(pageFolder, 'index.html'), 'utf8')
    if (!html.includes('<script')) throw new FlashproofError('internal.unexpected', 'index.html starts nothing')
    return 'the window’s page is there'
  })
  const engine = await check('worker', async () => {
    await startEngine()
    const { version, nodeVersion, home } = await client.call('worker.hello', {})
    return `the background process runs: version ${version}, Node ${nodeVersion}, data in ${home}`
  })
  if (!engine.isOk) return [await page, engine]
  const journal = check('journal', async () => {
    const report = await client.call('log.check', {})
    if (!report.valid) {
      const problem = report.problems[0]?.text ?? 'the chain does not hold'
      throw new FlashproofError('journal.chain-broken', problem)
    }
    return `the journal can be read and its chain holds: ${String(report.records)} records`
  })
  const serial = check('serial', async () => {
    const { channels } = await client.call('discovery.status', {})
    const ports = channels.find(({ source }) => source === 'serial')
    if (ports === undefined) throw new FlashproofError('host.unsupported', 'serial ports are not watched')
    if (ports.state === 'failed')
      throw new FlashproofError('host.unsupported', ports.diagnosis?.en ?? 'they cannot be listed')
    return ports.state === 'listening' ? 'serial ports can be listed' : 'serial ports are switched off'
  })
  return [await page, engine, await journal, await serial]
}

async function check(name: string, run: () => Promise<string>): Promise<SelfTestLine> {
  try {
    return { name, isOk: true, text: await run() }
  } catch (thrown) {
    const { code, message } = asFlashproofError(thrown)
    return { name, isOk: false, text: `${message} (${code})` }
  }
}

/** One line a check: `ok      worker: …` or `FAILED  journal: …`. */
export function describeSelfTest(lines: readonly SelfTestLine[]): string {
  return lines.map(({ name, isOk, text }) => `${isOk ? 'ok    ' : 'FAILED'}  ${name}: ${text}\n`).join('')
}
