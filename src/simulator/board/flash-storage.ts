/**
 * The flash of a virtual board as named files: on disk, where it survives the device's process, or in memory. Knows
 * sizes without asking the disk, because a device checks them for every chunk.
 */
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { nameTooLong } from './device-error.ts'

export interface FlashStorage {
  /** Null when there is no such file. */
  sizeOf(name: string): number | null
  names(): Iterable<string>
  read(name: string): Uint8Array | null
  /** Creates the file or replaces its content. */
  write(name: string, bytes: Uint8Array): void
  /** Writes into the file at an offset, creating it; the file stays open until `settle`, `write` or `remove`. */
  writeAt(name: string, offset: number, bytes: Uint8Array): void
  /** Ends a run of `writeAt`. */
  settle(name: string): void
  remove(name: string): void
  close(): void
}

/** Opens the flash kept in `folder`, or an empty one in memory for null. */
export function openFlashStorage(folder: string | null): FlashStorage {
  return folder === null ? new MemoryFlash() : new DiskFlash(folder)
}

class MemoryFlash implements FlashStorage {
  readonly #files = new Map<string, { bytes: Uint8Array; sizeBytes: number }>()

  sizeOf(name: string): number | null {
    return this.#files.get(name)?.sizeBytes ?? null
  }

  names(): Iterable<string> {
    return [...this.#files.keys()]
  }

  read(name: string): Uint8Array | null {
    const file = this.#files.get(name)
    return file === undefined ? null : file.bytes.slice(0, file.sizeBytes)
  }

  write(name: string, bytes: Uint8Array): void {
    assertStorableName(name)
    this.#files.set(name, { bytes: Uint8Array.from(bytes), sizeBytes: bytes.length })
  }

  writeAt(name: string, offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length
    const file = this.#files.get(name) ?? { bytes: new Uint8Array(end), sizeBytes: 0 }
    this.#files.set(name, file)
    if (file.bytes.length < end) {
      const larger = new Uint8Array(Math.max(end, file.bytes.length * 2))
      larger.set(file.bytes)
      file.bytes = larger
    }
    file.bytes.set(bytes, offset)
    file.sizeBytes = Math.max(file.sizeBytes, end)
  }

  settle(): void {
    return
  }

  remove(name: string): void {
    this.#files.delete(name)
  }

  close(): void {
    return
  }
}

class DiskFlash implements FlashStorage {
  readonly #folder: string
  readonly #sizes = new Map<string, number>()
  readonly #open = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
    for (const place of ['', 'fs']) {
      mkdirSync(join(folder, place), { recursive: true, mode: 0o700 })
      for (const entry of readdirSync(join(folder, place), { withFileTypes: true })) {
        if (!entry.isFile() || entry.name.endsWith(TEMPORARY_SUFFIX)) continue
        const name = place === '' ? entry.name : `${place}/${decodeURIComponent(entry.name)}`
        this.#sizes.set(name, statSync(join(folder, place, entry.name)).size)
      }
    }
  }

  sizeOf(name: string): number | null {
    return this.#sizes.get(name) ?? null
  }

  names(): Iterable<string> {
    return [...this.#sizes.keys()]
  }

  read(name: string): Uint8Array | null {
    if (!this.#sizes.has(name)) return null
    const { buffer, byteOffset, byteLength } = readFileSync(this.#hostPath(name))
    return new Uint8Array(buffer, byteOffset, byteLength)
  }

  write(name: string, bytes: Uint8Array): void {
    this.settle(name)
    const path = this.#hostPath(name)
    // The device's own record must never be half written when its process is killed; uploads may be, as on a board.
    if (name.endsWith('.json')) {
      writeFileSync(path + TEMPORARY_SUFFIX, bytes)
      renameSync(path + TEMPORARY_SUFFIX, path)
    } else {
      // Without O_TRUNC: ext4 flushes a file that was truncated to nothing and closed, which costs milliseconds.
      const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600)
      try {
        if (bytes.length > 0) writeSync(file, bytes, 0, bytes.length, 0)
        if ((this.#sizes.get(name) ?? 0) > bytes.length) ftruncateSync(file, bytes.length)
      } finally {
        closeSync(file)
      }
    }
    this.#sizes.set(name, bytes.length)
  }

  writeAt(name: string, offset: number, bytes: Uint8Array): void {
    let file = this.#open.get(name)
    if (file === undefined) {
      if (!this.#sizes.has(name)) this.write(name, new Uint8Array())
      file = openSync(this.#hostPath(name), 'r+')
      this.#open.set(name, file)
    }
    const sizeBytes = this.#sizes.get(name) ?? 0
    if (offset > sizeBytes) ftruncateSync(file, offset)
    writeSync(file, bytes, 0, bytes.length, offset)
    this.#sizes.set(name, Math.max(sizeBytes, offset + bytes.length))
  }

  settle(name: string): void {
    const file = this.#open.get(name)
    if (file === undefined) return
    this.#open.delete(name)
    closeSync(file)
  }

  remove(name: string): void {
    this.settle(name)
    if (this.#sizes.delete(name)) unlinkSync(this.#hostPath(name))
  }

  close(): void {
    for (const name of [...this.#open.keys()]) this.settle(name)
  }

  #hostPath(name: string): string {
    assertStorableName(name)
    const slash = name.indexOf('/')
    if (slash === -1) return join(this.#folder, name)
    return join(this.#folder, name.slice(0, slash), encodeFileName(name.slice(slash + 1)))
  }
}

/** No encoded name can end so: a per cent sign is always followed by two hexadecimal digits. */
const TEMPORARY_SUFFIX = '.%new'
/** What file systems of boards and of this computer take; longer names fail on the board with its own error. */
const MAXIMUM_NAME_BYTES = 250

function assertStorableName(name: string): void {
  if (encodeFileName(name).length > MAXIMUM_NAME_BYTES) throw nameTooLong()
}

/** A device's path as one host file name: no separators, no control characters, nothing that a host gives meaning to. */
function encodeFileName(path: string): string {
  return encodeURIComponent(path).replace(/[*']/g, character => `%${character.charCodeAt(0).toString(16)}`)
}
