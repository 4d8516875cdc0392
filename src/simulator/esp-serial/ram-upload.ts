/** What `MEM_BEGIN` and `MEM_DATA` bring into RAM. Only where it lies matters: this chip does not run its code. */
import { wordAt } from './loader.ts'

interface Region {
  readonly start: number
  readonly end: number
}

export class RamUpload {
  readonly #regions: Region[] = []
  #leftBytes = 0
  #pending: Region | null = null

  /** @returns false for a request that makes no sense */
  begin(data: Uint8Array): boolean {
    const [sizeBytes, blocks, blockBytes, start] = [wordAt(data, 0), wordAt(data, 1), wordAt(data, 2), wordAt(data, 3)]
    if (data.length !== 16 || blocks * blockBytes < sizeBytes) return false
    this.#pending = { start, end: start + sizeBytes }
    this.#leftBytes = sizeBytes
    return true
  }

  /** @returns false for more than was announced */
  take(bytes: Uint8Array): boolean {
    if (this.#pending === null || bytes.length > this.#leftBytes) return false
    this.#leftBytes -= bytes.length
    if (this.#leftBytes === 0) this.#regions.push(this.#pending)
    return true
  }

  /** Whether an address lies in what came completely. */
  holds(address: number): boolean {
    return this.#regions.some(({ start, end }) => address >= start && address < end)
  }
}
