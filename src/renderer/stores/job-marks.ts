/** What a job's log tells of its course: when it connected, erased, checked and restarted, and while it was sending. */
import type { JobLogLine } from '../../shared/contract/index.ts'

export type MarkKind = 'connect' | 'erase' | 'verify' | 'reboot'

export interface Mark {
  readonly kind: MarkKind
  readonly timeMs: number
}

/** `endMs` is null while the device still takes bytes. */
export interface TransferWindow {
  readonly startMs: number
  readonly endMs: number | null
}

export interface JobCourse {
  readonly marks: readonly Mark[]
  readonly windows: readonly TransferWindow[]
}

export const NO_COURSE: JobCourse = { marks: [], windows: [] }

/** A job that is tried again and again must not fill the graph. */
const MARKS_KEPT = 200

/** @param line a line that is not older than those before it */
export function withLine(course: JobCourse, line: Pick<JobLogLine, 'at' | 'code' | 'text'>): JobCourse {
  const timeMs = Date.parse(line.at)
  if (!Number.isFinite(timeMs)) return course
  const kind = markOf(line)
  const marks = kind === null ? course.marks : [...course.marks, { kind, timeMs }].slice(-MARKS_KEPT)
  const windows = line.code === 'job.state' ? windowsAfter(course.windows, line.text, timeMs) : course.windows
  return marks === course.marks && windows === course.windows ? course : { marks, windows }
}

export function courseOf(lines: readonly JobLogLine[]): JobCourse {
  return lines.reduce(withLine, NO_COURSE)
}

function markOf(line: Pick<JobLogLine, 'code' | 'text'>): MarkKind | null {
  if (line.code === 'job.state') {
    if (line.text === 'connecting') return 'connect'
    if (line.text === 'verifying') return 'verify'
    if (line.text === 'rebooting') return 'reboot'
    return null
  }
  return /(^|[.-])erase/.test(line.code) ? 'erase' : null
}

function windowsAfter(windows: readonly TransferWindow[], state: string, timeMs: number): readonly TransferWindow[] {
  const last = windows.at(-1)
  const isOpen = last?.endMs === null
  if (state === 'transferring')
    return isOpen ? windows : [...windows, { startMs: timeMs, endMs: null }].slice(-MARKS_KEPT)
  return isOpen ? [...windows.slice(0, -1), { startMs: last.startMs, endMs: timeMs }] : windows
}
