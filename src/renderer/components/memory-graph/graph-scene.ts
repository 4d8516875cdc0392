/** What lies on the graph besides its lines: marks of a job's course and the time in which it was sending. Pure. */
import type { Mark, MarkKind } from '../../stores/job-marks.ts'
import type { MemoryPicture } from '../../stores/telemetry.ts'
import type { TimeSpan } from './graph-data.ts'

/** Marks of the job and restarts that the readings show, in order; a restart that both tell of counts once. */
export function marksOf(picture: MemoryPicture): readonly Mark[] {
  const told = picture.course.marks
  const isTold = (timeMs: number): boolean =>
    told.some(mark => mark.kind === 'reboot' && Math.abs(mark.timeMs - timeMs) < SAME_RESTART_MS)
  const seen = picture.ring.restartsMs
    .filter(timeMs => !isTold(timeMs))
    .map(timeMs => ({ kind: 'reboot', timeMs }) as const)
  return [...told, ...seen].toSorted((left, right) => left.timeMs - right.timeMs)
}

/** A board is back within this time after it was told to restart. */
const SAME_RESTART_MS = 30_000

export interface PlacedMark {
  readonly kind: MarkKind
  readonly timeMs: number
  /** 0 at the left edge, 1 at the right one. */
  readonly position: number
  /** Whether there is room for its name beside the mark before. */
  readonly hasName: boolean
}

/** @param nameShare the share of the width that a name takes */
export function placeMarks(marks: readonly Mark[], span: TimeSpan, nameShare: number): readonly PlacedMark[] {
  const widthS = span.maximumS - span.minimumS
  let freeFrom = Number.NEGATIVE_INFINITY
  return marks.flatMap(mark => {
    const position = (mark.timeMs / 1000 - span.minimumS) / widthS
    if (position < 0 || position > 1) return []
    const hasName = position >= freeFrom && position + nameShare <= 1.02
    if (hasName) freeFrom = position + nameShare
    return [{ kind: mark.kind, timeMs: mark.timeMs, position, hasName }]
  })
}
