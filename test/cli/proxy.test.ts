/** What goes to devices goes straight to them: a proxy of the account or of the company never sees firmware or passwords. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startVirtualEsp32, instantTimes, type VirtualEsp32 } from '../../src/simulator/virtual-esp32.ts'
import { demoImage } from '../fakes/bench.ts'
import { runCliProcess } from './cli-process.ts'

let folder: string
let board: VirtualEsp32
let trap: Server
let trapped: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-proxy-'))
  board = await startVirtualEsp32({ ...instantTimes, apply: 'none' })
  trapped = 0
  trap = createServer(socket => {
    trapped++
    socket.destroy()
  })
  await new Promise<void>(resolve => trap.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await board.close()
  await new Promise(resolve => trap.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

it('devices are probed, searched and written past every proxy that the environment names', async () => {
  // It listens on TCP.
  const { port } = trap.address() as AddressInfo
  const proxy = `http://127.0.0.1:${String(port)}`
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']
  const env = {
    ...Object.fromEntries(names.map(name => [name, proxy])),
    NODE_USE_ENV_PROXY: '1',
    NO_PROXY: '',
    no_proxy: '',
    FLASHPROOF_DISCOVERY: 'off',
    TMPDIR: folder,
  }
  // The variables do what they say where something listens to them.
  const { status } = await fetchThroughEnvironment(board.target, env)
  expect(status).not.toBe(0)
  expect(trapped).toBeGreaterThan(0)
  trapped = 0

  const image = join(folder, 'app.bin')
  writeFileSync(image, demoImage())
  const home = join(folder, 'home')
  const search = ['devices', '--scan', '127.0.0.1', '--port', String(board.port), '--json']
  const searched = await runCliProcess(search, { home, env })
  expect(searched.out).toContain('"found":1')
  const flashed = await runCliProcess(['flash', image, '--to', board.target, '--json'], { home, env })
  expect(flashed.exitCode, flashed.err).toBe(0)
  expect(board.flash.readLatest()).toEqual(demoImage())
  expect(trapped).toBe(0)
})

function fetchThroughEnvironment(
  url: string,
  env: Readonly<Record<string, string>>,
): Promise<{ status: number | null }> {
  return new Promise(resolve => {
    const script = `fetch(${JSON.stringify(url)}).then(() => process.exit(0), () => process.exit(9))`
    const child = spawn(process.execPath, ['-e', script], {
      env: { ...env, PATH: process.env['PATH'] },
      stdio: 'ignore',
    })
    child.on('close', status => {
      resolve({ status })
    })
  })
}
