/** A worker that needs no database, started by Electron as a utility process: proves the link's adapters on both sides. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appEnvironment, findElectron, makeHome, projectFolder } from '../fakes/electron-app.ts'

const executablePath = findElectron()
if (executablePath === null) {
  process.stdout.write(
    'electron-utility-process.test: skipped, no Electron runtime (ELECTRON_OVERRIDE_DIST_PATH, or a download)\n',
  )
}

describe.skipIf(executablePath === null)('a worker in Electron’s utility process', () => {
  const folder = makeHome()
  let outcome: unknown

  beforeAll(async () => {
    for (const [name, entry] of [
      ['main', 'test/fakes/utility-process-parent.ts'],
      ['worker', 'test/fakes/fixture-worker.ts'],
    ] as const) {
      await build({
        root: projectFolder,
        configFile: false,
        logLevel: 'error',
        ssr: { noExternal: true },
        build: {
          ssr: join(projectFolder, entry),
          outDir: folder,
          emptyOutDir: false,
          target: 'node20',
          rolldownOptions: { external: ['electron'], output: { entryFileNames: `${name}.mjs` } },
        },
      })
    }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'utility-process', main: 'main.mjs' }))
    const child = spawn(executablePath ?? '', [folder], { env: appEnvironment(folder), stdio: 'ignore' })
    await once(child, 'exit')
    outcome = JSON.parse(readFileSync(join(folder, 'outcome.json'), 'utf8'))
  }, 120_000)

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('answers from a process of its own, with the environment that it was given', () => {
    expect(outcome).toMatchObject({ pidFits: true, home: '/a/home' })
  })

  it('tells events before the answer that follows them, and waits for their acknowledgement', () => {
    expect(outcome).toMatchObject({ told: ['a', 'b'], resumed: { jobIds: ['a', 'b'] } })
  })

  it('keeps code, details and cause of an error', () => {
    expect(outcome).toMatchObject({
      refused: { code: 'job.not-found', details: { jobId: 'nobody', knownJobs: 3 }, cause: { message: 'disk' } },
    })
  })

  it('rejects what was cancelled, what a crash left waiting, and what is asked afterwards', () => {
    expect(outcome).toMatchObject({
      aborted: 'call.aborted',
      crashed: { waiting: 'worker.exited', exit: { code: 7, output: 'something broke' } },
      late: 'worker.exited',
    })
  })

  it('ends when it is asked to, and when it is killed', () => {
    expect(outcome).toMatchObject({ stopped: { code: 0 } })
    expect(outcome).toHaveProperty('killed.code')
    expect(outcome).not.toHaveProperty('killed.code', 0)
  })
})
