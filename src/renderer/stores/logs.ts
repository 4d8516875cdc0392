/**
 * Mirrors the logs that somebody looks at: those of jobs, filled from the engine when they are first shown, and what
 * watched devices say. Other jobs cost nothing here; the engine keeps their lines.
 */
import { defineStore } from 'pinia'
import { shallowRef, type ShallowRef } from 'vue'
import type { JobLogLine, MonitorLine } from '../../shared/contract/index.ts'
import { asFlashproofError, type FlashproofError } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'
import { createFrameBatch } from './frame-batch.ts'
import { LineRing, type NumberedLine } from './line-ring.ts'
import { RecentlyUsed } from './recently-used.ts'
import { fetchTrace, type Trace } from './traces.ts'

export const LINES_PER_LOG = 10_000
/** Logs that are kept at the same time: 12 × 10,000 lines are about 30 MB at most. */
const LOGS_KEPT = 12

interface ShownLog {
  readonly ring: LineRing
  readonly lines: ShallowRef<readonly NumberedLine[]>
  readonly fault: ShallowRef<FlashproofError | null>
  /** Lines that came while the older ones were being fetched; null when none are. */
  arriving: JobLogLine[] | null
  isDirty: boolean
}

const jobKey = (jobId: string): string => `job:${jobId}`
const deviceKey = (target: string): string => `device:${target}`

export const useLogs = defineStore('logs', () => {
  const { client } = useStation()
  const shown = new RecentlyUsed<ShownLog>(LOGS_KEPT)
  /** Counts logs that came to be: whoever asked for one before it was there asks again. */
  const opened = shallowRef(0)
  const batch = createFrameBatch(flush)

  function flush(): void {
    for (const [, log] of shown.entries()) {
      if (!log.isDirty) continue
      log.isDirty = false
      log.lines.value = log.ring.newest()
    }
  }

  function add(log: ShownLog, line: Omit<NumberedLine, 'number'>): void {
    log.ring.add(line)
    log.isDirty = true
    batch.request()
  }

  function use(key: string): ShownLog {
    if (shown.get(key) === undefined) opened.value++
    return shown.use(key, emptyLog)
  }

  /** The log with this key when there is one; tracked. */
  function find(key: string): ShownLog | undefined {
    return opened.value === 0 ? undefined : shown.get(key)
  }

  /** Fetches the job's lines when they are not there yet, and keeps them up to date from then on. */
  async function open(jobId: string): Promise<void> {
    const isKnown = shown.get(jobKey(jobId)) !== undefined
    const log = use(jobKey(jobId))
    if (!isKnown) await fill(jobId, log)
  }

  async function fill(jobId: string, log: ShownLog): Promise<void> {
    if (log.arriving !== null) return
    log.arriving = []
    log.fault.value = null
    try {
      const show = (lines: readonly JobLogLine[]): void => {
        log.ring.clear()
        for (const line of withoutRepeats(lines, log.arriving ?? [])) add(log, line)
      }
      const onNewest = ({ lines }: Trace): void => {
        if (log.lines.value.length === 0) show(lines)
      }
      const trace = await fetchTrace(client, jobId, { linesAlone: true, mostLines: LINES_PER_LOG, onNewest })
      show(trace.lines)
    } catch (thrown) {
      log.fault.value = asFlashproofError(thrown)
      for (const line of log.arriving) add(log, line)
    } finally {
      log.arriving = null
      log.isDirty = true
      batch.request()
    }
  }

  /** Lines of a job that was opened; tracked. */
  function ofJob(jobId: string): readonly NumberedLine[] {
    return find(jobKey(jobId))?.lines.value ?? NO_LINES
  }

  /** Why the older lines of a job are missing; tracked. */
  function faultOf(jobId: string): FlashproofError | null {
    return find(jobKey(jobId))?.fault.value ?? null
  }

  /** What a watched device said; tracked. */
  function ofDevice(target: string): readonly NumberedLine[] {
    return find(deviceKey(target))?.lines.value ?? NO_LINES
  }

  /** Fetches every open log anew: the engine was restarted or the link was lost. */
  async function load(): Promise<void> {
    const prefix = jobKey('')
    const jobLogs = shown.entries().filter(([key]) => key.startsWith(prefix))
    await Promise.all(jobLogs.map(([key, log]) => fill(key.slice(prefix.length), log)))
  }

  function start(): () => void {
    const stops = [
      client.subscribe('job.logged', ({ jobId, line }) => {
        const log = shown.get(jobKey(jobId))
        if (log === undefined) return
        if (log.arriving === null) add(log, line)
        else log.arriving.push(line)
      }),
      client.subscribe('monitor.logged', ({ target, at, text }) => {
        add(use(deviceKey(target)), { at, level: 'info', code: 'device', text })
      }),
      client.subscribe('monitor.heard', ({ target, entries }) => {
        const log = use(deviceKey(target))
        for (const entry of entries) if (entry.type === 'line') add(log, asLogLine(entry.line))
      }),
    ]
    return () => {
      batch.cancel()
      for (const stop of stops) stop()
    }
  }

  return { open, ofJob, faultOf, ofDevice, load, start }
})

function asLogLine({ at, level, from, text }: MonitorLine): Omit<NumberedLine, 'number'> {
  return {
    at,
    level: level === 'verbose' ? 'debug' : (level ?? 'info'),
    code: from === 'sent' ? 'sent' : 'device',
    text,
  }
}

const NO_LINES: readonly NumberedLine[] = []

function emptyLog(): ShownLog {
  return {
    ring: new LineRing(LINES_PER_LOG),
    lines: shallowRef(NO_LINES),
    fault: shallowRef(null),
    arriving: null,
    isDirty: false,
  }
}

/** Fetched lines, then those that arrived meanwhile and are not among them. */
export function withoutRepeats(fetched: readonly JobLogLine[], arrived: readonly JobLogLine[]): JobLogLine[] {
  const identity = (line: JobLogLine): string => `${String(line.elapsedMs)} ${line.at} ${line.code} ${line.text}`
  const known = new Set(fetched.slice(-2000).map(identity))
  return [...fetched, ...arrived.filter(line => !known.has(identity(line)))]
}
