/** Contract -> core, one line each where it can be. */
import type { LogFilter } from '../shared/contract/commands.ts'
import type { Handlers } from '../shared/contract/index.ts'
import type { EventName, EventOf } from '../shared/contract/events.ts'
import { isoWithZone, systemClock } from '../core/clock.ts'
import type { JournalKind } from '../core/journal/journal.ts'
import { runHistoryTask, type HistoryResult, type HistoryTask } from '../core/journal/history-thread.ts'
import { historyThreadEntry } from './entries.ts'
import { createLocalHandlers } from './local-handlers.ts'
import { listLog } from './log-listing.ts'
import type { Station } from './station.ts'
import { appVersion } from './version.ts'

/** Rows of a trace or of telemetry in one answer, where the caller does not say. */
const PAGE_ROWS = 1000

const LINE_ENDS = { lf: '\n', crlf: '\r\n', cr: '\r', none: '' } as const

export interface WorkerWorld {
  readonly station: Station
  readonly emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
  /** Pauses everything, seals the journal and lets the process end; resolves when the answer may be sent. */
  readonly stop: () => Promise<void>
}

export function createHandlers({ station, emit, stop }: WorkerWorld): Handlers<'worker'> {
  const { devices, engine, firmware, home, monitors } = station

  /** History work sees what is committed, so what is queued is committed first. */
  const history = async <Task extends HistoryTask>(
    kind: JournalKind,
    task: Task,
    signal: AbortSignal,
  ): Promise<HistoryResult<Task>> => {
    await station.journal(kind).commit()
    return await runHistoryTask(home, kind, task, { entry: historyThreadEntry, signal })
  }

  return {
    ...createLocalHandlers({
      onConversionProgress: event => {
        emit('conversion.progressed', event)
      },
    }),
    'worker.hello': () => ({ version: appVersion, pid: process.pid, nodeVersion: process.version, home }),
    'worker.stop': async () => {
      await stop()
      return {}
    },
    'firmware.open': ({ path, accept, variant }, { signal }) =>
      firmware.open({ path, accept: accept ?? [], ...definedOnly({ variant }) }, signal),
    'device.list': async ({ waitMs }, { signal, caller }) => {
      // A page keeps its list by events; a command wants one answer.
      if (caller === 'page') devices.listen()
      const list = await devices.list(waitMs ?? 0, signal)
      return { devices: list, channels: devices.channels() }
    },
    'device.export': () => devices.exportCsv(),
    'device.import': ({ csv }) => devices.importCsv(csv),
    'discovery.scan': request => devices.scans.start(request),
    'discovery.cancel-scan': ({ scanId }) => {
      devices.scans.cancel(scanId)
      return {}
    },
    'device.probe': async ({ target }, { signal }) => {
      await devices.hear([target], signal)
      return await station.probe(station.resolve(target), signal)
    },
    'device.identify': async ({ target }, { signal }) => {
      await devices.hear([target], signal)
      return await devices.identify(target, signal)
    },
    'device.add': async ({ target }, { signal }) => {
      await devices.hear([target], signal)
      return await devices.add(target, signal)
    },
    'device.forget': ({ key }) => {
      devices.forget(key)
      return {}
    },
    'device.label': ({ key, label }) => {
      devices.label(key, label)
      return {}
    },
    'discovery.status': (_request, { caller }) => {
      if (caller === 'page') devices.listen()
      return { channels: devices.channels() }
    },
    'pc.check': async () => ({ items: await station.checkPc() }),
    'job.start': async (request, { signal }) => {
      await devices.hear(request.targets, signal)
      return await engine.start(request)
    },
    'firmware.list': () => ({ firmware: firmware.list() }),
    'firmware.recheck': ({ firmwareId }, { signal }) => firmware.recheck(firmwareId, signal),
    'job.list': async request => {
      const query = definedOnly(request)
      return { jobs: Object.keys(query).length === 0 ? await engine.listBench() : engine.list(query) }
    },
    'job.pause': ({ jobIds }) => {
      engine.pause(jobIds)
      return {}
    },
    'job.resume': request => engine.resume(request),
    'job.cancel': async ({ jobIds }) => {
      await engine.cancel(jobIds)
      return {}
    },
    'decision.answer': ({ jobId, code, answer, answeredBy }) => {
      engine.answer(jobId, code, answer, answeredBy)
      return {}
    },
    'monitor.start': async ({ target, ...settings }, { signal }) => {
      await devices.hear([target], signal)
      return { monitorId: monitors.start(station.resolve(target), definedOnly(settings)) }
    },
    'monitor.attach': async ({ monitorId, logFile, elfPath }) => {
      const file = logFile === undefined ? undefined : definedOnly(logFile)
      await monitors.attach(monitorId, definedOnly({ logFile: file, elfPath }))
      return {}
    },
    'monitor.send': async ({ monitorId, text, lineEnd = 'lf' }) => {
      await monitors.send(monitorId, text, LINE_ENDS[lineEnd])
      return {}
    },
    'monitor.restart': async ({ monitorId }) => {
      await monitors.restart(monitorId)
      return {}
    },
    'monitor.history': ({ target }) => ({ entries: monitors.history(station.resolve(target)) }),
    'monitor.stop': ({ monitorId }) => {
      monitors.stop(monitorId)
      return {}
    },
    'order.review': async (request, { signal }) => {
      await devices.hear(request.targets, signal)
      return { targets: await station.review(request, signal) }
    },
    'job.trace': async ({ jobId, limit = PAGE_ROWS, before }, { signal }) => {
      const task = { type: 'trace', jobId, limit, ...definedOnly({ before }) } as const
      return await history(engine.locate(jobId).journal.kind, task, signal)
    },
    'telemetry.history': ({ target, limit = PAGE_ROWS, before }) =>
      station.telemetry.read(target, { limit, ...definedOnly({ before }) }),
    'settings.get': () => station.preferences(),
    'settings.set': change => station.changePreferences(definedOnly(change)),
    'log.check': async ({ practice }, { signal }) =>
      await history(practice === true ? 'practice' : 'station', { type: 'verify' }, signal),
    'log.list': async (filter, { signal }) => {
      const sealed = await history(kindOf(filter), { type: 'list', filter }, signal)
      return { entries: listLog(sealed.entries, engine, filter), headHash: sealed.headHash }
    },
    'log.show': async ({ jobId }, { signal }) => {
      const { journal, snapshot, sequence, recordHash } = engine.locate(jobId)
      const record = await history(journal.kind, { type: 'record', jobId }, signal)
      return { entry: { sequence, recordHash, snapshot }, record, lines: journal.logLines(jobId) }
    },
    'log.export': async ({ format, outputPath, filter }, { signal }) => {
      const generatedAt = isoWithZone(systemClock.nowMs())
      const wanted = filter === undefined ? {} : { filter }
      const task = { type: 'export', format, outputPath, generatedAt, ...wanted } as const
      const { records, headHash } = await history(kindOf(filter), task, signal)
      return { outputPath, records, headHash }
    },
    'log.verify': async ({ exportPath, practice }, { signal }) =>
      exportPath === undefined
        ? await history(practice === true ? 'practice' : 'station', { type: 'verify' }, signal)
        : await history('station', { type: 'verify-export', path: exportPath }, signal),
  }
}

function kindOf(filter: LogFilter | undefined): JournalKind {
  return filter?.practice === true ? 'practice' : 'station'
}

/** Leaves out keys whose value is undefined: the domain tells "not given" by a missing key. */
function definedOnly<Shape extends object>(given: Shape): { [Key in keyof Shape]: Exclude<Shape[Key], undefined> } {
  // The entries that are left are exactly those whose value is not undefined.
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Shape]: Exclude<Shape[Key], undefined>
  }
}
