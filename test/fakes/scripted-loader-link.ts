/** A byte link with a loader of Espressif's chips behind it, written from the wire facts, that answers as a test says. */
import { FlashproofError } from '../../src/shared/errors.ts'
import type { ByteLink, LineSettings, LinkWaiting, ModemLines } from '../../src/core/links/byte-link.ts'

export interface HeardCommand {
  readonly opcode: number
  readonly checksum: number
  readonly data: Uint8Array
}

/** Frames to send, unescaped; raw bytes where a test wants text or damage. */
export type Reaction = readonly (Uint8Array | { readonly raw: Uint8Array })[]

export class ScriptedLoaderLink implements ByteLink {
  readonly description = 'scripted'
  readonly heard: HeardCommand[] = []
  readonly rawWrites: Uint8Array[] = []
  readonly lines: ModemLines[] = []
  canConfigure = true
  modemLines: 'yes' | 'no' = 'yes'
  settings: LineSettings = { baudRate: 115_200, parity: 'none' }
  /** The loader hears and is heard at this rate alone. */
  loaderBaudRate = 115_200
  /** Bytes come in pieces of this size, each at a turn of its own. */
  pieceBytes = Number.POSITIVE_INFINITY
  isClosed = false
  react: (command: HeardCommand) => Reaction = () => []
  onLines: (lines: ModemLines) => void = () => undefined
  #received: Uint8Array[] = []
  #wake: (() => void) | null = null

  get bufferedBytes(): number {
    return this.#received.reduce((sum, piece) => sum + piece.length, 0)
  }

  read(): Promise<Uint8Array> {
    return Promise.reject(new Error('no protocol of frames reads exactly'))
  }

  async readSome({ timeoutMs, signal }: LinkWaiting): Promise<Uint8Array> {
    signal?.throwIfAborted()
    if (this.#received.length === 0) await this.#until(timeoutMs, signal)
    const piece = this.#received.shift()
    if (piece === undefined) throw new FlashproofError('network.timeout', 'nothing came', { timeoutMs })
    return piece
  }

  takeAll(): Uint8Array {
    const all = Buffer.concat(this.#received)
    this.#received = []
    return all
  }

  write(bytes: Uint8Array): Promise<void> {
    this.rawWrites.push(bytes)
    if (this.settings.baudRate !== this.loaderBaudRate) return Promise.resolve()
    const payload = unescaped(bytes.subarray(1, -1))
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
    const isCommand = payload.length >= 8
    const command: HeardCommand = {
      opcode: isCommand ? view.getUint8(1) : -1,
      checksum: isCommand ? view.getUint32(4, true) : 0,
      data: payload.subarray(isCommand ? 8 : 0),
    }
    this.heard.push(command)
    this.send(this.react(command))
    return Promise.resolve()
  }

  configure(settings: Partial<LineSettings>): Promise<void> {
    this.settings = { ...this.settings, ...settings }
    this.takeAll()
    return Promise.resolve()
  }

  setLines(lines: ModemLines): Promise<'set' | 'unavailable'> {
    if (this.modemLines === 'no') return Promise.resolve('unavailable')
    this.lines.push(lines)
    this.onLines(lines)
    return Promise.resolve('set')
  }

  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }

  /** Has the chip say something on its own. */
  send(reaction: Reaction): void {
    for (const item of reaction) this.#arrive('raw' in item ? item.raw : framed(item))
  }

  #arrive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.pieceBytes) {
      this.#received.push(bytes.slice(at, at + this.pieceBytes))
    }
    this.#wake?.()
  }

  #until(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#wake = null
        if (signal?.aborted === true) reject(signal.reason as Error)
        else resolve()
      }
      // What answers does so within the write: silence need not be waited out.
      const timer = setTimeout(end, Math.min(timeoutMs, 4))
      this.#wake = end
      signal?.addEventListener('abort', end, { once: true })
    })
  }
}

/** An answer: value, data, and a status of two bytes (stub, ESP8266) or four (other ROMs). */
export function answer(
  opcode: number,
  given: { value?: number; data?: Uint8Array; status?: readonly number[] } = {},
): Uint8Array {
  const { value = 0, data = new Uint8Array(), status = [0, 0, 0, 0] } = given
  const bytes = new Uint8Array(8 + data.length + status.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 1)
  view.setUint8(1, opcode)
  view.setUint16(2, data.length + status.length, true)
  view.setUint32(4, value, true)
  bytes.set(data, 8)
  bytes.set(status, 8 + data.length)
  return bytes
}

export function framed(payload: Uint8Array): Uint8Array {
  const bytes = [0xc0]
  for (const byte of payload) {
    if (byte === 0xc0) bytes.push(0xdb, 0xdc)
    else if (byte === 0xdb) bytes.push(0xdb, 0xdd)
    else bytes.push(byte)
  }
  bytes.push(0xc0)
  return Uint8Array.from(bytes)
}

function unescaped(bytes: Uint8Array): Uint8Array {
  const plain: number[] = []
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 0xdb) plain.push(bytes[at] ?? 0)
    else plain.push(bytes[++at] === 0xdc ? 0xc0 : 0xdb)
  }
  return Uint8Array.from(plain)
}
