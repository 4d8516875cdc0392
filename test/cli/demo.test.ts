import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCliProcess, startCli } from './cli-process.ts'

/** The demonstration takes 13 s on two free cores; other tests may have them meanwhile. */
const DEADLINE_MS = 80_000
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flashproof-demo-test-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('the demonstration', () => {
  it(
    'proves seven boards, names the one that lies, and leaves an export that verifies',
    { timeout: DEADLINE_MS },
    async () => {
      const home = join(folder, 'home')
      const { exitCode, out, err } = await runCliProcess(['demo'], { home })
      expect(exitCode, out + err).toBe(0)
      expect(out).toMatch(/^unproven: contradicted: thermostat-6$/m)
      expect(/^proven: (.*)$/m.exec(out)?.[1]?.split(', ')).toHaveLength(7)
      expect(err).toContain('Proven: 7 of 8')
      expect(await readFile(join(home, 'demo-log.html'), 'utf8')).toContain('PRACTICE')
      const csv = join(home, 'demo-log.csv')
      expect((await readFile(csv, 'utf8')).split('\n')[0]).toContain('verdict')
      const verified = await runCliProcess(['log', 'verify', '--practice'], { home })
      expect(verified).toMatchObject({ exitCode: 0 })
      expect(verified.out).toContain('The chain holds: 8 records.')
    },
  )

  it('stops everything on Ctrl-C and exits 130', async () => {
    const demo = startCli(['demo', '--json'], { home: join(folder, 'stopped') })
    await demo.until(/"state":"transferring","doneBytes":[1-9]/)
    const target = /"target":"(http[^"]+)"/.exec(demo.output())?.[1] ?? ''
    demo.signal('SIGINT')
    expect((await demo.result).exitCode).toBe(130)
    await expect(fetch(`${target}/telemetry`)).rejects.toThrow()
  })
})
