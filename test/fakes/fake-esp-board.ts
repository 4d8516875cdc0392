/** A flash in memory behind the interface of a loader: for tests of what is planned, written and proven. */
import { createHash } from 'node:crypto'
import { constants, inflateSync } from 'node:zlib'
import { FlashproofError } from '../../src/shared/errors.ts'
import { chipByName } from '../../src/core/formats/esp-image/chips.ts'
import type { ByteLink } from '../../src/core/links/byte-link.ts'
import type { ConnectBoard, EspConnection } from '../../src/core/transfer/esp-serial/connection.ts'
import type { EspAbilities, EspFacts, EspLoader, EspWrite } from '../../src/core/transfer/esp-serial/esp-loader.ts'

const SECTOR_BYTES = 4096

export interface FakeEspOptions {
  readonly chip?: string
  readonly mac?: string
  readonly revision?: number | null
  readonly flashBytes?: number
  readonly abilities?: Partial<EspAbilities>
  readonly security?: EspFacts['security']
  /** What the program prints after a restart, made from what lies in flash. */
  readonly bootLog?: (flash: Uint8Array) => string
}

export class FakeEspBoard implements EspLoader {
  readonly flash: Uint8Array
  readonly facts: EspFacts
  readonly abilities: EspAbilities
  /** What was begun to be written or erased, and the rates that were tried, in words. */
  readonly commands: string[] = []
  /** Plain bytes that were programmed. */
  writtenBytes = 0
  /** Of each compressed block: what it was said to fill of the flash, and what it filled. */
  readonly statedBytes: { readonly stated: number | undefined; readonly filled: number }[] = []
  md5Commands = 0
  starts = 0
  connections = 0
  blocks = 0
  isStub = false
  baudRate = 115_200
  repeats = 0
  /** Rates above this cannot be reached. */
  highestBaud = Number.POSITIVE_INFINITY
  /** Called before each block with its number; what it throws breaks the line. */
  onBlock: (block: number) => void = () => undefined
  /** A byte that never takes what is programmed. */
  stuckAt: number | null = null
  /** The next byte that is written there comes out wrong, once. */
  flipAt: number | null = null
  readonly #bootLog: (flash: Uint8Array) => string
  #incoming: Buffer[] = []

  constructor(options: FakeEspOptions = {}) {
    const chip = chipByName(options.chip ?? 'ESP32')
    if (chip === undefined) throw new RangeError('no such chip')
    const flashBytes = options.flashBytes ?? 4 * 1024 * 1024
    this.flash = new Uint8Array(flashBytes).fill(0xff)
    this.facts = {
      chip,
      revision: options.revision === undefined ? 300 : options.revision,
      mac: options.mac ?? '24:6f:28:00:00:01',
      flashBytes,
      security: options.security ?? null,
    }
    this.abilities = {
      hasMd5: true,
      canReadFlash: true,
      canCompress: true,
      canErase: true,
      blockBytes: 0x4000,
      ...options.abilities,
    }
    this.#bootLog = options.bootLog ?? (() => '')
  }

  /** Who hashes at the end; null: the same board. */
  swappedMac: string | null = null

  mac(): Promise<string | null> {
    return Promise.resolve(this.swappedMac ?? this.facts.mac)
  }

  put(offset: number, bytes: Uint8Array): void {
    this.flash.set(bytes, offset)
  }

  connect: ConnectBoard = () => {
    this.connections++
    this.baudRate = 115_200
    const connection: EspConnection = { loader: this, link: this.#link() }
    return Promise.resolve(connection)
  }

  startStub(): Promise<void> {
    this.isStub = true
    return Promise.resolve()
  }

  changeBaudRate(baudRate: number): Promise<number> {
    if (baudRate <= this.highestBaud) this.baudRate = baudRate
    this.commands.push(`baud ${String(baudRate)}`)
    return Promise.resolve(this.baudRate)
  }

  setFlashSize(): Promise<void> {
    return Promise.resolve()
  }

  md5(offset: number, sizeBytes: number): Promise<string> {
    if (!this.abilities.hasMd5) return Promise.reject(new FlashproofError('loader.refused', 'no MD5 here'))
    this.md5Commands++
    const bytes = this.flash.subarray(offset, offset + sizeBytes)
    return Promise.resolve(createHash('md5').update(bytes).digest('hex'))
  }

  async *read(offset: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
    if (!this.abilities.canReadFlash) throw new FlashproofError('loader.refused', 'no reading here')
    for (let at = 0; at < sizeBytes; at += SECTOR_BYTES) {
      await Promise.resolve()
      yield this.flash.slice(offset + at, offset + Math.min(sizeBytes, at + SECTOR_BYTES))
    }
  }

  beginWrite(offset: number, sizeBytes: number): Promise<EspWrite> {
    this.#begin(offset, sizeBytes)
    let at = offset
    return Promise.resolve({
      block: async bytes => {
        await this.#takeBlock()
        this.#program(at, bytes.subarray(0, offset + sizeBytes - at))
        at += bytes.length
      },
      end: () => Promise.resolve(),
    })
  }

  beginCompressedWrite(offset: number, sizeBytes: number): Promise<EspWrite> {
    this.#begin(offset, sizeBytes)
    const taken: Uint8Array[] = []
    let at = 0
    return Promise.resolve({
      block: async (bytes, stated) => {
        await this.#takeBlock()
        taken.push(bytes)
        const plain = inflateSync(Buffer.concat(taken), { finishFlush: constants.Z_SYNC_FLUSH })
        this.statedBytes.push({ stated, filled: plain.length - at })
        this.#program(offset + at, plain.subarray(at))
        at = plain.length
      },
      end: () => Promise.resolve(),
    })
  }

  eraseRegion(offset: number, sizeBytes: number): Promise<void> {
    this.commands.push(`erase ${hex(offset)} ${hex(sizeBytes)}`)
    this.flash.fill(0xff, offset, offset + sizeBytes)
    return Promise.resolve()
  }

  eraseChip(): Promise<void> {
    this.commands.push('erase chip')
    this.flash.fill(0xff)
    return Promise.resolve()
  }

  startProgram(): Promise<'lines'> {
    this.starts++
    this.isStub = false
    this.#incoming = [Buffer.from(this.#bootLog(this.flash))]
    return Promise.resolve('lines')
  }

  #begin(offset: number, sizeBytes: number): void {
    this.commands.push(`write ${hex(offset)} ${hex(sizeBytes)}`)
    // As loaders do: whole sectors are erased before anything of them is programmed.
    const start = offset - (offset % SECTOR_BYTES)
    this.flash.fill(0xff, start, Math.ceil((offset + sizeBytes) / SECTOR_BYTES) * SECTOR_BYTES)
  }

  async #takeBlock(): Promise<void> {
    await Promise.resolve()
    this.onBlock(this.blocks)
    this.blocks++
  }

  #program(offset: number, bytes: Uint8Array): void {
    this.writtenBytes += bytes.length
    this.flash.set(bytes, offset)
    const isIn = (at: number | null): at is number => at !== null && at >= offset && at < offset + bytes.length
    if (isIn(this.stuckAt)) this.flash[this.stuckAt] = 0
    if (isIn(this.flipAt)) {
      this.flash[this.flipAt] = (this.flash[this.flipAt] ?? 0) ^ 1
      this.flipAt = null
    }
  }

  #link(): ByteLink {
    const nothing = (): Promise<never> =>
      new Promise((_resolve, reject) => {
        setTimeout(() => {
          reject(new FlashproofError('network.timeout', 'nothing came'))
        }, 5)
      })
    return {
      description: 'fake',
      canConfigure: true,
      modemLines: 'yes',
      settings: { baudRate: 115_200, parity: 'none' },
      bufferedBytes: 0,
      read: nothing,
      readSome: () => {
        const piece = this.#incoming.shift()
        return piece === undefined || piece.length === 0 ? nothing() : Promise.resolve(piece)
      },
      takeAll: () => new Uint8Array(),
      write: () => Promise.resolve(),
      configure: () => Promise.resolve(),
      setLines: () => Promise.resolve('set'),
      close: () => Promise.resolve(),
    }
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}
