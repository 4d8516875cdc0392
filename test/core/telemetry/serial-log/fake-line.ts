/** A serial line whose far end is the test: what it says, when it goes away, what was sent and which lines were set. */
import { FlashproofError } from '../../../../src/shared/errors.ts'
import type { ByteLink, LineSettings, LinkWaiting, ModemLines } from '../../../../src/core/links/byte-link.ts'
import type { openByteLink } from '../../../../src/core/links/open-byte-link.ts'
import type { PortUser } from '../../../../src/core/links/port-desk.ts'

type Waiting = Parameters<typeof openByteLink>[2]

export class FakeLine {
  /** How often it was opened; each opening finds a line that `isThere`. */
  opened = 0
  closed = 0
  isThere = true
  fault = new FlashproofError('serial.port-missing', 'no such port', {})
  sent = ''
  readonly lines: ModemLines[] = []
  readonly rates: number[] = []
  modemLines: 'set' | 'unavailable' = 'set'
  user: PortUser | null = null
  #said: Buffer[] = []
  #wake: (() => void) | null = null
  #isBroken = false

  readonly open = (_endpoint: unknown, settings: LineSettings, waiting: Waiting): Promise<ByteLink> => {
    this.rates.push(settings.baudRate)
    if (!this.isThere) return Promise.reject(this.fault)
    this.opened++
    this.#isBroken = false
    this.user = waiting
    return Promise.resolve(this.#link(settings))
  }

  say(...lines: readonly string[]): void {
    this.sayBytes(Buffer.from(lines.map(line => `${line}\r\n`).join('')))
  }

  sayBytes(bytes: Buffer): void {
    this.#said.push(bytes)
    this.#wake?.()
  }

  /** The cable is pulled; `plug` puts it back. */
  pull(): void {
    this.isThere = false
    this.#isBroken = true
    this.#wake?.()
  }

  plug(): void {
    this.isThere = true
  }

  #link(settings: LineSettings): ByteLink {
    return {
      description: 'a fake line',
      canConfigure: true,
      modemLines: 'yes',
      settings,
      bufferedBytes: 0,
      read: () => Promise.reject(new Error('a monitor reads what comes')),
      readSome: waiting => this.#readSome(waiting),
      takeAll: () => Buffer.alloc(0),
      write: bytes => {
        this.sent += Buffer.from(bytes).toString('utf8')
        return Promise.resolve()
      },
      configure: ({ baudRate }) => {
        if (baudRate !== undefined) this.rates.push(baudRate)
        return Promise.resolve()
      },
      setLines: lines => {
        this.lines.push(lines)
        return Promise.resolve(this.modemLines)
      },
      close: () => {
        this.closed++
        return Promise.resolve()
      },
    }
  }

  async #readSome({ timeoutMs, signal }: LinkWaiting): Promise<Uint8Array> {
    if (this.#said.length === 0 && !this.#isBroken) await this.#untilSomething(timeoutMs, signal)
    signal?.throwIfAborted()
    const bytes = Buffer.concat(this.#said)
    this.#said = []
    if (bytes.length > 0) return bytes
    throw this.#isBroken
      ? new FlashproofError('serial.unplugged', 'the cable was pulled', {})
      : new FlashproofError('network.timeout', 'nothing came', {})
  }

  #untilSomething(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
      signal?.addEventListener('abort', this.#wake, { once: true })
    })
  }
}
