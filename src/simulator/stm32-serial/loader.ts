/** The system bootloader of an STM32 on its USART (AN3155): one program from the first 0x7F to a reset or a GO. */
import type { Stm32FaultHooks } from './faults.ts'
import type { PageFlash } from './page-flash.ts'
import { FLASH_BASE, RAM_BASE, type Stm32Product } from './products.ts'
import { busy, forever, read, type ChipProgram } from '../uart/chip-program.ts'
import { stm32Crc } from './crc.ts'

/** The chip around the loader. */
export interface LoaderHost {
  readonly product: Stm32Product
  /** As GET says it. */
  readonly protocolVersion: number
  readonly flash: PageFlash
  readonly ram: Uint8Array
  readonly faults: () => readonly Stm32FaultHooks[]
  /** What the times of the product are multiplied with. */
  readonly timeScale: number
  /** The product id that it says. */
  pid(): number
  /** Bytes of the information block, null where there are none that can be read. */
  information(address: number, sizeBytes: number): Uint8Array | null
  send(bytes: Uint8Array): void
  /** The rate is measured. */
  synchronised(): void
  onWrite(): void
  reset(): void
  go(address: number): void
}

const ACK = 0x79
const NACK = 0x1f
const BUSY = 0x76
const SYNC = 0x7f
/** From here on an address that is none is answered. */
const ANSWERS_BAD_ADDRESS_FROM = 0x31
const MAXIMUM_PAGES = 512
const readProtectionLeaves: ReadonlySet<number> = new Set([0x00, 0x01, 0x02, 0x92])

export class SystemLoader {
  readonly #host: LoaderHost
  readonly #commands: ReadonlyMap<number, () => ChipProgram>

  constructor(host: LoaderHost) {
    this.#host = host
    const { eraseCommand, hasCrc } = host.product
    const commands: [number, () => ChipProgram][] = [
      [0x00, () => this.#get()],
      [0x01, () => this.#getVersion()],
      [0x02, () => this.#getId()],
      [0x11, () => this.#read()],
      [0x21, () => this.#go()],
      [0x31, () => this.#write()],
      [eraseCommand, () => (eraseCommand === 0x43 ? this.#erase() : this.#extendedErase())],
      [0x63, () => this.#writeProtect()],
      [0x73, () => this.#writeUnprotect()],
      [0x82, () => this.#readoutProtect()],
      [0x92, () => this.#readoutUnprotect()],
    ]
    if (hasCrc) commands.push([0xa1, () => this.#crc()])
    this.#commands = new Map(commands)
  }

  *run(): ChipProgram {
    while ((yield* this.#byte()) !== SYNC);
    this.#host.synchronised()
    this.#say(ACK)
    if (this.#host.product.hasExtraAck) this.#say(ACK)
    for (;;) {
      const [code = 0, complement = 0] = yield* read(2)
      const command = (code ^ complement) === 0xff ? this.#commands.get(code) : undefined
      const isLocked = this.#host.flash.isReadProtected && !readProtectionLeaves.has(code)
      if (command === undefined || isLocked || this.#refuses(code)) this.#refuse()
      else yield* command()
    }
  }

  *#get(): ChipProgram {
    const codes = [...this.#commands.keys()]
    this.#say(ACK, codes.length, this.#host.protocolVersion, ...codes, ACK)
    yield* busy(0)
  }

  *#getVersion(): ChipProgram {
    this.#say(ACK, this.#host.protocolVersion, 0, 0, ACK)
    yield* busy(0)
  }

  *#getId(): ChipProgram {
    const pid = this.#host.pid()
    this.#say(ACK, 1, pid >> 8, pid & 0xff, ACK)
    yield* busy(0)
  }

  *#read(): ChipProgram {
    this.#say(ACK)
    const address = yield* this.#address(candidate => this.#memory(candidate, 1) !== null)
    if (address === null) return
    const [last = 0, complement = 0] = yield* read(2)
    const content = (last ^ complement) === 0xff ? this.#memory(address, last + 1) : null
    if (content === null) this.#refuse()
    else this.#say(ACK, ...content)
  }

  *#go(): ChipProgram {
    this.#say(ACK)
    const address = yield* this.#address(candidate => this.#flashOffset(candidate) !== null || this.#isRam(candidate))
    if (address !== null) this.#host.go(address)
  }

  *#write(): ChipProgram {
    this.#say(ACK)
    const address = yield* this.#address(
      candidate => candidate % 4 === 0 && (this.#flashOffset(candidate) !== null || this.#isRam(candidate)),
    )
    if (address === null) return
    const last = yield* this.#byte()
    this.#host.onWrite()
    if (this.#anyFault(fault => fault.dropsByte?.())) yield* read(1)
    const body = yield* read(last + 2)
    const bytes = body.subarray(0, last + 1)
    if (xor(bytes, last) !== body.at(-1) || bytes.length % 4 !== 0) {
      this.#refuse()
      return
    }
    yield* this.#program(address, bytes)
    yield* this.#acknowledgeWork()
  }

  /** In two halves: a chip that loses its power meanwhile has the first. */
  *#program(address: number, bytes: Uint8Array): ChipProgram {
    const { flash, product, ram, timeScale } = this.#host
    const offset = this.#flashOffset(address)
    if (offset === null) {
      ram.set(bytes.subarray(0, Math.max(0, ram.length - (address - RAM_BASE))), address - RAM_BASE)
      return
    }
    // At the edge of what is programmed at once, whatever the product.
    const half = Math.ceil((offset + bytes.length / 2) / 32) * 32 - offset
    flash.program(offset, bytes.subarray(0, half))
    if (this.#anyFault(fault => fault.restartsInWrite?.())) {
      this.#host.reset()
      yield* forever()
    }
    yield* busy(((product.programMs * bytes.length) / 256) * timeScale)
    flash.program(offset + half, bytes.subarray(half))
  }

  *#erase(): ChipProgram {
    this.#say(ACK)
    const last = yield* this.#byte()
    if (last === 0xff) {
      // Anything but 00 behind it erases nothing, and is acknowledged.
      if ((yield* this.#byte()) === 0) yield* this.#eraseAll()
      yield* this.#acknowledgeWork()
      return
    }
    const body = yield* read(last + 2)
    const pages = body.subarray(0, last + 1)
    if (xor(pages, last) === body.at(-1)) yield* this.#erasePages([...pages])
    else this.#refuse()
  }

  *#extendedErase(): ChipProgram {
    this.#say(ACK)
    const [high = 0, low = 0] = yield* read(2)
    const count = high * 0x100 + low
    if (count >= 0xfff0) {
      const sum = yield* this.#byte()
      yield* this.#eraseSpecial(sum === (high ^ low) ? count : null)
      return
    }
    const body = yield* read((count + 1) * 2 + 1)
    const numbers = body.subarray(0, -1)
    if (xor(numbers, high ^ low) !== body.at(-1) || count + 1 > MAXIMUM_PAGES) {
      this.#refuse()
      return
    }
    const pages = Array.from({ length: count + 1 }, (_page, index) => {
      return (numbers[index * 2] ?? 0) * 0x100 + (numbers[index * 2 + 1] ?? 0)
    })
    yield* this.#erasePages(pages)
  }

  *#eraseSpecial(code: number | null): ChipProgram {
    const { product } = this.#host
    const pageCount = product.pages.reduce((sum, { count }) => sum + count, 0)
    const bank2 = product.bank2FromPage
    if (code === 0xffff && product.hasMassErase) {
      yield* this.#eraseAll()
      yield* this.#acknowledgeWork()
    } else if (code === 0xfffe && bank2 !== null) yield* this.#erasePages(range(0, bank2))
    else if (code === 0xfffd && bank2 !== null) yield* this.#erasePages(range(bank2, pageCount))
    else this.#refuse()
  }

  *#erasePages(pages: readonly number[]): ChipProgram {
    yield* this.#busyWithErase(0)
    for (const page of pages) {
      yield* busy(this.#host.product.eraseMsPerPage * this.#host.timeScale)
      if (!this.#host.flash.erasePage(page)) {
        this.#refuse()
        return
      }
    }
    yield* this.#acknowledgeWork()
  }

  *#eraseAll(): ChipProgram {
    yield* this.#busyWithErase(this.#host.product.massEraseMs)
    this.#host.flash.eraseAll()
  }

  *#busyWithErase(productMs: number): ChipProgram {
    const laterMs = this.#host.faults().reduce((sum, { erasesLaterByMs }) => sum + (erasesLaterByMs ?? 0), 0)
    yield* busy(productMs * this.#host.timeScale + laterMs)
  }

  *#writeProtect(): ChipProgram {
    this.#say(ACK)
    const last = yield* this.#byte()
    const body = yield* read(last + 2)
    const units = body.subarray(0, last + 1)
    if (xor(units, last) !== body.at(-1)) {
      this.#refuse()
      return
    }
    // What was protected before is not any more.
    this.#host.flash.protectFromWriting([...units])
    this.#say(ACK)
    this.#afterProtection()
  }

  *#writeUnprotect(): ChipProgram {
    this.#say(ACK)
    this.#host.flash.protectFromWriting([])
    yield* busy(0)
    this.#say(ACK)
    this.#afterProtection()
  }

  *#readoutProtect(): ChipProgram {
    this.#say(ACK)
    this.#host.flash.protectFromReading()
    yield* busy(0)
    this.#say(ACK)
    this.#afterProtection()
  }

  *#readoutUnprotect(): ChipProgram {
    this.#say(ACK)
    yield* this.#busyWithErase(this.#host.product.massEraseMs)
    this.#host.flash.unprotectFromReading()
    this.#say(ACK)
    this.#afterProtection()
  }

  *#crc(): ChipProgram {
    this.#say(ACK)
    const address = yield* this.#address(candidate => candidate % 4 === 0 && this.#flashOffset(candidate) !== null)
    if (address === null) return
    const words = yield* this.#word()
    if (words === null) return
    const polynomial = yield* this.#word()
    if (polynomial === null) return
    const initial = yield* this.#word()
    if (initial === null) return
    const content = this.#memory(address, words * 4)
    if (content === null) {
      this.#refuse()
      return
    }
    const sum = bigEndian(stm32Crc(content, polynomial, initial))
    this.#say(ACK, ...sum, xor(sum, 0))
  }

  /** A number with its check byte; null, refused already, where that is wrong. */
  *#word(): ChipProgram<number | null> {
    const bytes = yield* read(5)
    if (xor(bytes, 0) !== 0) {
      this.#refuse()
      return null
    }
    this.#say(ACK)
    return fromBigEndian(bytes.subarray(0, 4))
  }

  /** An address with its check byte; null where it was refused, or left without an answer by an old loader. */
  *#address(isValid: (address: number) => boolean): ChipProgram<number | null> {
    const bytes = yield* read(5)
    const address = fromBigEndian(bytes.subarray(0, 4))
    if (xor(bytes, 0) === 0 && isValid(address)) {
      this.#say(ACK)
      return address
    }
    if (xor(bytes, 0) !== 0 || this.#host.protocolVersion >= ANSWERS_BAD_ADDRESS_FROM) this.#refuse()
    return null
  }

  *#byte(): ChipProgram<number> {
    const [byte = 0] = yield* read(1)
    return byte
  }

  *#acknowledgeWork(): ChipProgram {
    for (const fault of this.#host.faults()) {
      const answers = fault.busyAnswers?.() ?? null
      for (let said = 0; said < (answers?.count ?? 0); said++) {
        this.#say(BUSY)
        yield* busy(answers?.everyMs ?? 0)
      }
    }
    this.#say(ACK)
  }

  #afterProtection(): void {
    if (this.#host.product.resetsAfterProtection) this.#host.reset()
  }

  #memory(address: number, sizeBytes: number): Uint8Array | null {
    const offset = this.#flashOffset(address)
    const { flash, ram } = this.#host
    if (offset !== null) return offset + sizeBytes <= flash.sizeBytes ? flash.read(offset, sizeBytes) : null
    const inRam = address - RAM_BASE
    if (inRam >= 0 && inRam + sizeBytes <= ram.length) return ram.slice(inRam, inRam + sizeBytes)
    return this.#host.information(address, sizeBytes)
  }

  #flashOffset(address: number): number | null {
    const offset = address - FLASH_BASE
    return offset >= 0 && offset < this.#host.flash.sizeBytes ? offset : null
  }

  /** Behind what the loader needs itself. */
  #isRam(address: number): boolean {
    return address >= this.#host.product.loaderRamEnd && address < RAM_BASE + this.#host.ram.length
  }

  #refuses(command: number): boolean {
    return this.#anyFault(fault => fault.refuses?.(command))
  }

  #anyFault(ask: (fault: Stm32FaultHooks) => boolean | undefined): boolean {
    // Each of them counts.
    return this.#host.faults().filter(fault => ask(fault) === true).length > 0
  }

  #refuse(): void {
    const isDouble = this.#host.faults().some(({ doublesNack }) => doublesNack === true)
    if (isDouble) this.#say(NACK, NACK)
    else this.#say(NACK)
  }

  #say(...bytes: readonly number[]): void {
    this.#host.send(Uint8Array.from(bytes))
  }
}

function xor(bytes: Iterable<number>, start: number): number {
  let sum = start
  for (const byte of bytes) sum ^= byte
  return sum
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_page, index) => from + index)
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

function fromBigEndian(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 0x100 + byte, 0)
}
