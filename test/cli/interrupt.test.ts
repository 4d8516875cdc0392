import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFirmware, runCliProcess, startCli, startDevices } from './cli-process.ts'

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flashproof-interrupt-'))
  await makeFirmware(join(folder, 'app.bin'), 262_144)
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

function lastLine(text: string): unknown {
  return JSON.parse(text.trim().split('\n').at(-1) ?? '')
}

describe('a batch on real processes', () => {
  it('is cancelled by Ctrl-C with exit code 130, goes on with resume, and both records verify', async () => {
    const home = join(folder, 'cancelled')
    const devices = await startDevices('esp-parts+slow,esp-parts+slow', home)
    try {
      const targets = devices.targets.flatMap(target => ['--to', target])
      const flash = startCli(['flash', 'app.bin', ...targets, '--json'], { home, cwd: folder })
      await flash.until(/"state":"transferring","doneBytes":[1-9]/)
      flash.signal('SIGINT')
      const cancelled = await flash.result
      expect(cancelled.exitCode, cancelled.err).toBe(130)
      expect(lastLine(cancelled.out)).toMatchObject({ type: 'summary', exitCode: 130, counts: { proven: 0 } })
      const jobIds = [...new Set([...cancelled.out.matchAll(/"jobId":"([^"]+)"/g)].flatMap(match => match[1] ?? []))]
      expect(jobIds).toHaveLength(2)
      const resumed = await runCliProcess(['resume', ...jobIds, '--json'], { home })
      expect(resumed.exitCode, resumed.err).toBe(0)
      expect(lastLine(resumed.out)).toMatchObject({ type: 'summary', exitCode: 0, counts: { proven: 2 } })
      const verified = await runCliProcess(['log', 'verify', '--practice', '--json'], { home })
      expect(lastLine(verified.out)).toMatchObject({ type: 'verification', valid: true })
    } finally {
      devices.process.signal('SIGTERM')
      await devices.process.result
    }
  })

  it('can be resumed after its worker was killed', async () => {
    const home = join(folder, 'killed')
    const devices = await startDevices('esp-parts+slow', home)
    try {
      const flash = startCli(['flash', 'app.bin', '--to', devices.targets[0] ?? '', '--json'], { home, cwd: folder })
      await flash.until(/"state":"transferring","doneBytes":[1-9]/)
      process.kill(await workerPid(flash.pid), 'SIGKILL')
      const died = await flash.result
      expect(died.exitCode, died.err).toBe(1)
      expect(died.err).toContain('flashproof resume')
      expect(died.out).toContain('"code":"worker.exited"')
      const resumed = await runCliProcess(['resume', '--json'], { home })
      expect(resumed.exitCode, resumed.err).toBe(0)
      expect(lastLine(resumed.out)).toMatchObject({ counts: { proven: 1 } })
      const again = await runCliProcess(['resume'], { home })
      expect(again).toMatchObject({ exitCode: 0, out: '' })
      expect(again.err).toContain('Nothing to resume')
    } finally {
      devices.process.signal('SIGTERM')
      await devices.process.result
    }
  })

  it('ends its virtual devices with the command that started them', async () => {
    const devices = await startDevices('2', join(folder, 'simulated'))
    devices.process.signal('SIGINT')
    expect((await devices.process.result).exitCode).toBe(0)
    await expect(fetch(`${devices.targets[0] ?? ''}/telemetry`)).rejects.toThrow()
  })
})

describe('a signal during the start', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])(
    '(%s) before the command is loaded ends it in order, with exit code 130',
    async name => {
      // Raises the signal at the moment when the entry asks for its first module.
      const raiser = `import { registerHooks } from 'node:module'
      registerHooks({
        load(url, context, next) {
          if (url.endsWith('/cli/run.ts')) process.kill(process.pid, '${name}')
          return next(url, context)
        },
      })`
      const ended = await runCliProcess(['demo'], {
        home: join(folder, 'early'),
        env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(raiser)}` },
      })
      expect(ended, ended.err).toMatchObject({ exitCode: 130, out: '' })
    },
  )
})

/** The one child of the command line, from Linux's process table. */
async function workerPid(cliPid: number): Promise<number> {
  const children = await readFile(`/proc/${String(cliPid)}/task/${String(cliPid)}/children`, 'utf8')
  return Number(children.trim().split(' ')[0])
}
