/** Gathers changes and shows them at most once per frame of the screen. */

export interface FrameBatch {
  /** Asks for a flush before the next frame; further requests until then change nothing. */
  readonly request: () => void
  readonly cancel: () => void
}

/** @param schedule waits for the next frame and gives back a way to stop waiting; tests pass their own */
export function createFrameBatch(flush: () => void, schedule: (run: () => void) => () => void = nextFrame): FrameBatch {
  let stop: (() => void) | null = null
  return {
    request() {
      stop ??= schedule(() => {
        stop = null
        flush()
      })
    },
    cancel() {
      stop?.()
      stop = null
    },
  }
}

function nextFrame(run: () => void): () => void {
  const id = requestAnimationFrame(run)
  return () => {
    cancelAnimationFrame(id)
  }
}
