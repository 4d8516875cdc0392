/** Which part of the time a graph shows, and how panning and zooming change it. Pure. */
import type { TimeSpan } from './graph-data.ts'

/** Closer than this nothing more is to be seen: readings come once a second at most. */
const SHORTEST_S = 5

/** @param factor below 1 shows less time, above 1 more; @param anchor 0..1: the place of the span that stays where it is */
export function zoom(span: TimeSpan, whole: TimeSpan, factor: number, anchor: number): TimeSpan {
  const widthS = span.maximumS - span.minimumS
  const wholeS = whole.maximumS - whole.minimumS
  const newWidthS = Math.min(wholeS, Math.max(Math.min(SHORTEST_S, wholeS), widthS * factor))
  const anchorS = span.minimumS + widthS * anchor
  return within({ minimumS: anchorS - newWidthS * anchor, maximumS: anchorS + newWidthS * (1 - anchor) }, whole)
}

/** @param share of the width that is shown; positive: later */
export function pan(span: TimeSpan, whole: TimeSpan, share: number): TimeSpan {
  const shiftS = (span.maximumS - span.minimumS) * share
  return within({ minimumS: span.minimumS + shiftS, maximumS: span.maximumS + shiftS }, whole)
}

/** Moves a span back into the whole without changing its width, as far as it fits. */
export function within(span: TimeSpan, whole: TimeSpan): TimeSpan {
  const widthS = span.maximumS - span.minimumS
  if (widthS >= whole.maximumS - whole.minimumS) return whole
  if (span.minimumS < whole.minimumS) return { minimumS: whole.minimumS, maximumS: whole.minimumS + widthS }
  if (span.maximumS > whole.maximumS) return { minimumS: whole.maximumS - widthS, maximumS: whole.maximumS }
  return span
}

/** New readings came: who looked at the end goes on looking at the end, who looked elsewhere stays there. */
export function follow(span: TimeSpan | null, before: TimeSpan, now: TimeSpan): TimeSpan | null {
  if (span === null) return null
  const isAtEnd = span.maximumS >= before.maximumS - 0.001
  return isAtEnd ? pan(span, now, (now.maximumS - span.maximumS) / (span.maximumS - span.minimumS)) : within(span, now)
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400]

/** Round times for the axis. @param originS where counting begins: midnight for wall time, the first point for elapsed */
export function timeTicks(span: TimeSpan, originS: number, mostTicks: number): { ticksS: number[]; stepS: number } {
  const widthS = span.maximumS - span.minimumS
  const stepS = STEPS_S.find(step => widthS / step <= mostTicks) ?? 86_400 * Math.ceil(widthS / 86_400 / mostTicks)
  const ticksS: number[] = []
  for (let k = Math.ceil((span.minimumS - originS) / stepS); originS + k * stepS <= span.maximumS; k++) {
    ticksS.push(originS + k * stepS)
  }
  return { ticksS, stepS }
}

/** Round sizes from 0 on: powers of two, as memory is counted. */
export function sizeTicks(greatestBytes: number, mostTicks: number): number[] {
  let step = 256
  while (greatestBytes / step > mostTicks) step *= 2
  return Array.from({ length: Math.floor(greatestBytes / step) + 1 }, (_, index) => index * step)
}
