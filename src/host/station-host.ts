/** What every host of pages answers alike: who it is, the engine, practice, files for people, kept secrets. */
import { basename } from 'node:path'
import type { Handlers, HostInfo, SaveOutcome, SaveRequest } from '../shared/contract/index.ts'
import { FlashproofError } from '../shared/errors.ts'
import {
  createOrderWithSecrets,
  createResumeWithSecrets,
  createReviewWithSecrets,
  type CredentialStore,
} from './credentials.ts'
import { CrashPrograms } from './crash-programs.ts'
import type { Engine } from './engine.ts'
import { homeFoldersOf } from './home-folders.ts'
import type { PageHandlers } from './page-session.ts'
import { Practice, type PracticeOptions } from './practice.ts'
import { FileProducer, type ProducedFile } from './saving/file-producer.ts'

export interface StationHostOptions {
  readonly engine: Engine
  /** FLASHPROOF_HOME. */
  readonly home: string
  readonly about: Pick<HostInfo, 'kind' | 'version' | 'platform' | 'locale'>
  readonly startSimulator: PracticeOptions['startSimulator']
  readonly makeDemoFirmware: PracticeOptions['makeDemoFirmware']
  /**
   * Brings a file that was made to the person: a save dialog, an address to download it from. The host owns the file from
   * then on and calls `discard` when it is not needed any more; what is left goes when the host stops.
   */
  readonly deliver: (file: ProducedFile, request: SaveRequest) => Promise<SaveOutcome>
  /** Shows the system's dialog and gives the chosen path, or null. Without it the page brings files itself. */
  readonly chooseFirmware?: () => Promise<string | null>
  /** The same for the ELF file of what runs on a board. */
  readonly chooseElf?: () => Promise<string | null>
  /** Keeps secrets encrypted. Without it secrets are asked for each time. */
  readonly credentials?: CredentialStore
  readonly now?: () => Date
}

/** What a page may do, as its host decides. */
export interface PageRights {
  readonly control: () => HostInfo['control']
  readonly takeControl: () => void
}

export interface StationHost {
  readonly practice: Practice
  readonly crashPrograms: CrashPrograms
  /** For `openPageSession`. */
  handlersFor(page: PageRights): PageHandlers
  /** Ends the virtual boards and removes temporary files. Stop the engine first: its jobs may be using the boards. */
  close(): Promise<void>
}

export function createStationHost(options: StationHostOptions): StationHost {
  const { engine, home, startSimulator, makeDemoFirmware, credentials, now = () => new Date() } = options
  const folders = homeFoldersOf(home)
  const { firmware } = engine
  const practice = new Practice({ folder: folders.practice, firmware, startSimulator, makeDemoFirmware })
  const crashPrograms = new CrashPrograms(engine.client)
  const worker = watchNodeVersion(engine)
  const producer = new FileProducer({ engine, home, version: options.about.version, now })

  const shared = {
    'engine.restart': () => {
      // Too many crashes take longer than a call may: the states say how it went.
      engine.restart().catch(() => undefined)
      return {}
    },
    'firmware.choose': async (_request, { signal }) => {
      if (options.chooseFirmware === undefined) throw unsupported('a file dialog')
      const path = await options.chooseFirmware()
      return { firmware: path === null ? null : await firmware.open({ path, signal }) }
    },
    'firmware.open-variant': async ({ choiceId, variant }, { signal }) => ({
      firmware: await firmware.openVariant(choiceId, variant, signal),
    }),
    'firmware.reopen': async ({ firmwareId }, { signal }) => ({ firmware: await firmware.reopen(firmwareId, signal) }),
    'file.save': async (request, { signal }) => await options.deliver(await producer.produce(request, signal), request),
    'monitor.choose-elf': async ({ target }) => {
      if (options.chooseElf === undefined) throw unsupported('a file dialog')
      const path = await options.chooseElf()
      if (path !== null) await crashPrograms.choose(target, path)
      return { fileName: path === null ? null : basename(path) }
    },
    'practice.start': async () => ({ devices: await practice.start() }),
    'practice.stop': async () => {
      await practice.stop()
      return {}
    },
    'credential.list': async () => ({ credentials: credentials === undefined ? [] : [...(await credentials.list())] }),
    'credential.set': async ({ device, key, value }) => {
      if (credentials === undefined) throw unsupported('keeping secrets')
      await credentials.set(device, key, value)
      return {}
    },
  } satisfies Partial<Handlers<'main'>>

  return {
    practice,
    crashPrograms,
    handlersFor: page => ({
      ...shared,
      ...(credentials === undefined
        ? {}
        : {
            'job.start': createOrderWithSecrets(engine.client, credentials),
            'job.resume': createResumeWithSecrets(engine.client, credentials),
            'order.review': createReviewWithSecrets(engine.client, credentials),
          }),
      'host.info': () => ({
        ...options.about,
        home,
        nodeVersion: worker.nodeVersion,
        engine: engine.state(),
        control: page.control(),
        hasFileDialog: options.chooseFirmware !== undefined,
        hasSafeStorage: credentials !== undefined,
        isPractising: practice.isRunning,
      }),
      'control.take': () => {
        page.takeControl()
        return {}
      },
    }),
    async close() {
      worker.close()
      await practice.close()
      await producer.close()
    },
  }
}

/** Asks each worker which Node it runs on; until one has said so it is this process's own. */
function watchNodeVersion(engine: Engine): { readonly nodeVersion: string; close(): void } {
  let { version: nodeVersion } = process
  const ask = (): void => {
    engine.client.call('worker.hello', {}).then(
      hello => {
        nodeVersion = hello.nodeVersion
      },
      // That worker ended as well; the next one is asked again.
      () => undefined,
    )
  }
  const stop = engine.onState(({ state }) => {
    if (state === 'ready') ask()
  })
  if (engine.state().state === 'ready') ask()
  return {
    get nodeVersion() {
      return nodeVersion
    },
    close: stop,
  }
}

function unsupported(what: string): FlashproofError {
  return new FlashproofError('host.unsupported', `${what} is not possible in this host`, { what })
}
