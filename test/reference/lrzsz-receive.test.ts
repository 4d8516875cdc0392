/** lrzsz receives what we send: `rb` by YMODEM, `rx` by XMODEM, on a pseudo-terminal behind a TCP port. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patientPolicy } from '../conformance/suite-policy.ts'
import { openBench, type Bench } from '../fakes/bench.ts'
import { requireTool } from './tools.ts'

const rb = requireTool('rb')
const rx = requireTool('rx')
const content = Uint8Array.from({ length: 20_001 }, (_byte, index) => (index * 13 + (index >> 8)) & 0xff)

let folder = ''
let bench: Bench
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-lrzsz-'))
  // lrzsz takes an end of the file for one when a second of silence follows it.
  bench = await openBench({ retryPolicy: patientPolicy })
})
afterAll(async () => {
  await bench.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A folder for one receiver: the tests run beside each other. */
const folderOf = (variant: string): string => {
  const path = join(folder, variant)
  mkdirSync(path)
  return path
}

/** Puts a receiver behind a port of this computer; it starts when somebody connects. */
async function serve(cwd: string, program: string, commandArguments: readonly string[]): Promise<string> {
  const server = createServer(socket => {
    const child = spawn(program, commandArguments, { cwd, stdio: ['pipe', 'pipe', 'ignore'], timeout: 30_000 })
    socket.pipe(child.stdin)
    child.stdout.pipe(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => child.kill())
    child.stdin.on('error', () => undefined)
    server.close()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `tcp://127.0.0.1:${String(address.port)}`
}

async function send(target: string, variant: string): Promise<void> {
  const options = { variant, waitSeconds: 15, fileName: 'app.bin' }
  const [job] = await bench.flash({ targets: [target], protocol: 'ymodem', options }, content)
  expect([job?.verdict, job?.error]).toEqual(['acknowledged', null])
}

describe.skipIf(rb === null)('rb', { concurrent: true }, () => {
  it.each(['ymodem-1k', 'ymodem-128'])('receives name, size and every byte by %s', async variant => {
    const cwd = folderOf(variant)
    await send(await serve(cwd, rb ?? '', ['--ymodem', '-q']), variant)
    expect(Uint8Array.from(readFileSync(join(cwd, 'app.bin')))).toEqual(content)
  })
})

describe.skipIf(rx === null)('rx', { concurrent: true }, () => {
  it.each([
    ['xmodem-1k', ['-c']],
    ['xmodem-crc', ['-c']],
    ['xmodem', []],
  ])('receives every byte, and filler behind them, by %s', async (variant, more) => {
    const cwd = folderOf(variant)
    await send(await serve(cwd, rx ?? '', ['-q', ...more, 'app.bin']), variant)
    expect(Uint8Array.from(readFileSync(join(cwd, 'app.bin'))).subarray(0, content.length)).toEqual(content)
  })
})
