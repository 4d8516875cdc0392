/**
 * Erases, writes and reads back with what the loader offers, and goes on after lost, damaged and refused answers. A block
 * is read at once only after a failure: its answer may be lost, or the bytes may have arrived shifted.
 */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import type { LoaderConnection } from './connect.ts'
import type { Page } from './flash-map.ts'
import { BLOCK_BYTES, COMMAND, MOST_PAGES_OF_ERASE, MOST_PAGES_OF_EXTENDED_ERASE } from './frames.ts'
import { isErased, type Block } from './plan.ts'
import { isRefusal } from './session.ts'

/** Tries of one exchange, the first included. */
const TRIES = 3
/** Enough to tell a page that was erased from one that was not; more would only cost time, because all is read at the end. */
const SAMPLE_BYTES = 16

export interface WriterWorld {
  countRetry(): void
  log(level: 'info' | 'warning', code: string, text: string): void
}

export class FlashWriter {
  readonly #connection: LoaderConnection
  readonly #world: WriterWorld
  /** What the flash holds after an erase, as it was seen; null: not seen yet. */
  #erasedByte: number | null = null

  constructor(connection: LoaderConnection, world: WriterWorld) {
    this.#connection = connection
    this.#world = world
  }

  /** @throws {FlashproofError} loader.refused where the chip does not let itself be read, network.* */
  async read(address: number, sizeBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(sizeBytes)
    for (let offset = 0; offset < sizeBytes; offset += BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, sizeBytes - offset)
      const at = address + offset
      bytes.set(await this.#persist(`reading ${formatAddress(at)}`, () => this.#session.read(at, length)), offset)
    }
    return bytes
  }

  /**
   * Erases pages and makes sure that they are, as far as a look at one of them every few kilobytes tells.
   * @param pages of at most one batch
   * @param looksAt pages of them whose erasure is looked at
   * @throws {FlashproofError} loader.protected for a page that keeps what it held, loader.refused, network.*
   */
  async erase(pages: readonly Page[], looksAt: readonly Page[]): Promise<void> {
    await this.#erasePages(pages)
    for (const page of looksAt) {
      if (await this.#looksErased(page)) continue
      // Once more: an answer that was taken for this command's may have been another one's.
      await this.#erasePages(pages)
      if (!(await this.#looksErased(page))) {
        throw protectedPage(page, 'it acknowledges being erased and keeps what it held')
      }
    }
  }

  async #erasePages(pages: readonly Page[]): Promise<void> {
    const command = this.#connection.eraseCommand
    const most = command === COMMAND.erase ? MOST_PAGES_OF_ERASE : MOST_PAGES_OF_EXTENDED_ERASE
    for (let start = 0; start < pages.length; start += most) {
      const numbers = pages.slice(start, start + most).map(page => page.number)
      const what = `erasing page ${String(numbers[0])} and ${String(numbers.length - 1)} more`
      await this.#persist(what, () => this.#session.erase(command, numbers))
    }
  }

  async #looksErased(page: Page): Promise<boolean> {
    const sample = await this.read(page.address, Math.min(SAMPLE_BYTES, page.sizeBytes))
    if (!isErased(sample)) return false
    this.#erasedByte = sample[0] ?? null
    return true
  }

  /**
   * Erases the whole chip.
   * @param looksAt pages whose erasure is looked at
   * @returns false where the chip has no such command (L0, L1)
   * @throws {FlashproofError} loader.protected for a page that keeps what it held, network.*
   */
  async massErase(looksAt: readonly Page[]): Promise<boolean> {
    try {
      await this.#session.massErase(this.#connection.eraseCommand)
    } catch (error) {
      if (!isRefusal(error)) throw error
      await this.#session.resync(true)
      return false
    }
    for (const page of looksAt) {
      if (!(await this.#looksErased(page))) {
        throw protectedPage(page, 'erasing the whole chip is acknowledged and it keeps what it held')
      }
    }
    return true
  }

  /**
   * Writes one block of an erased page, unless the erase left just that.
   * @returns false where the page must be erased and written anew: it holds something else now
   * @throws {FlashproofError} loader.refused, network.*
   */
  async write(block: Block): Promise<boolean> {
    if (this.#erasedByte !== null && block.bytes.every(byte => byte === this.#erasedByte)) return true
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#session.write(block.address, block.bytes)
        return true
      } catch (error) {
        if (!isMisunderstanding(error)) throw error
        await this.#mend(`writing ${formatAddress(block.address)}`, error)
        const found = await this.read(block.address, block.bytes.length)
        if (isEqual(found, block.bytes)) return true
        if (!isErased(found)) return false
        if (attempt >= TRIES) throw error
      }
    }
  }

  get #session(): LoaderConnection['session'] {
    return this.#connection.session
  }

  /** Repeats what does no harm when it is done twice. */
  async #persist<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!isMisunderstanding(error)) throw error
        await this.#mend(what, error)
        if (attempt >= TRIES) throw error
      }
    }
  }

  async #mend(what: string, error: FlashproofError): Promise<void> {
    this.#world.countRetry()
    this.#world.log('warning', 'loader.resync', `${what}: ${error.message}`)
    await this.#session.resync(isRefusal(error))
  }
}

/** A page that acknowledges and does nothing: so do write-protected ones (AN3155, 3.6 to 3.8). */
export function protectedPage({ number, address }: Page, why: string): FlashproofError {
  const message = `page ${String(number)} at ${formatAddress(address)} is write-protected: ${why}`
  return new FlashproofError('loader.protected', message, {
    protection: 'write',
    page: number,
    address: formatAddress(address),
  })
}

export function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}

function isMisunderstanding(error: unknown): error is FlashproofError {
  return hasErrorCode(error, 'loader.refused', 'loader.broken-frame', 'network.timeout')
}
