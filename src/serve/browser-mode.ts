/** The workstation for browsers on this computer: one server on the loopback address, one engine, any number of pages. */
import { createServer, type Server } from 'node:http'
import { mkdir } from 'node:fs/promises'
import type { HostInfo, JobSnapshot } from '../shared/contract/index.ts'
import { FlashproofError, hasErrorCode } from '../shared/errors.ts'
import type { MessageLink } from '../shared/rpc/message-link.ts'
import type { SpawnedWorker } from '../shared/rpc/supervisor.ts'
import type { Timing } from '../shared/rpc/timing.ts'
import { createEngine, type Engine } from '../host/engine.ts'
import { homeFoldersOf } from '../host/home-folders.ts'
import { openPageSession } from '../host/page-session.ts'
import type { PracticeOptions } from '../host/practice.ts'
import { createStationHost, type StationHost } from '../host/station-host.ts'
import { Control, type ControlledPage } from './control.ts'
import { Downloads } from './downloads.ts'
import { createHttpFront } from './http-front.ts'
import { LiveJobs } from './live-jobs.ts'
import { createRequestGuard, LOOPBACK } from './request-guard.ts'
import { Sessions } from './sessions.ts'
import { createSocketFront } from './socket-front.ts'
import { loadStaticFiles } from './static-files.ts'
import { Uploads } from './uploads.ts'

export interface BrowserModeOptions {
  /** FLASHPROOF_HOME. */
  readonly home: string
  /** The built page. */
  readonly pageFolder: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly timing: Timing
  readonly about: Pick<HostInfo, 'version' | 'platform' | 'locale'>
  readonly openWorker: () => Promise<SpawnedWorker>
  readonly startSimulator: PracticeOptions['startSimulator']
  readonly makeDemoFirmware: PracticeOptions['makeDemoFirmware']
  /** The address for the next page: called at the start, and again whenever it was used up. */
  readonly onAddress: (url: string) => void
  /** Starts the virtual boards before the first address is told. */
  readonly isPractising?: boolean
  readonly now?: () => Date
  readonly mostUploadBytes?: number
}

export interface BrowserMode {
  readonly port: number
  readonly engine: Engine
  readonly station: StationHost
  /** The jobs that have not ended, as they were told last. */
  liveJobs(): readonly JobSnapshot[]
  /** Pauses the jobs at a chunk edge and ends everything. */
  stop(): Promise<void>
}

/**
 * @throws {FlashproofError} usage.invalid-value when the port is taken, file.not-found without a page, file.not-writable when
 * the home cannot be made, worker.gave-up
 */
export async function startBrowserMode(options: BrowserModeOptions): Promise<BrowserMode> {
  const { home, timing } = options
  const folders = homeFoldersOf(home)
  const files = loadStaticFiles(options.pageFolder)
  await makeHome(home)
  const uploads = new Uploads(folders.uploads, options.mostUploadBytes)
  await uploads.removeStale((options.now?.() ?? new Date()).getTime())
  const server = createServer()
  const port = await listen(server, options.port)

  const engine = createEngine({ spawn: options.openWorker, timing })
  const liveJobs = new LiveJobs(engine.client)
  const downloads = new Downloads(timing)
  const station = createStationHost({
    engine,
    home,
    about: { kind: 'browser', ...options.about },
    startSimulator: options.startSimulator,
    makeDemoFirmware: options.makeDemoFirmware,
    deliver: file => Promise.resolve(downloads.offer(file)),
    ...(options.now === undefined ? {} : { now: options.now }),
  })
  const sessions = new Sessions()
  const control = new Control(timing)
  const guard = createRequestGuard(port)
  const tellAddress = (): void => {
    options.onAddress(`http://${LOOPBACK}:${String(port)}/#${sessions.token}`)
  }
  const sockets = createSocketFront({
    guard,
    sessions,
    timing,
    onPage: (link, session) => {
      openPage(link, session, { engine, station, control, timing })
    },
    onTokenUsed: tellAddress,
  })
  const front = createHttpFront({
    port,
    guard,
    files,
    downloads,
    upload: async (request, { session, name, crashesOf }) => {
      if (!sessions.has(session)) throw new FlashproofError('contract.forbidden', 'this session is not known here')
      if (!control.isHeldBy(session)) {
        throw new FlashproofError('control.not-held', 'opening a file changes the bench, and this page only watches')
      }
      const upload = await uploads.receive(request, name)
      try {
        if (crashesOf === null) return { firmware: await engine.firmware.open({ path: upload.path }) }
        await station.crashPrograms.choose(crashesOf, upload.path)
        return {}
      } catch (thrown) {
        // A file for several chips waits until somebody says which one is meant.
        if (!hasErrorCode(thrown, 'format.variant-needed')) await upload.discard()
        throw thrown
      }
    },
  })
  server.on('request', (request, response) => void front(request, response))
  server.on('upgrade', sockets.upgrade)
  const closeServer = async (): Promise<void> => {
    control.close()
    await sockets.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  const stop = async (): Promise<void> => {
    // Pages go first: nothing new is started while the jobs are being paused.
    await closeServer()
    await engine.stop()
    liveJobs.close()
    downloads.close()
    await station.close()
    await uploads.close()
  }
  try {
    await engine.start()
    if (options.isPractising === true) await station.practice.start()
  } catch (thrown) {
    await stop()
    throw thrown
  }
  tellAddress()
  return { port, engine, station, liveJobs: () => liveJobs.list(), stop }
}

interface PageWorld {
  readonly engine: Engine
  readonly station: StationHost
  readonly control: Control
  readonly timing: Timing
}

function openPage(link: MessageLink, session: string, { engine, station, control, timing }: PageWorld): void {
  const page: ControlledPage = {
    session,
    onControlChanged: changed => {
      pageSession.tell('control.changed', { control: changed })
    },
  }
  const pageSession = openPageSession(link, {
    engine,
    handlers: station.handlersFor({
      control: () => control.of(page),
      takeControl: () => {
        control.take(page)
      },
    }),
    timing,
    mayChange: () => control.of(page) === 'control',
    onMonitor: (target, monitorId) => station.crashPrograms.started(target, monitorId),
  })
  control.join(page)
  link.onClose(() => {
    control.leave(page)
  })
}

async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new FlashproofError('file.not-writable', `the data folder ${home} cannot be made`, { path: home }, { cause })
  }
}

/** @throws {FlashproofError} usage.invalid-value when the port cannot be used */
function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', cause => {
      const problem = `port ${String(port)} of ${LOOPBACK} cannot be used: ${cause.message}`
      reject(new FlashproofError('usage.invalid-value', problem, { option: 'port', port }, { cause }))
    })
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
