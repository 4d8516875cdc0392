/** Folders of parts, one an upload, as the seed's server keeps them: named files, and a time at which each folder changed. */
import type { FileStore } from '../board/file-store.ts'
import type { FlashStorage } from '../board/flash-storage.ts'

const RECORD = 'directories.json'
const ROOT = 'temp/'
/** Times on disk lag by at most this: beside a life of hours that is nothing, and each part would cost a second file. */
const GRAIN_MS = 1000

export class PartDirectories {
  readonly #flash: FlashStorage
  readonly #files: FileStore
  readonly #wallTimeMs: () => number
  /** When each folder last changed; empty folders have no files to be found by. */
  readonly #changedAtMs: Map<string, number>
  #savedAtMs = 0

  constructor(flash: FlashStorage, files: FileStore, wallTimeMs: () => number) {
    this.#flash = flash
    this.#files = files
    this.#wallTimeMs = wallTimeMs
    const bytes = flash.read(RECORD)
    // Written by #save alone, into a folder of ours.
    const entries = bytes === null ? [] : (JSON.parse(new TextDecoder().decode(bytes)) as [string, number][])
    this.#changedAtMs = new Map(entries)
  }

  has(identifier: string): boolean {
    return this.#changedAtMs.has(identifier)
  }

  /** How many of them hold a part. */
  countFilled(): number {
    return [...this.#changedAtMs.keys()].filter(identifier => this.countParts(identifier) > 0).length
  }

  countParts(identifier: string): number {
    return this.#files.paths(folderOf(identifier)).length
  }

  /** Makes the folder where it is missing, as asking for a part already does. */
  ensure(identifier: string): void {
    if (!this.has(identifier)) this.#touch(identifier)
  }

  hasPart(identifier: string, fileName: string, chunkNumber: number): boolean {
    return this.#files.sizeOf(partPath(identifier, fileName, chunkNumber)) !== null
  }

  /** @throws {DeviceError} ENAMETOOLONG */
  putPart(identifier: string, fileName: string, chunkNumber: number, bytes: Uint8Array): void {
    const path = partPath(identifier, fileName, chunkNumber)
    const isNew = this.#files.sizeOf(path) === null
    this.#files.write(path, bytes)
    // Writing into a file that is there does not change its folder.
    if (isNew) this.#touch(identifier)
  }

  takePart(identifier: string, fileName: string, chunkNumber: number): Uint8Array {
    const path = partPath(identifier, fileName, chunkNumber)
    const bytes = this.#files.read(path) ?? new Uint8Array()
    this.#files.remove(path)
    return bytes
  }

  remove(identifier: string): void {
    this.#files.removeAll(folderOf(identifier))
    if (this.#changedAtMs.delete(identifier)) this.#save()
  }

  /** Removes what did not change for longer than this; 0 removes all. */
  removeOlderThan(ageMs: number): void {
    const nowMs = this.#wallTimeMs()
    for (const [identifier, changedAtMs] of this.#changedAtMs) {
      if (ageMs === 0 || nowMs - changedAtMs > ageMs) this.remove(identifier)
    }
  }

  #touch(identifier: string): void {
    const nowMs = this.#wallTimeMs()
    const isNew = !this.#changedAtMs.has(identifier)
    this.#changedAtMs.set(identifier, nowMs)
    if (isNew || nowMs - this.#savedAtMs >= GRAIN_MS) this.#save()
  }

  #save(): void {
    this.#savedAtMs = this.#wallTimeMs()
    this.#flash.write(RECORD, new TextEncoder().encode(JSON.stringify([...this.#changedAtMs])))
  }
}

function folderOf(identifier: string): string {
  return `${ROOT}${identifier}/`
}

/** The number grows beyond three digits; a sort by name would then misorder the parts. */
function partPath(identifier: string, fileName: string, chunkNumber: number): string {
  return `${folderOf(identifier)}${fileName}.part${String(chunkNumber).padStart(3, '0')}`
}
