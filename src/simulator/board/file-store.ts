/** The files of a virtual file server in its flash: paths with any characters, and which of them an upload wrote last. */
import { noSpaceLeft } from './device-error.ts'
import { SECTOR_BYTES } from './flash-time.ts'
import type { FlashStorage } from './flash-storage.ts'

const FILES = 'fs/'
const RECORD = 'latest.json'
/** No file is larger than all the room there is. */
export const FILE_SYSTEM_BYTES = 1024 * 1024 * 1024

export class FileStore {
  readonly #flash: FlashStorage

  constructor(flash: FlashStorage) {
    this.#flash = flash
  }

  /** Null when there is no such file. */
  sizeOf(path: string): number | null {
    return this.#flash.sizeOf(FILES + path)
  }

  /** Paths that begin with `prefix`, in no order. */
  paths(prefix = ''): string[] {
    const found: string[] = []
    for (const name of this.#flash.names()) {
      if (name.startsWith(FILES + prefix)) found.push(name.slice(FILES.length))
    }
    return found
  }

  read(path: string): Uint8Array | null {
    return this.#flash.read(FILES + path)
  }

  /** @throws {DeviceError} ENAMETOOLONG */
  write(path: string, bytes: Uint8Array): void {
    this.#flash.write(FILES + path, bytes)
  }

  /** @throws {DeviceError} ENAMETOOLONG, ENOSPC */
  writeAt(path: string, offset: number, bytes: Uint8Array): void {
    if (!(offset + bytes.length <= FILE_SYSTEM_BYTES)) throw noSpaceLeft()
    this.#flash.writeAt(FILES + path, offset, bytes)
  }

  remove(path: string): void {
    this.#flash.remove(FILES + path)
  }

  removeAll(prefix: string): void {
    for (const path of this.paths(prefix)) this.remove(path)
  }

  /** Remembers, over restarts, that an upload made this file. */
  setLatest(path: string): void {
    if (this.latestPath() !== path) this.#flash.write(RECORD, new TextEncoder().encode(JSON.stringify({ path })))
  }

  /** What the newest finished upload holds now; null when there is none. */
  latest(): Uint8Array | null {
    const path = this.latestPath()
    return path === null ? null : this.read(path)
  }

  latestPath(): string | null {
    const bytes = this.#flash.read(RECORD)
    if (bytes === null) return null
    // Written by setLatest alone, into a folder of ours.
    return (JSON.parse(new TextDecoder().decode(bytes)) as { readonly path: string }).path
  }

  /** Whole blocks, as LittleFS gives them. */
  usedBytes(): number {
    let usedBytes = 0
    for (const path of this.paths()) usedBytes += Math.ceil((this.sizeOf(path) ?? 0) / SECTOR_BYTES) * SECTOR_BYTES
    return usedBytes
  }
}
