import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { entryPath, makeFirmware, runCliProcess, startDevices } from './cli-process.ts'

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flashproof-output-'))
  await makeFirmware(join(folder, 'app.bin'), 65_536)
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

const environment = { PATH: process.env['PATH'], LANG: 'C.UTF-8' }

/** Runs the command line with a standard output on which every write fails as on a full disk. */
async function runOnFullDisk(argv: readonly string[], home: string): Promise<{ exitCode: number | null; err: string }> {
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [entryPath, ...argv], {
    cwd: folder,
    env: { ...environment, FLASHPROOF_HOME: home },
    stdio: ['ignore', full, 'pipe'],
  })
  closeSync(full)
  let err = ''
  // Piped by the line above, which the type of `spawn` does not tell.
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  await once(child, 'close')
  return { exitCode: child.exitCode, err }
}

function errorLines(err: string): string[] {
  return err.split('\n').filter(line => line.startsWith('flashproof: '))
}

describe.skipIf(!existsSync('/dev/full'))('an output that cannot be written', () => {
  it.each([['inspect', 'app.bin', '--json'], ['inspect', 'app.bin'], ['--help'], ['log', 'export']])(
    'is told in one line, and is no success: %s %s',
    async (...argv) => {
      const { exitCode, err } = await runOnFullDisk(argv, join(folder, 'plain'))
      expect(exitCode, err).toBe(1)
      expect(errorLines(err), err).toHaveLength(1)
      expect(err).toMatch(/disk is full.*standard output.*ENOSPC/)
    },
  )

  it('does not hold up a job: it goes on to its end, and its record is kept', async () => {
    const home = join(folder, 'home')
    const devices = await startDevices('1', home)
    try {
      const { exitCode, err } = await runOnFullDisk(
        ['flash', 'app.bin', '--to', devices.targets[0] ?? '', '--json'],
        home,
      )
      expect(exitCode, err).toBe(1)
      expect(errorLines(err), err).toHaveLength(1)
      expect(err).toContain('Proven: 1 of 1')
      const list = await runCliProcess(['log', 'list', '--practice', '--json'], { home })
      expect(list.out).toMatch(/"type":"log-entry","sequence":1,.*"verdict":"proven"/)
    } finally {
      devices.process.signal('SIGTERM')
      await devices.process.result
    }
  })
})

describe('a reader that goes away', () => {
  it('is no fault and gets no line', async () => {
    const child = spawn(process.execPath, [entryPath, 'inspect', 'app.bin', '--json'], {
      cwd: folder,
      env: { ...environment, FLASHPROOF_HOME: join(folder, 'plain') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.stdout.destroy()
    await once(child, 'close')
    expect(child.exitCode, err).toBe(0)
    expect(err).toBe('')
  })
})
