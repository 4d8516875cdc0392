/** A station for tests of the page and for its preview: the real client over a memory link, answered from plain data. */
import {
  commands,
  type Answerer,
  type CommandName,
  type DeviceEntry,
  type EventName,
  type EventOf,
  type FirmwareSummary,
  type Handlers,
  type HostInfo,
  type JobSnapshot,
  type Preferences,
  type ResponseOf,
} from '../../src/shared/contract/index.ts'
import { FlashproofError } from '../../src/shared/errors.ts'
import { createClient } from '../../src/shared/rpc/client.ts'
import { createMemoryLinkPair } from '../../src/shared/rpc/memory-link.ts'
import { serve } from '../../src/shared/rpc/server.ts'
import type { LinkState, Station } from '../../src/renderer/bridge/bridge.ts'
import { fakeCatalog, fakeHostInfo, fakePreferences } from './fake-models.ts'

type AllHandlers = Handlers<Answerer>

export interface FakeWorld {
  devices?: DeviceEntry[]
  jobs?: JobSnapshot[]
  firmware?: FirmwareSummary[]
  preferences?: Preferences
  host?: HostInfo
  catalog?: ResponseOf<'catalog.get'>
  /** What `openFile` answers; without it every file is refused. */
  openFile?: (file: File) => FirmwareSummary
}

export interface FakeStation {
  readonly station: Station
  /** Every call so far, the oldest first. */
  readonly calls: { readonly name: string; readonly request: unknown }[]
  emit<Name extends EventName>(name: Name, payload: EventOf<Name>): void
  setLinkState(state: LinkState): void
}

const answerers: Readonly<Record<string, { readonly answeredBy: Answerer }>> = commands

/** @param given handlers that a test wants to be its own; they are checked against the contract as the real ones are */
export function createFakeStation(world: FakeWorld = {}, given: Partial<AllHandlers> = {}): FakeStation {
  const calls: { name: string; request: unknown }[] = []
  const handlers = recordCalls({ ...refusals(), ...plainAnswers(world), ...given }, calls)
  const [pageEnd, hostEnd] = createMemoryLinkPair()
  const server = serve<Answerer>(hostEnd, {
    handlers,
    answers: ['worker', 'main'],
    caller: 'page',
    checksOutgoing: true,
  })
  const listeners = new Set<(state: LinkState) => void>()
  let linkState: LinkState = 'open'
  return {
    calls,
    station: {
      client: createClient(pageEnd, { caller: 'page' }),
      openFile(file) {
        if (world.openFile !== undefined) return Promise.resolve(world.openFile(file))
        return Promise.reject(new FlashproofError('host.file-refused', `${file.name} cannot be read`))
      },
      giveElf(_target, file) {
        return Promise.reject(new FlashproofError('host.file-refused', `${file.name} cannot be read`))
      },
      onLinkState(listener) {
        listeners.add(listener)
        listener(linkState)
        return () => {
          listeners.delete(listener)
        }
      },
    },
    emit(name, payload) {
      server.emit(name, payload)
    },
    setLinkState(state) {
      linkState = state
      for (const listener of listeners) listener(state)
    },
  }
}

/** What a quiet station answers. */
function plainAnswers(world: FakeWorld): Partial<AllHandlers> {
  let preferences = world.preferences ?? fakePreferences()
  return {
    'host.info': () => world.host ?? fakeHostInfo(),
    'settings.get': () => preferences,
    'settings.set': changes => {
      // Keys that were not given are missing, so spreading keeps the others.
      preferences = { ...preferences, ...(changes as Partial<Preferences>) }
      return preferences
    },
    'catalog.get': () => world.catalog ?? fakeCatalog,
    'device.list': () => ({ devices: world.devices ?? [] }),
    'discovery.status': () => ({ channels: [] }),
    'firmware.list': () => ({ firmware: world.firmware ?? [] }),
    'firmware.recheck': () => ({ state: 'same', changedAt: null }),
    'job.list': () => ({ jobs: world.jobs ?? [] }),
    'job.trace': () => ({ lines: [], samples: [], next: null }),
    'telemetry.history': () => ({ samples: [], next: null }),
    'monitor.history': () => ({ entries: [] }),
    'log.list': () => ({ entries: (world.jobs ?? []).map(logEntry), headHash: 'c0ffee'.repeat(10) + 'c0ff' }),
    'log.show': ({ jobId }) => {
      const entry = (world.jobs ?? []).map(logEntry).find(({ snapshot }) => snapshot.jobId === jobId)
      if (entry === undefined) throw new FlashproofError('internal.unexpected', `there is no job ${jobId}`)
      return { entry, record: null, lines: [] }
    },
    'job.pause': () => ({}),
    'job.cancel': () => ({}),
    'job.resume': ({ jobIds }) => ({ jobIds: jobIds ?? [] }),
    'device.label': () => ({}),
    'device.forget': () => ({}),
    'device.import': ({ csv }) => ({ devices: csv.trim().split('\n').length - 1 }),
    'discovery.scan': () => ({ scanId: 'scan-1', hosts: 254 }),
    'discovery.cancel-scan': () => ({}),
    'decision.answer': () => ({}),
    'control.take': () => ({}),
    'credential.list': () => ({ credentials: [] }),
    'pc.check': () => ({ items: [] }),
    'order.review': ({ targets }) => ({
      targets: targets.map(target => ({
        target,
        fits: true,
        heardAt: '2026-11-21T10:00:00.000+07:00',
        protocol: 'esp-parts',
        identity: null,
        appName: null,
        versionNow: null,
        versionNew: null,
        required: 'stored' as const,
        reach: null,
        findings: [],
      })),
    }),
  }
}

/** Jobs that ended have a record, in the order in which they are given. */
function logEntry(snapshot: JobSnapshot, index: number): ResponseOf<'log.list'>['entries'][number] {
  return snapshot.endedAt === null
    ? { sequence: null, recordHash: null, snapshot }
    : { sequence: index + 1, recordHash: 'beef'.repeat(16), snapshot, operator: 'Ana', order: '4711' }
}

/** A command that nobody prepared fails by its name. */
function refusals(): AllHandlers {
  const entries = Object.keys(answerers).map(name => [
    name,
    () => {
      throw new FlashproofError('internal.unexpected', `the test gave no handler for ${name}`)
    },
  ])
  // One entry for each key of the table that the type is derived from.
  return Object.fromEntries(entries) as AllHandlers
}

function recordCalls(handlers: AllHandlers, calls: { name: string; request: unknown }[]): AllHandlers {
  const recording = (Object.keys(handlers) as CommandName[]).map(name => [
    name,
    (request: never, context: never) => {
      calls.push({ name, request })
      // The handler's own types hold at the border that calls it.
      return (handlers[name] as (request: never, context: never) => unknown)(request, context)
    },
  ])
  return Object.fromEntries(recording) as AllHandlers
}
