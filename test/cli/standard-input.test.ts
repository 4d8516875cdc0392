import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeFirmware, startCli, startDevices } from './cli-process.ts'

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flashproof-input-'))
  await makeFirmware(join(folder, 'app.bin'), 65_536)
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

it('takes a secret from one line of a pipe, and calls an empty one empty', async () => {
  const home = join(folder, 'home')
  const devices = await startDevices('http-update+basic+instant', home)
  const flash = async (input: string) => {
    const words = ['flash', 'app.bin', '--to', devices.targets[0] ?? '', '--protocol', 'http-update']
    return await startCli([...words, '--secret', 'password=-'], { home, cwd: folder, input }).result
  }
  const right = await flash('secret\nanother line\n')
  expect(right.exitCode, right.err).toBe(0)
  const wrong = await flash('guessed')
  expect([wrong.exitCode, wrong.out + wrong.err]).toEqual([1, expect.stringContaining('refused the credentials')])
  const empty = await flash('')
  expect([empty.exitCode, empty.err]).toEqual([2, expect.stringContaining('is empty or too long')])
  devices.process.signal('SIGTERM')
  await devices.process.result
}, 60_000)
