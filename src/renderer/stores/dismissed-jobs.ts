/** Remembers which ended jobs a person took off the bench, for as long as this window or tab lives, reloads included. */

const KEY = 'flashproof-dismissed-jobs'
/** The oldest are forgotten beyond this: a station that was started anew lists them no longer. */
const MOST_REMEMBERED = 4096

export interface DismissedJobs {
  has(jobId: string): boolean
  add(jobIds: readonly string[]): void
  /** It is at work again and must be seen. */
  remove(jobId: string): void
}

/** @param storage keeps the ids over a reload; without it, or when it refuses, they are kept until then */
export function createDismissedJobs(storage: Pick<Storage, 'getItem' | 'setItem'> | null): DismissedJobs {
  // Read when first asked: most windows never dismiss anything.
  let ids: Set<string> | null = null
  const known = (): Set<string> => (ids ??= read(storage))

  function save(): void {
    ids = new Set([...known()].slice(-MOST_REMEMBERED))
    try {
      storage?.setItem(KEY, JSON.stringify([...ids]))
    } catch {
      // Storage that is full or switched off costs only the memory over a reload.
    }
  }

  return {
    has: jobId => known().has(jobId),
    add(jobIds) {
      for (const jobId of jobIds) known().add(jobId)
      save()
    },
    remove(jobId) {
      if (known().delete(jobId)) save()
    },
  }
}

/** The window's own storage; null where the browser does not give it. */
export function windowStorage(): Storage | null {
  try {
    return globalThis.sessionStorage
  } catch {
    return null
  }
}

function read(storage: Pick<Storage, 'getItem'> | null): Set<string> {
  try {
    const kept: unknown = JSON.parse(storage?.getItem(KEY) ?? '[]')
    return new Set(Array.isArray(kept) ? kept.filter(id => typeof id === 'string') : [])
  } catch {
    return new Set()
  }
}
