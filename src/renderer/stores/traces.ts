/** Fetches what the engine kept of a job and of a device page by page, the newest page first. */
import type { JobLogLine, RequestOf, ResponseOf, TelemetrySample } from '../../shared/contract/index.ts'
import type { Client } from '../../shared/rpc/client.ts'

/** Older ones are left to the record: a job that logged more than this has been in trouble for hours. */
const MOST_LINES = 20_000
const MOST_SAMPLES = 40_000

export interface Trace {
  readonly lines: readonly JobLogLine[]
  readonly samples: readonly TelemetrySample[]
}

type Position = NonNullable<RequestOf<'job.trace'>['before']>

/** Before every line, and no sample at all. */
const LINES_ALONE: Position = { line: Number.MAX_SAFE_INTEGER, sample: 0 }

export interface TraceOptions {
  /** Leaves the samples out. */
  readonly linesAlone?: boolean
  readonly mostLines?: number
  /** Gets the newest page when older ones follow, so that it can be shown at once. */
  readonly onNewest?: (newest: Trace) => void
}

/** Everything a job logged and measured, the oldest first, up to the limits. @throws {FlashproofError} job.not-found, … */
export async function fetchTrace(
  client: Pick<Client, 'call'>,
  jobId: string,
  { linesAlone = false, mostLines = MOST_LINES, onNewest }: TraceOptions = {},
): Promise<Trace> {
  const pages: Trace[] = []
  let [lines, samples] = [0, 0]
  for (let before: Position | null | undefined = linesAlone ? LINES_ALONE : undefined; before !== null;) {
    const answer: ResponseOf<'job.trace'> = await client.call(
      'job.trace',
      before === undefined ? { jobId } : { jobId, before },
    )
    const { next, ...page } = answer
    pages.unshift(page)
    lines += page.lines.length
    samples += page.samples.length
    before = next === null ? null : withinLimits(next, lines < mostLines, samples < MOST_SAMPLES)
    if (before !== null && pages.length === 1) onNewest?.(page)
  }
  return { lines: pages.flatMap(page => page.lines), samples: pages.flatMap(page => page.samples) }
}

/** The next position without what there is enough of; null when nothing is left to ask for. */
function withinLimits(next: Position, wantsLines: boolean, wantsSamples: boolean): Position | null {
  const position = { line: wantsLines ? next.line : 0, sample: wantsSamples ? next.sample : 0 }
  return position.line === 0 && position.sample === 0 ? null : position
}

/** Every sample of a target that the engine still holds, the oldest first; `onNewest` as for a trace. */
export async function fetchHistory(
  client: Pick<Client, 'call'>,
  target: string,
  onNewest?: (samples: readonly TelemetrySample[]) => void,
): Promise<readonly TelemetrySample[]> {
  const pages: (readonly TelemetrySample[])[] = []
  for (let before: number | null | undefined; before !== null;) {
    const request = before === undefined ? { target } : { target, before }
    const { samples, next } = await client.call('telemetry.history', request)
    pages.unshift(samples)
    before = next
    if (before !== null && pages.length === 1) onNewest?.(samples)
  }
  return pages.flat()
}
