/** Hands out a large batch in parts, one a frame of the screen, so that no single frame has to draw all of it. */

/** How many are few enough to be drawn at once. */
const FEW = 16
/** With 256 boards on two cores, four parts cost 9.5 ms of a frame (p95, CPU), eight 6.5 to 7.9 ms; more would take longer than batches are apart. */
const MOST_PARTS = 8

/**
 * Calls `take` for every part in turn. Neighbours come in different parts: rows that are seen together share the load.
 * @param nextFrame resolves at the next frame; tests pass their own
 * @returns resolves when the last part was taken
 */
export async function spreadOverFrames<Item>(
  items: readonly Item[],
  take: (part: readonly Item[]) => void,
  nextFrame: () => Promise<void> = whenNextFrame,
): Promise<void> {
  const parts = Math.min(MOST_PARTS, Math.ceil(items.length / FEW))
  for (let part = 0; part < parts; part++) {
    if (part > 0) await nextFrame()
    take(items.filter((_, index) => index % parts === part))
  }
}

/** A page that is not seen has no frames: there the next part comes at once. */
function whenNextFrame(): Promise<void> {
  if (document.hidden) return Promise.resolve()
  return new Promise(resolve => {
    const late = setTimeout(resolve, LATEST_MS)
    requestAnimationFrame(() => {
      clearTimeout(late)
      resolve()
    })
  })
}

/** A page may be hidden while it waits for a frame. */
const LATEST_MS = 100
