/**
 * What ROM and stub loader have in common: frames, one command after the other, answers with status bytes, and the transfer of
 * one image into flash. Source: the protocol sheet, 3.1 and 3.2.
 */
import type { ChipModel } from './chip-table.ts'
import type { EspSerialFaultHooks } from './esp-faults.ts'
import type { FlashWork } from './flash-work.ts'
import type { NorFlash } from './nor-flash.ts'
import type { RegisterFile } from './registers.ts'
import { encodeSlip, SlipDecoder } from './slip.ts'

export interface SecurityFacts {
  readonly isSecureDownload: boolean
  readonly hasSecureBoot: boolean
  readonly isEncrypted: boolean
}

/** The chip around a loader. Nothing of it does anything once the chip was reset. */
export interface LoaderHost {
  readonly chip: ChipModel
  readonly imageChipId: number
  readonly flash: NorFlash
  readonly work: FlashWork
  readonly registers: RegisterFile
  readonly security: SecurityFacts
  faults(): readonly EspSerialFaultHooks[]
  send(bytes: Uint8Array): void
  /** The rate of the line once the answer has left. */
  setBaudRate(baudRate: number): void
  /** The loader has measured the client's rate, and keeps it. */
  keepRate(): void
  isAlive(): boolean
  /** Sees each command as it is worked on. */
  onCommand(op: number): void
  /** Jumps to code in RAM: the stub of esptool, for all that this chip knows. */
  runRam(): void
  /** Leaves the loader: by a reset, or straight into the boot from flash. */
  leave(how: 'reset' | 'run'): void
  /** A fault resets the chip in the middle. */
  crash(): void
}

export interface LoaderRequest {
  readonly op: number
  readonly data: Uint8Array
  readonly checksum: number
}

export interface LoaderAnswer {
  readonly value?: number
  readonly data?: Uint8Array
  /** 0 for success. */
  readonly error?: number
}

/** Names of the commands of both loaders. */
export const ops = {
  flashBegin: 0x02,
  flashData: 0x03,
  flashEnd: 0x04,
  memBegin: 0x05,
  memEnd: 0x06,
  memData: 0x07,
  sync: 0x08,
  writeReg: 0x09,
  readReg: 0x0a,
  spiSetParams: 0x0b,
  spiAttach: 0x0d,
  changeBaudRate: 0x0f,
  deflBegin: 0x10,
  deflData: 0x11,
  deflEnd: 0x12,
  flashMd5: 0x13,
  securityInfo: 0x14,
  eraseFlash: 0xd0,
  eraseRegion: 0xd1,
  readFlash: 0xd2,
  runUserCode: 0xd3,
} as const

export const imageDataOps: ReadonlySet<number> = new Set([ops.flashData, ops.deflData])

const REQUEST_HEADER_BYTES = 8
export const DATA_HEADER_BYTES = 16
const CHECKSUM_SEED = 0xef

export abstract class Loader {
  protected readonly host: LoaderHost
  /** Bytes of status behind every answer. */
  protected abstract readonly statusBytes: 2 | 4
  /** What the value field holds where nothing else is said. */
  protected abstract readonly idleValue: number
  readonly #decoder = new SlipDecoder(frame => {
    this.#onFrame(frame)
  })
  readonly #waiting: LoaderRequest[] = []
  #isBusy = false
  /** Takes frames that are no commands; null where none are expected. */
  protected onBareFrame: ((frame: Uint8Array) => void) | null = null

  constructor(host: LoaderHost) {
    this.host = host
  }

  receive(bytes: Uint8Array): void {
    this.#decoder.receive(bytes)
  }

  /**
   * Does one command; the next one waits until it is through.
   * @returns null when it is done already
   */
  protected abstract execute(request: LoaderRequest): Promise<void> | null
  /** The error of a frame whose length field is wrong. */
  protected abstract readonly lengthError: number

  protected answer(
    op: number,
    { value = this.idleValue, data = new Uint8Array(), error = 0 }: LoaderAnswer = {},
  ): void {
    if (this.host.faults().some(fault => fault.losesFrame?.('answer', op) === true)) return
    const frame = new Uint8Array(8 + data.length + this.statusBytes)
    const view = new DataView(frame.buffer)
    frame[0] = 0x01
    frame[1] = op
    view.setUint16(2, data.length + this.statusBytes, true)
    view.setUint32(4, value, true)
    frame.set(data, 8)
    frame[8 + data.length] = error === 0 ? 0 : 1
    frame[8 + data.length + 1] = error
    this.sendFrame(frame)
  }

  protected sendFrame(frame: Uint8Array): void {
    const encoded = encodeSlip(frame)
    const pieces = this.host.faults().find(({ framePieces }) => framePieces !== undefined)?.framePieces ?? 1
    const pieceBytes = Math.ceil(encoded.length / pieces)
    for (let at = 0; at < encoded.length; at += pieceBytes) this.host.send(encoded.subarray(at, at + pieceBytes))
  }

  #onFrame(frame: Uint8Array): void {
    if (this.onBareFrame !== null) {
      this.onBareFrame(frame)
      return
    }
    if (frame.length < REQUEST_HEADER_BYTES || frame[0] !== 0) return
    const view = new DataView(frame.buffer)
    const op = view.getUint8(1)
    if (this.host.faults().some(fault => fault.losesFrame?.('command', op) === true)) return
    const data = frame.subarray(REQUEST_HEADER_BYTES)
    if (view.getUint16(2, true) !== data.length) {
      this.answer(op, { error: this.lengthError })
      return
    }
    this.#waiting.push({ op, data, checksum: view.getUint32(4, true) & 0xff })
    this.#next()
  }

  #next(): void {
    while (!this.#isBusy && this.host.isAlive()) {
      const request = this.#waiting.shift()
      if (request === undefined) return
      const done = this.#work(request)
      if (done === null) continue
      this.#isBusy = true
      void done.then(() => {
        this.#isBusy = false
        this.#next()
      })
    }
  }

  #work(request: LoaderRequest): Promise<void> | null {
    this.host.onCommand(request.op)
    for (const fault of this.host.faults()) {
      const error = fault.refuses?.(request.op) ?? 0
      if (error !== 0) {
        this.answer(request.op, { error })
        return null
      }
      if (imageDataOps.has(request.op) && fault.crashesAtBlock?.() === true) {
        this.host.crash()
        return null
      }
    }
    return this.execute(request)
  }
}

/** Reads the u32 at a place of a request; 0 behind its end. */
export function wordAt(data: Uint8Array, index: number): number {
  if (data.length < index * 4 + 4) return 0
  return new DataView(data.buffer, data.byteOffset).getUint32(index * 4, true)
}

/** Whether a data block says its own length and its sum is right. */
export function checkBlock({ data, checksum }: LoaderRequest): 'right' | 'length' | 'checksum' {
  const payload = data.subarray(DATA_HEADER_BYTES)
  if (data.length < DATA_HEADER_BYTES || wordAt(data, 0) !== payload.length) return 'length'
  let sum = CHECKSUM_SEED
  for (const byte of payload) sum ^= byte
  return sum === checksum ? 'right' : 'checksum'
}
