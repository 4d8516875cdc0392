import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seedFeatures } from '../../src/simulator/virtual-esp32.ts'
import { requireTool } from '../reference/tools.ts'
import { devicesOfThisFile } from './devices.ts'
import { someBytes } from './wire.ts'

const start = devicesOfThisFile()
const script = fileURLToPath(new URL('../reference/seed-upload.sh', import.meta.url))
const tools = ['bash', 'curl', 'dd', 'stat', 'grep'].map(requireTool)
const [bash] = tools

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-seed-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the script with its pauses left out and without any proxy of this computer; otherwise as it was given. */
function runSeedClient(...scriptArguments: string[]): Promise<{ exitCode: number | null; output: string }> {
  const withoutPauses = `sleep() { :; }; source "$0" "$@"`
  const env = { ...process.env, NO_PROXY: '*', no_proxy: '*' }
  return new Promise(resolve => {
    const child = spawn(bash ?? 'bash', ['-c', withoutPauses, script, ...scriptArguments], { cwd: folder, env })
    let output = ''
    child.stdout.on('data', (piece: Buffer) => (output += piece.toString()))
    child.stderr.on('data', (piece: Buffer) => (output += piece.toString()))
    child.on('close', exitCode => resolve({ exitCode, output }))
  })
}

describe.skipIf(tools.includes(null))('the shell client of the seed', () => {
  it('uploads a file to a device that writes JSON without spaces', async () => {
    const device = await start({ features: seedFeatures, compactJson: true })
    const content = someBytes(3 * 4096 + 700)
    const file = join(folder, 'app.bin')
    writeFileSync(file, content)
    const { exitCode, output } = await runSeedClient(file, 'app.bin', device.target)
    expect(output).toContain('Uploading chunk 3/4 (700 bytes)')
    expect([exitCode, output.trim().split('\n').at(-1)]).toEqual([0, 'Upload completed successfully'])
    expect(device.flash.readTarget('app.bin')).toEqual(content)
    expect(device.stats.chunkPosts).toEqual([1, 1, 1, 1])
  })

  it('rejects its own server, because it looks for JSON without spaces', async () => {
    const device = await start({ features: seedFeatures })
    const file = join(folder, 'app.bin')
    writeFileSync(file, someBytes(100))
    const { exitCode, output } = await runSeedClient(file, 'app.bin', device.target)
    expect([exitCode, output.includes('Error uploading chunk 0: {"success": true, "chunk": 0}')]).toEqual([1, true])
  })

  it('stops at the first failure', async () => {
    const device = await start({
      features: seedFeatures,
      compactJson: true,
      faults: [{ name: 'success-false', chunk: 1 }],
    })
    const file = join(folder, 'app.bin')
    writeFileSync(file, someBytes(9000))
    expect((await runSeedClient(file, 'app.bin', device.target)).exitCode).toBe(1)
    expect(device.stats.completePosts).toBe(0)
    expect(readFileSync(file)).toHaveLength(9000)
  })
})
