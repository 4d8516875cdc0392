/**
 * Mirrors the memory figures of the devices that somebody looks at, with the course of the job that wrote to them.
 * Other devices cost no more than a point a second of their jobs' progress; the engine keeps their figures.
 */
import { defineStore } from 'pinia'
import { shallowRef, type ShallowRef } from 'vue'
import type { JobSnapshot, TelemetrySample } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'
import { createFrameBatch } from './frame-batch.ts'
import { courseOf, NO_COURSE, withLine, type JobCourse } from './job-marks.ts'
import { ProgressTrack, type ProgressPoint } from './progress-track.ts'
import { RecentlyUsed } from './recently-used.ts'
import { SampleRing } from './sample-ring.ts'
import { fetchHistory, fetchTrace } from './traces.ts'

/** Devices whose figures are kept at the same time: about 660 kB each at most. */
const DEVICES_KEPT = 8
const TRACKS_KEPT = 1024

/** What a graph draws: replaced as a whole when something came, while `ring` stays the same object. */
export interface MemoryPicture {
  readonly ring: SampleRing
  readonly course: JobCourse
  /** Bytes that the device took; empty where nobody saw it. */
  readonly written: readonly ProgressPoint[]
}

interface WatchedDevice {
  readonly picture: ShallowRef<MemoryPicture>
  next: MemoryPicture
  jobId: string | null
  /** Readings that came while the older ones were being fetched; null when none are. */
  arriving: TelemetrySample[] | null
  isDirty: boolean
}

export const useTelemetry = defineStore('telemetry', () => {
  const { client } = useStation()
  const watched = new RecentlyUsed<WatchedDevice>(DEVICES_KEPT)
  /** Counts devices that were opened: whoever asked for one before it was there asks again. */
  const opened = shallowRef(0)
  const tracks = new RecentlyUsed<{ readonly track: ProgressTrack; state: string }>(TRACKS_KEPT)
  /** Running monitors by target. */
  const monitors = shallowRef<ReadonlyMap<string, string>>(new Map())
  /** Targets whose monitor goes on when nobody looks at them. */
  const kept = shallowRef<ReadonlySet<string>>(new Set())
  /** Of serial lines, as they were listened to last. */
  const baudRates = new Map<string, number>()
  const batch = createFrameBatch(flush)

  function flush(): void {
    for (const [, device] of watched.entries()) {
      if (!device.isDirty) continue
      device.isDirty = false
      device.picture.value = { ...device.next }
    }
  }

  function change(device: WatchedDevice, changes: Partial<MemoryPicture>): void {
    device.next = { ...device.next, ...changes }
    device.isDirty = true
    batch.request()
  }

  /**
   * Fetches what is known of a device when it is not there yet, and follows it from then on.
   * @param jobId the job whose course is drawn
   */
  async function open(target: string, jobId: string | null): Promise<void> {
    const isKnown = watched.get(target)?.jobId === jobId
    const device = watched.use(target, () => emptyDevice(jobId))
    if (isKnown) return
    opened.value++
    device.jobId = jobId
    await fill(target, device)
  }

  async function fill(target: string, device: WatchedDevice): Promise<void> {
    const { jobId } = device
    device.arriving ??= []
    const showNewest = (samples: readonly TelemetrySample[]): void => {
      if (device.jobId === jobId && device.next.ring.length === 0) change(device, { ring: ringOf(samples) })
    }
    const [held, traced] = await Promise.allSettled([
      fetchHistory(client, target, showNewest),
      jobId === null ? null : fetchTrace(client, jobId),
    ])
    // Another job was chosen meanwhile: its own answer comes.
    if (device.jobId !== jobId) return
    const trace = traced.status === 'fulfilled' ? traced.value : null
    const ring = ringOf([
      ...(trace?.samples ?? []),
      ...(held.status === 'fulfilled' ? held.value : []),
      ...takeArrived(device),
    ])
    const course = trace === null ? NO_COURSE : courseOf(trace.lines)
    change(device, { ring, course, written: jobId === null ? [] : (tracks.get(jobId)?.track.points ?? []) })
  }

  /** The picture of a device that was opened; tracked. */
  function of(target: string): MemoryPicture | null {
    return opened.value === 0 ? null : (watched.get(target)?.picture.value ?? null)
  }

  function follow(job: JobSnapshot): void {
    if (job.doneBytes === 0 && tracks.get(job.jobId) === undefined) return
    const entry = tracks.use(job.jobId, () => ({ track: new ProgressTrack(), state: '' }))
    entry.track.add({ timeMs: Date.now(), doneBytes: job.doneBytes }, entry.state !== job.state)
    entry.state = job.state
    const device = watched.get(job.target)
    if (device?.jobId === job.jobId) change(device, { written: entry.track.points })
  }

  /** Asks the device for its figures once a second, or listens to its serial line, until `stopMonitor`. */
  async function startMonitor(target: string, { baudRate }: { readonly baudRate?: number } = {}): Promise<void> {
    if (baudRate !== undefined) baudRates.set(target, baudRate)
    if (monitors.value.has(target)) return
    const rate = baudRates.get(target)
    const line = rate === undefined ? {} : { baudRate: rate }
    const { monitorId } = await client.call('monitor.start', { target, intervalMs: 1000, ...line })
    monitors.value = new Map(monitors.value).set(target, monitorId)
  }

  async function stopMonitor(target: string): Promise<void> {
    const monitorId = monitors.value.get(target)
    if (monitorId === undefined) return
    const rest = new Map(monitors.value)
    rest.delete(target)
    monitors.value = rest
    await client.call('monitor.stop', { monitorId })
  }

  function setKept(target: string, isKept: boolean): void {
    const others = [...kept.value].filter(other => other !== target)
    kept.value = new Set(isKept ? [...others, target] : others)
  }

  /** Nobody looks at this device any more: its monitor ends unless it is kept. */
  async function leave(target: string): Promise<void> {
    if (!kept.value.has(target)) await stopMonitor(target)
  }

  async function restartMonitor(target: string): Promise<void> {
    // A restarted engine does not know the monitor any more; one that lived on must not ask the device twice.
    await stopMonitor(target).catch(() => undefined)
    await startMonitor(target)
  }

  /** Fetches every picture anew: the engine was restarted or the link was lost. */
  async function load(): Promise<void> {
    await Promise.allSettled([
      ...watched.entries().map(([target, device]) => fill(target, device)),
      ...[...monitors.value.keys()].map(restartMonitor),
    ])
  }

  function start(): () => void {
    const stops = [
      client.subscribe('telemetry.sampled', ({ target, sample }) => {
        const device = watched.get(target)
        if (device === undefined) return
        if (device.arriving !== null) device.arriving.push(sample)
        else {
          device.next.ring.add(sample)
          change(device, {})
        }
      }),
      client.subscribe('job.logged', ({ jobId, line }) => {
        for (const [, device] of watched.entries()) {
          if (device.jobId !== jobId) continue
          const course = withLine(device.next.course, line)
          if (course !== device.next.course) change(device, { course })
        }
      }),
      client.subscribe('jobs.changed', ({ jobs }) => {
        for (const job of jobs) follow(job)
      }),
    ]
    return () => {
      batch.cancel()
      for (const stop of stops) stop()
    }
  }

  return { open, of, monitors, kept, setKept, startMonitor, stopMonitor, leave, load, start }
})

function emptyDevice(jobId: string | null): WatchedDevice {
  const picture: MemoryPicture = { ring: new SampleRing(), course: NO_COURSE, written: [] }
  return { picture: shallowRef(picture), next: picture, jobId, arriving: [], isDirty: false }
}

/** The readings that came meanwhile; those that come from now on are drawn at once. */
function takeArrived(device: WatchedDevice): readonly TelemetrySample[] {
  const arrived = device.arriving ?? []
  device.arriving = null
  return arrived
}

/** Puts readings of several sources in order; one that comes twice counts once. */
export function ringOf(samples: readonly TelemetrySample[]): SampleRing {
  const ring = new SampleRing()
  const timed = samples.map(sample => ({ sample, timeMs: Date.parse(sample.at) }))
  timed.sort((left, right) => left.timeMs - right.timeMs)
  for (const { sample } of timed) ring.add(sample)
  return ring
}
