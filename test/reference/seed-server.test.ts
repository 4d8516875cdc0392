import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { demoImage, openBench, type Bench } from '../fakes/bench.ts'
import { requireTool } from './tools.ts'

const python = requireTool('python3')
const script = fileURLToPath(new URL('seed_server.py', import.meta.url))

let bench: Bench
let folder = ''
let stop = (): void => undefined
beforeEach(async () => {
  bench = await openBench()
  folder = mkdtempSync(join(tmpdir(), 'flashproof-seed-server-'))
})
afterEach(async () => {
  stop()
  await bench.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Starts the server in the folder; resolves with its TARGET. */
function startServer(): Promise<string> {
  const child = spawn(python ?? 'python3', [script], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
  stop = () => {
    child.stdin.end()
    child.kill()
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.stdout.once('data', (line: Buffer) => {
      resolve(`http://127.0.0.1:${line.toString().trim()}`)
    })
  })
}

describe.skipIf(python === null)('the seed’s own server, in Python', () => {
  it('gets every byte, is recognised without being asked twice, and is believed no more than it can show', async () => {
    const target = await startServer()
    const image = demoImage(300 * 1024)
    const [job] = await bench.flash({ targets: [target] }, image)
    expect(job).toMatchObject({
      state: 'finished',
      protocol: 'esp-parts',
      verdict: 'acknowledged',
      required: 'acknowledged',
      boardNow: 'unknown',
      unplug: 'safe',
    })
    expect(readFileSync(join(folder, 'app-1.bin'))).toEqual(Buffer.from(image))
    expect(readdirSync(folder)).toEqual(['app-1.bin'])
  })

  it('stores a name with spaces and other letters, and a last chunk of one byte', async () => {
    const target = await startServer()
    const bytes = Uint8Array.from({ length: 4096 * 2 + 1 }, (_, index) => (index * 13 + 66) & 0xff)
    const [job] = await bench.flash({ targets: [target], options: { targetPath: 'bản dựng 2.bin' } }, bytes)
    expect(job?.verdict).toBe('acknowledged')
    expect(readFileSync(join(folder, 'bản dựng 2.bin'))).toEqual(Buffer.from(bytes))
  })

  it('fails by name where its handler fails', async () => {
    const target = await startServer()
    const [job] = await bench.flash({ targets: [target], options: { targetPath: 'no/such/folder.bin' } })
    expect(job).toMatchObject({
      state: 'failed',
      verdict: null,
      boardNow: 'old-firmware',
      error: { code: 'device.rejected' },
    })
    expect(readdirSync(folder)).toEqual([])
  })
})
