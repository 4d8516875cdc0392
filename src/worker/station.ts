/** Puts the core together for one home: journals, locks, images, jobs, devices. Tests build it in their own process. */
import { hostname, userInfo } from 'node:os'
import { FlashproofError } from '../shared/errors.ts'
import type { EventName, EventOf } from '../shared/contract/events.ts'
import type { JobSnapshot, PcCheckItem, Preferences, ProbeReport, TargetReview } from '../shared/contract/models.ts'
import { systemClock, type Clock } from '../core/clock.ts'
import { DeviceMemory } from '../core/discovery/remembering.ts'
import { listSimulated } from '../core/discovery/simulated.ts'
import type { DeviceSource } from '../core/discovery/device-source.ts'
import { createPortFinder, type PortFinder } from '../core/discovery/port-finder.ts'
import { createDeviceSources } from '../core/discovery/index.ts'
import { isListeningAllowed } from '../core/discovery/listening.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../core/discovery/target.ts'
import { endpointKey } from '../core/jobs/endpoint-key.ts'
import { FirmwareLibrary } from '../core/jobs/firmware-library.ts'
import type { FirmwareReader } from '../core/jobs/firmware-reader.ts'
import { createThreadReader } from '../core/jobs/firmware-thread-reader.ts'
import { JobEngine } from '../core/jobs/job-engine.ts'
import { reviewOrder, type ReviewRequest } from '../core/jobs/order-review.ts'
import { probeTarget } from '../core/jobs/protocol-detection.ts'
import { SleepWatch } from '../core/jobs/sleep-watch.ts'
import { checkPc } from '../core/pc-check/check-pc.ts'
import { readPcFacts } from '../core/pc-check/read-facts.ts'
import { keepFile, readKept } from '../core/journal/kept-files.ts'
import { openHints } from '../core/journal/hints.ts'
import { openImageStore } from '../core/journal/image-store.ts'
import { openJournal, type Journal } from '../core/journal/journal.ts'
import { openLocks } from '../core/journal/locks.ts'
import { currentOwner, isOwnerAlive } from '../core/journal/owner.ts'
import { defaultRetryPolicy, type RetryPolicy } from '../core/transfer/retry.ts'
import { announcementReaders, searchPorts } from '../core/transfer/announcement-readers.ts'
import { transferProtocols } from '../core/transfer/index.ts'
import type { TransferProtocol } from '../core/transfer/transfer-protocol.ts'
import { assertBoardFree, BoardLines, isBoardLocked } from './board-place.ts'
import { Devices, seenDevice } from './devices.ts'
import { decodeThreadEntry, firmwareThreadEntry } from './entries.ts'
import { takeFingerprint } from './fingerprint.ts'
import { keepHouse, type HousekeepingResult } from './housekeeping.ts'
import { changePreferences, readJobSettings, readPreferences, readSettings } from '../core/journal/settings.ts'
import { createThreadDecoder } from '../core/telemetry/backtrace/thread-decoder.ts'
import { TelemetryHistory } from '../core/telemetry/history.ts'
import { Monitors } from './monitors.ts'
import { appVersion, packageFile } from './version.ts'

export interface StationOptions {
  readonly home: string
  readonly emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
  readonly onSnapshot: (snapshot: JobSnapshot) => void
  readonly command?: string
  readonly clock?: Clock
  readonly retryPolicy?: RetryPolicy
  readonly random?: () => number
  /** Milliseconds since the system started, sleep included; the system's own unless a test decides it. */
  readonly uptimeMs?: () => number
  /** Whether an endpoint is a virtual device; running simulators say so unless a test does. */
  readonly isSimulated?: (endpoint: Endpoint) => boolean
  /** The protocols that jobs may use; all of them unless a test brings its own. */
  readonly protocols?: readonly TransferProtocol[]
  /** How ports are found again; the system's unless a test brings its own. */
  readonly ports?: PortFinder
  /** Where devices come from; THE LIST unless a test brings its own. */
  readonly deviceSources?: readonly DeviceSource[]
  /** How firmware is read; in a thread of its own unless a test reads it itself. */
  readonly readFirmware?: FirmwareReader
  /** Called right before every commit of both journals; what it throws fails the commit. For tests of crashes and full disks. */
  readonly beforeCommit?: () => void
}

export interface Station {
  readonly home: string
  readonly engine: JobEngine
  readonly firmware: FirmwareLibrary
  readonly monitors: Monitors
  /** The newest telemetry of every target that a job or a monitor asked. */
  readonly telemetry: TelemetryHistory
  /** Looks at every target of an order by reading only. @throws {FlashproofError} file.not-found, call.aborted */
  review(request: ReviewRequest, signal: AbortSignal): Promise<TargetReview[]>
  /** @throws {FlashproofError} settings.invalid */
  preferences(): Preferences
  /** Changes what is given, keeps the rest, and tells everybody. @throws {FlashproofError} settings.invalid, file.not-writable */
  changePreferences(change: Partial<Preferences>): Preferences
  journal(kind: Journal['kind']): Journal
  readonly devices: Devices
  /** Says what a target is, by reading only. */
  probe(endpoint: Endpoint, signal: AbortSignal): Promise<ProbeReport>
  /** Whether this computer is fit for the work. Sends nothing. */
  checkPc(): Promise<PcCheckItem[]>
  /** Turns a TARGET or a known name into an endpoint. @throws {FlashproofError} target.* */
  resolve(target: string): Endpoint
  /** Begins to notice when the computer slept or its clock was set. */
  watchSleep(): void
  /** Takes out what the settings do not keep any longer, when that is due. */
  keepHouse(): Promise<HousekeepingResult | null>
  /**
   * Stops every job at a chunk edge and closes the journals.
   * @param longestMs after this many milliseconds requests under way are cut off
   */
  close(longestMs?: number): Promise<void>
}

/** @throws {FlashproofError} journal.* when the home cannot be used, settings.invalid */
export function openStation(options: StationOptions): Station {
  const { home, emit } = options
  const clock = options.clock ?? systemClock
  const owner = currentOwner()
  // A file that cannot be understood is told at once, not at the first job.
  readSettings(home)
  const locks = openLocks({ home })
  const images = openImageStore({ home })
  const firmware = new FirmwareLibrary(options.readFirmware ?? createThreadReader(firmwareThreadEntry), clock)
  const journals = {
    station: openAndRecover('station', options, clock),
    practice: openAndRecover('practice', options, clock),
  }
  const isSimulated = options.isSimulated ?? simulatorLookup()
  const memory = new DeviceMemory(home, clock)
  const retryPolicy = options.retryPolicy ?? defaultRetryPolicy
  const protocols = options.protocols ?? transferProtocols
  // A board's web server is small: its questions follow each other, whoever asks them.
  const lines = new BoardLines()
  const probe = (
    endpoint: Endpoint,
    signal: AbortSignal,
    timeoutMs = retryPolicy.requestTimeoutMs,
  ): Promise<ProbeReport> =>
    lines.inLine(endpoint.text, () => {
      // A device that comes by itself is asked nothing.
      if (endpoint.kind !== 'pull') assertBoardFree(endpoint.text, locks)
      return probeTarget({ endpoint, protocols, signal, clock, timeoutMs })
    })
  const isBusy = (target: string): boolean => isBoardLocked(target, locks)
  const ports = options.ports ?? createPortFinder()
  const devices = new Devices({
    home,
    ports,
    clock,
    isSimulated,
    probe,
    protocolIds: protocols.map(({ descriptor }) => descriptor.id),
    searchPorts: searchPorts(protocols),
    isBusy,
    mayListen: () => options.deviceSources === undefined && isListeningAllowed(),
    emit,
    sources:
      options.deviceSources ??
      createDeviceSources({
        readers: announcementReaders(protocols),
        fingerprints: { ask: (target, signal) => takeFingerprint(target, signal, probe), isBusy },
      }),
  })
  const policyRetries = retryPolicy.tries - 1
  const telemetry = new TelemetryHistory()
  const loadImage = sharedLoader(sha256 => images.read(sha256))

  const sleep = new SleepWatch({
    clock,
    ...(options.uptimeMs === undefined ? {} : { uptimeMs: options.uptimeMs }),
    onSlept: sleptMs => {
      engine.wake(sleptMs)
    },
    onClockSet: byMs => {
      engine.noteClockSet(byMs)
    },
  })
  const engine: JobEngine = new JobEngine({
    images,
    firmware,
    journalFor: simulated => (simulated ? journals.practice : journals.station),
    isSimulated,
    lookUp: name => devices.resolve(name),
    macMeant: name => devices.macMeant(name),
    jobSettings: () => readJobSettings(home),
    onBatchEnded: (batchId, simulated) => {
      devices.refresh()
      emit('batch.ended', { batchId, headHash: (simulated ? journals.practice : journals.station).head().hash })
    },
    world: {
      clock,
      random: options.random ?? Math.random,
      retryPolicy,
      protocols,
      knownProtocols: endpoint => devices.protocolsOf(endpoint),
      lookUp: (name, simulated) => {
        const endpoint = devices.resolve(name)
        if (isSimulated(endpoint) === simulated) return endpoint
        throw new FlashproofError('target.unknown', `“${name}” is another kind of board now`, { target: name })
      },
      ports,
      locks,
      owner,
      command: options.command ?? 'flashproof',
      station: { station: hostname(), host: hostname(), osUser: osUser(), appVersion },
      loadImage,
      keepFile: (jobId, name, pieces) => keepFile(home, jobId, name, pieces),
      readKept: (jobId, name) => readKept(home, jobId, name),
      hints: openHints(home),
      checkSleep: () => {
        sleep.check()
      },
      onSnapshot: options.onSnapshot,
      onLog: (jobId, line) => {
        emit('job.logged', { jobId, line })
      },
      onTelemetry: (jobId, target, sample) => {
        telemetry.add(target, sample)
        emit('telemetry.sampled', { jobId, monitorId: null, target, sample })
      },
      onDecision: (jobId, decision) => {
        emit('decision.asked', { jobId, decision })
      },
      onDeviceSeen: snapshot => {
        if (snapshot.simulated) return
        const target = parseTarget(snapshot.target)
        if (target.kind !== 'serial') {
          memory.note(seenDevice(snapshot, clock))
          return
        }
        void ports.keysOf(target.path).then(keys => {
          memory.note(seenDevice(snapshot, clock, keys))
        })
      },
    },
  })

  const monitors = new Monitors({
    emit,
    clock,
    onSample: (target, sample) => {
      telemetry.add(target, sample)
    },
    isTransferring: target => engine.isTransferring(target),
    decodeCrash: createThreadDecoder(decodeThreadEntry),
  })

  return {
    home,
    engine,
    firmware,
    monitors,
    telemetry,
    review: (request, signal) =>
      reviewOrder(
        request,
        {
          firmware,
          protocols,
          locks,
          clock,
          lookUp: name => devices.resolve(name),
          knownProtocols: endpoint => devices.protocolsOf(endpoint),
          requestTimeoutMs: retryPolicy.requestTimeoutMs,
        },
        signal,
      ),
    preferences: () => readPreferences(home, policyRetries),
    changePreferences(change) {
      const settings = changePreferences(home, change, policyRetries)
      emit('settings.changed', { settings })
      return settings
    },
    journal: kind => journals[kind],
    devices,
    probe,
    resolve: target => devices.resolve(target),
    checkPc: async () =>
      checkPc(await readPcFacts({ home, clock, channels: devices.channels(), installedFile: packageFile })),
    watchSleep() {
      sleep.start()
    },
    // After the first answers: a technician does not wait for old images to go.
    async keepHouse() {
      return await keepHouse({
        home,
        journals: [journals.station, journals.practice],
        images,
        settings: readSettings(home),
        clock,
      })
    },
    async close(longestMs) {
      sleep.stop()
      const monitorsEnded = monitors.stopAll()
      // The jobs first: each byte that is sent after the word to stop is one too many.
      await Promise.all([engine.stop(longestMs), devices.close(), monitorsEnded])
      memory.close()
      await Promise.all(Object.values(journals).map(writeTheRest))
      journals.station.close()
      journals.practice.close()
      locks.close()
    },
  }
}

/** Jobs that ended on a full disk have their records written once there is room, at the very end too. */
async function writeTheRest(journal: Journal): Promise<void> {
  if (journal.state !== 'disk-full') return
  try {
    await journal.retryPending()
    await journal.commit()
  } catch {
    // Still full: closing says so, and those jobs are interrupted without a record.
  }
}

/** Every job of a batch sends the same bytes, so they are read once and in memory once, as long as a job holds them. */
function sharedLoader(read: (sha256: string) => Promise<Uint8Array>): (sha256: string) => Promise<Uint8Array> {
  const loading = new Map<string, Promise<Uint8Array>>()
  const loaded = new Map<string, WeakRef<Uint8Array>>()
  return async sha256 => {
    const kept = loaded.get(sha256)?.deref()
    if (kept !== undefined) return kept
    const reading =
      loading.get(sha256) ??
      read(sha256).finally(() => {
        loading.delete(sha256)
      })
    loading.set(sha256, reading)
    const bytes = await reading
    loaded.set(sha256, new WeakRef(bytes))
    return bytes
  }
}

/** Opens a journal and gives the jobs of dead owners their true state. */
function openAndRecover(kind: Journal['kind'], options: StationOptions, clock: Clock): Journal {
  const { home, emit, beforeCommit } = options
  const journal = openJournal({ home, kind, clock, ...(beforeCommit === undefined ? {} : { beforeCommit }) })
  journal.onState((state, text) => {
    emit('journal.changed', { state, text })
  })
  if (!journal.readOnly) journal.markInterrupted(isOwnerAlive)
  return journal
}

/** Answers for all targets of one order from one look at the running simulators. */
function simulatorLookup(): (endpoint: Endpoint) => boolean {
  let places: ReadonlySet<string> | null = null
  return endpoint => {
    if (places === null) {
      places = new Set(listSimulated().map(device => placeOf(device.target)))
      setImmediate(() => {
        places = null
      })
    }
    return places.has(endpoint.kind === 'http' ? endpoint.origin : endpointKey(endpoint))
  }
}

/** Whatever is asked of a virtual web server is asked of a virtual board. */
function placeOf(target: string): string {
  const endpoint = parseTarget(target)
  if (!isEndpoint(endpoint)) return target
  return endpoint.kind === 'http' ? endpoint.origin : endpointKey(endpoint)
}

function osUser(): string {
  try {
    return userInfo().username
  } catch {
    return 'unknown'
  }
}
