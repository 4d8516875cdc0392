/** How many bytes of the image a device took, over time: about one point a second, thinned out when it gets long. */

export interface ProgressPoint {
  readonly timeMs: number
  readonly doneBytes: number
}

const POINTS_KEPT = 2048

export class ProgressTrack {
  #points: ProgressPoint[] = []
  #closestMs = 1000

  get points(): readonly ProgressPoint[] {
    return this.#points
  }

  /** @param isMarked a change of the job's state: always kept, however close */
  add(point: ProgressPoint, isMarked: boolean): void {
    const last = this.#points.at(-1)
    if (last !== undefined && (point.timeMs < last.timeMs || (point.doneBytes === last.doneBytes && !isMarked))) return
    if (last !== undefined && !isMarked && point.timeMs - last.timeMs < this.#closestMs) return
    this.#points.push(point)
    if (this.#points.length <= POINTS_KEPT) return
    this.#points = this.#points.filter((_, index) => index % 2 === 0 || index === this.#points.length - 1)
    this.#closestMs *= 2
  }
}
