/** Records a Chromium trace of a page and reads from it how much the main thread worked for each frame. */
import type { CDPSession, Page } from 'playwright-core'

export interface FrameFigures {
  /** Time of the main thread inside each 1/60 s, in milliseconds, sorted: waiting for a core is in it. */
  readonly workMs: ArrayLike<number>
  /** The same in CPU time: what the page itself costs, however busy the machine is. */
  readonly cpuMs: ArrayLike<number>
  readonly drawnFrames: number
  readonly droppedFrames: number
  readonly longestTaskMs: number
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  /** Microseconds. */
  readonly ts: number
  readonly dur?: number
  /** CPU time of the thread, in microseconds. */
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

const FRAME_MS = 1000 / 60
const CATEGORIES = [
  'toplevel',
  'devtools.timeline',
  'disabled-by-default-devtools.timeline',
  'disabled-by-default-devtools.timeline.frame',
]

/** Traces the page while `action` runs. */
export async function traceFrames(page: Page, action: () => Promise<void>): Promise<FrameFigures> {
  const session = await page.context().newCDPSession(page)
  const events: TraceEvent[] = []
  session.on('Tracing.dataCollected', ({ value }) => {
    // The protocol leaves the shape of an event open; every field is checked where it is read.
    events.push(...(value as unknown as TraceEvent[]))
  })
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { recordMode: 'recordAsMuchAsPossible', includedCategories: CATEGORIES },
  })
  await action()
  await stop(session)
  return readFrames(events)
}

async function stop(session: CDPSession): Promise<void> {
  const complete = new Promise<void>(resolve => {
    session.once('Tracing.tracingComplete', () => {
      resolve()
    })
  })
  await session.send('Tracing.end')
  await complete
}

function readFrames(events: readonly TraceEvent[]): FrameFigures {
  const thread = busiestRendererMain(events)
  const tasks = events.filter(
    event => isOn(event, thread) && event.name === 'RunTask' && event.ph === 'X' && event.dur !== undefined,
  )
  const first = Math.min(...tasks.map(task => task.ts))
  const last = Math.max(...tasks.map(task => task.ts + (task.dur ?? 0)))
  const frameCount = Math.max(1, Math.ceil((last - first) / 1000 / FRAME_MS))
  const [frames, cpuFrames] = [new Float64Array(frameCount), new Float64Array(frameCount)]
  for (const task of tasks) {
    const startMs = (task.ts - first) / 1000
    spread(frames, startMs, (task.dur ?? 0) / 1000)
    spread(cpuFrames, startMs, (task.tdur ?? task.dur ?? 0) / 1000)
  }
  const count = (name: string): number =>
    events.filter(event => event.pid === thread.pid && event.name === name && event.ph !== 'M').length
  return {
    workMs: frames.toSorted(),
    cpuMs: cpuFrames.toSorted(),
    drawnFrames: count('DrawFrame'),
    droppedFrames: count('DroppedFrame'),
    longestTaskMs: Math.max(0, ...tasks.map(task => (task.dur ?? 0) / 1000)),
  }
}

/** Adds a task's time to the frames that it reaches into. */
function spread(frames: Float64Array, startMs: number, durationMs: number): void {
  let left = durationMs
  let at = startMs
  while (left > 0) {
    const index = Math.floor(at / FRAME_MS)
    const inside = Math.min(left, Math.max((index + 1) * FRAME_MS - at, 0.001))
    if (index < frames.length) frames[index] = (frames[index] ?? 0) + inside
    at += inside
    left -= inside
  }
}

interface Thread {
  readonly pid: number
  readonly tid: number
}

/** The browser has a renderer or two in reserve; the page's own is the one that works. */
function busiestRendererMain(events: readonly TraceEvent[]): Thread {
  const mains = events.filter(event => event.name === 'thread_name' && event.args?.name === 'CrRendererMain')
  const busyUs = (thread: Thread): number =>
    events.reduce((sum, event) => (isOn(event, thread) && event.name === 'RunTask' ? sum + (event.dur ?? 0) : sum), 0)
  const [busiest] = mains.toSorted((left, right) => busyUs(right) - busyUs(left))
  if (busiest === undefined) throw new Error('the trace names no main thread of a page')
  return busiest
}

function isOn(event: TraceEvent, thread: Thread): boolean {
  return event.pid === thread.pid && event.tid === thread.tid
}

/** The value below which a share of the sorted figures lies. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
