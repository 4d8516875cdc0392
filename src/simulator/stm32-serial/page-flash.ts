/** The flash of a virtual STM32: erased by the page, programmed once an erase, with protected parts that stay as they are. */
import type { FlashStorage } from '../board/flash-storage.ts'
import { flashBytesOf, pageAt, pageCountOf, type Stm32Product } from './products.ts'

/** What does not become what it was told to. */
export interface FlashDefects {
  /** Pages that take no write and no erase, whatever the option bytes say. */
  readonly protectedPages: readonly number[]
  /** Bits that stay 0, by offset in the flash. */
  readonly stuckBits: readonly { readonly offset: number; readonly mask: number }[]
}

const FLASH_FILE = 'flash.bin'
const OPTIONS_FILE = 'options.json'

/** The option bytes: what survives a reset and is no program. */
interface OptionBytes {
  readonly isReadProtected: boolean
  /** Units of the write protection. */
  readonly writeProtected: readonly number[]
}

export class PageFlash {
  readonly #product: Stm32Product
  readonly #storage: FlashStorage
  readonly #defects: () => FlashDefects
  readonly #bytes: Uint8Array
  #options: OptionBytes

  /** @param factory what is in flash before it is switched on for the first time */
  constructor(product: Stm32Product, storage: FlashStorage, defects: () => FlashDefects, factory: Factory) {
    this.#product = product
    this.#storage = storage
    this.#defects = defects
    const kept = storage.read(FLASH_FILE)
    this.#bytes = new Uint8Array(flashBytesOf(product)).fill(product.erasedByte)
    this.#bytes.set((kept ?? factory.firmware).subarray(0, this.#bytes.length))
    if (kept === null) storage.write(FLASH_FILE, this.#bytes)
    const options = storage.read(OPTIONS_FILE)
    this.#options =
      options === null
        ? { isReadProtected: factory.isReadProtected, writeProtected: [] }
        : // Written by `#remember` alone, into a folder of ours.
          (JSON.parse(new TextDecoder().decode(options)) as OptionBytes)
  }

  get sizeBytes(): number {
    return this.#bytes.length
  }

  get isReadProtected(): boolean {
    return this.#options.isReadProtected
  }

  /** All of it, as a copy. */
  content(): Uint8Array {
    return this.#bytes.slice()
  }

  /** From its beginning to the last byte that is not erased; null when all is. */
  programmed(): Uint8Array | null {
    const last = this.#bytes.findLastIndex(byte => byte !== this.#product.erasedByte)
    return last === -1 ? null : this.#bytes.slice(0, last + 1)
  }

  read(offset: number, sizeBytes: number): Uint8Array {
    return this.#bytes.slice(offset, offset + sizeBytes)
  }

  /** Programs what may be programmed; the rest stays as it is, without a word. */
  program(offset: number, bytes: Uint8Array): void {
    const { programs, erasedByte } = this.#product
    const isProtected = this.#protection()
    if (programs === 'clears-bits') {
      for (const [at, wanted] of bytes.entries()) {
        if (!isProtected(offset + at)) this.#bytes[offset + at] = (this.#bytes[offset + at] ?? 0) & wanted
      }
    } else {
      const { unitBytes } = programs
      let isErased = false
      for (const [at, wanted] of bytes.entries()) {
        const address = offset + at
        const inUnit = address % unitBytes
        if (at === 0 || inUnit === 0) isErased = this.#isErased(address - inUnit, unitBytes, erasedByte)
        if (isErased && !isProtected(address)) this.#bytes[address] = wanted
      }
    }
    this.#settle(offset, offset + bytes.length)
  }

  /** @returns whether there is such a page; a protected one stays as it is */
  erasePage(index: number): boolean {
    const page = pageAt(this.#product, index)
    if (page === null) return false
    if (!this.#protection()(page.start)) this.#erase(page.start, page.end)
    return true
  }

  /** Erases everything, or nothing when a part is protected. */
  eraseAll(): void {
    const hasProtectedPage = this.#defects().protectedPages.some(index => index < pageCountOf(this.#product))
    if (this.#options.writeProtected.length === 0 && !hasProtectedPage) this.#erase(0, this.sizeBytes)
  }

  protectFromWriting(units: readonly number[]): void {
    this.#remember({ ...this.#options, writeProtected: units })
  }

  protectFromReading(): void {
    this.#remember({ ...this.#options, isReadProtected: true })
  }

  /** Takes the protection off, and with it everything that it protected. */
  unprotectFromReading(): void {
    this.#remember({ isReadProtected: false, writeProtected: [] })
    this.#erase(0, this.sizeBytes)
  }

  close(): void {
    this.#storage.close()
  }

  /** Which offsets are protected now. Looked up once for a whole write: a chip that answers at once has no time for more. */
  #protection(): (offset: number) => boolean {
    const { protectedUnitBytes: unitBytes } = this.#product
    const { protectedPages } = this.#defects()
    const { writeProtected } = this.#options
    if (protectedPages.length === 0 && writeProtected.length === 0) return () => false
    return offset =>
      protectedPages.some(index => this.#isInPage(index, offset)) ||
      writeProtected.some(unit =>
        unitBytes === null ? this.#isInPage(unit, offset) : Math.floor(offset / unitBytes) === unit,
      )
  }

  #isErased(start: number, sizeBytes: number, erasedByte: number): boolean {
    for (let at = start; at < start + sizeBytes; at++) if (this.#bytes[at] !== erasedByte) return false
    return true
  }

  #isInPage(index: number, offset: number): boolean {
    const page = pageAt(this.#product, index)
    return page !== null && offset >= page.start && offset < page.end
  }

  #erase(start: number, end: number): void {
    this.#bytes.fill(this.#product.erasedByte, start, end)
    this.#settle(start, end)
  }

  #settle(start: number, end: number): void {
    for (const { offset, mask } of this.#defects().stuckBits) {
      if (offset >= start && offset < end) this.#bytes[offset] = (this.#bytes[offset] ?? 0) & ~mask
    }
    this.#storage.writeAt(FLASH_FILE, start, this.#bytes.subarray(start, end))
  }

  #remember(options: OptionBytes): void {
    this.#options = options
    this.#storage.write(OPTIONS_FILE, new TextEncoder().encode(JSON.stringify(options)))
  }
}

interface Factory {
  readonly firmware: Uint8Array
  readonly isReadProtected: boolean
}
