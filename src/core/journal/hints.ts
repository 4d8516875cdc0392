/**
 * Small things that make the next job quicker, such as the rate that an adapter keeps: one file, whole or as it was before.
 * Nothing depends on it; a file that is gone or damaged is an empty one.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const FILE_NAME = 'hints.json'
/** The oldest go when there are more. */
const MOST_HINTS = 500
const LONGEST = 500

const Hints = z.array(z.tuple([z.string().max(LONGEST), z.string().max(LONGEST)])).max(MOST_HINTS)

export interface Hints {
  /** Null where nothing is remembered. */
  recall(key: string): string | null
  /** Never throws: on a full disk the hint is lost. */
  remember(key: string, value: string): void
}

export function openHints(home: string): Hints {
  const path = join(home, FILE_NAME)
  return {
    recall: key => read(path).get(key) ?? null,
    remember(key, value) {
      // Read again: another process of this home may have written meanwhile.
      const hints = read(path)
      if (hints.get(key) === value || key.length > LONGEST || value.length > LONGEST) return
      hints.delete(key)
      hints.set(key, value)
      const kept = [...hints].slice(-MOST_HINTS)
      const temporary = `${path}.${String(process.pid)}`
      try {
        writeFileSync(temporary, JSON.stringify(kept), { mode: 0o600 })
        renameSync(temporary, path)
      } catch {
        // It would only have made the next job a little quicker.
      }
    },
  }
}

function read(path: string): Map<string, string> {
  try {
    const parsed = Hints.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    return new Map(parsed.success ? parsed.data : [])
  } catch {
    return new Map()
  }
}
