/** Where a device that comes to this computer must be pointed, as the log of its job says it. Pure. */
import type { JobLogLine } from '../../shared/contract/index.ts'

const CODES = new Set(['note.pull-address', 'pull.address'])
const MOST_ADDRESSES = 4

/** @returns the addresses of the newest such line, each once; none where the job said none */
export function doorAddresses(lines: readonly Pick<JobLogLine, 'code' | 'text'>[]): readonly string[] {
  const line = lines.findLast(({ code }) => CODES.has(code))
  const found = line?.text.match(/https?:\/\/[^\s,;“”"<>]+/g) ?? []
  return [...new Set(found)].slice(0, MOST_ADDRESSES)
}
