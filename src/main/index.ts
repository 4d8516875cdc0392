/** The desktop app's entry: decides between the window, the command line and the self-test. The one file that imports Electron. */
import * as electron from 'electron'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createEngine } from '../host/engine.ts'
import { homeFoldersOf } from '../host/home-folders.ts'
import { findHome } from '../host/home.ts'
import { readVersion } from '../host/version.ts'
import { createTiming } from '../shared/rpc/timing.ts'
import { pageScheme } from './app-protocol.ts'
import { listenBeforeReady } from './before-ready.ts'
import { findCommand, runCommand } from './command-line.ts'
import { describeThrown, Desktop } from './desktop.ts'
import { createEngineProcesses, type EngineProcesses } from './engine-processes.ts'
import { createLogFile, type LogFile } from './log-file.ts'
import { filesIn, wordsOf } from './opened-files.ts'
import { describeSelfTest, runSelfTest } from './self-test.ts'

const { app } = electron
const home = findHome(process.env)
const version = readVersion()
const builtFolder = dirname(fileURLToPath(import.meta.url))
const words = wordsOf(process.argv, { isPackaged: app.isPackaged, appPath: app.getAppPath() })

const timing = createTiming(() => performance.now())
const processes = createEngineProcesses({
  fork: (entryPath, entryWords, options) => electron.utilityProcess.fork(entryPath, entryWords, options),
  env: process.env,
  isPackaged: app.isPackaged,
  timing,
  killProcess(pid) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  },
  ...((process.env['FLASHPROOF_DEBUG'] ?? '') === ''
    ? {}
    : {
        onOutput: text => {
          process.stderr.write(text)
        },
      }),
})

// Chromium's own files lie beside ours: two homes are two programs, each with its window.
const browserFolder = join(home, 'window')
// The home is made here at the first start: records and secrets are for this account alone.
mkdirSync(browserFolder, { recursive: true, mode: 0o700 })
app.setPath('userData', browserFolder)
app.enableSandbox()

const command = await findCommand(words)
// Nothing below is awaited here: the app becomes ready only after this file has run.
if (command !== null) void runWithoutWindow(() => runCommand(command, { processes, version }))
else if (words.includes('--self-test')) void runWithoutWindow(() => selfTest(processes))
else void openWindow()

async function runWithoutWindow(run: () => Promise<number>): Promise<void> {
  await app.whenReady()
  try {
    app.exit(await run())
  } catch (thrown) {
    process.stderr.write(`flashproof: ${describeThrown(thrown)}\n`)
    app.exit(1)
  }
}

async function openWindow(): Promise<void> {
  const files = filesIn(words, process.cwd())
  if (!app.requestSingleInstanceLock({ files })) {
    // The program that runs already shows its window and opens the files.
    app.exit(0)
    return
  }
  const log = createLogFile({ folder: homeFoldersOf(home).logs, now: () => new Date() })
  logFaults(log)
  log.write('info', `Flashproof ${version}, Electron ${process.versions.electron}, ${process.platform} ${process.arch}`)
  electron.protocol.registerSchemesAsPrivileged([pageScheme])
  app.setAppUserModelId('app.flashproof.workstation')
  const beforeReady = listenBeforeReady(app, {
    files,
    note(text) {
      log.write('warning', text)
    },
  })
  await app.whenReady()
  const isSimulating = words.includes('--simulate')
  // With virtual boards nothing leaves this computer, unless somebody wants both.
  if (isSimulating) process.env['FLASHPROOF_DISCOVERY'] ??= 'off'
  const desktop = new Desktop({
    electron,
    beforeReady,
    processes,
    home,
    version,
    log,
    builtFolder,
    iconFolder: app.isPackaged ? join(process.resourcesPath, 'icons') : join(builtFolder, '../resources/icon/png'),
    isSimulating,
    onInstallationGood: app.isPackaged ? installationCheck() : null,
  })
  await desktop.run()
}

/** What was not foreseen is logged; the boards are in another process and go on. */
function logFaults(log: LogFile): void {
  process.on('uncaughtException', error => {
    log.write('error', `uncaught: ${describeThrown(error)}`)
  })
  process.on('unhandledRejection', reason => {
    log.write('error', `unhandled: ${describeThrown(reason)}`)
  })
}

/** @returns null when this version was checked on this computer and found good; else what notes that it was */
function installationCheck(): (() => void) | null {
  const path = join(browserFolder, 'checked-version.txt')
  try {
    if (readFileSync(path, 'utf8').trim() === version) return null
  } catch {
    // It was never checked.
  }
  return () => {
    writeFileSync(path, `${version}\n`)
  }
}

/** @returns the exit code: 0 when everything works, else 1 */
async function selfTest({ spawnWorker }: EngineProcesses): Promise<number> {
  const engine = createEngine({ spawn: () => spawnWorker({ home, command: 'flashproof --self-test' }), timing })
  const lines = await runSelfTest({
    startEngine: () => engine.start(),
    client: engine.client,
    pageFolder: join(builtFolder, 'page'),
  })
  await engine.stop()
  process.stdout.write(`Flashproof ${version}\n${describeSelfTest(lines)}`)
  return lines.every(({ isOk }) => isOk) ? 0 : 1
}
