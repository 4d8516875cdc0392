/** Chooses which jobs of a large batch a small terminal shows. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import { groupOf } from './job-words.ts'
import type { CountedGroup } from './texts.ts'

/** What must be seen first when not everything fits: decisions, then faults, then what moves. */
const importance: readonly CountedGroup[] = ['failed', 'unproven', 'running', 'stopped', 'below', 'proven', 'waiting']

/** Gives the indexes of the rows that fit into `room` lines, one of which is kept for the count of the others. */
export function chooseRows(
  rows: readonly JobSnapshot[],
  heights: readonly number[],
  room: number,
): ReadonlySet<number> {
  const needed = heights.reduce((sum, height) => sum + height, 0)
  if (needed <= room) return new Set(rows.keys())
  const rank = (index: number): number => {
    const job = rows[index]
    if (job === undefined) return importance.length
    return job.state === 'waiting' ? -1 : importance.indexOf(groupOf(job))
  }
  const byImportance = [...rows.keys()].sort((left, right) => rank(left) - rank(right) || left - right)
  const shown = new Set<number>()
  let left = room - 1
  for (const index of byImportance) {
    const height = heights[index] ?? 0
    if (height > left) break
    shown.add(index)
    left -= height
  }
  return shown
}
