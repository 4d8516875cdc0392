/** Where a process entry lies: among the sources when they are run directly, beside the bundle when it was built. */

export interface EntryPlaces {
  /** Relative to the source file that asks, such as `../worker/index.ts`. */
  readonly source: string
  /** Relative to the built bundle, such as `./worker.js`. */
  readonly built: string
}

/** @param importMetaUrl the asking module's own `import.meta.url` */
export function entryUrl(importMetaUrl: string, places: EntryPlaces): URL {
  const isSource = new URL(importMetaUrl).pathname.endsWith('.ts')
  return new URL(isSource ? places.source : places.built, importMetaUrl)
}
