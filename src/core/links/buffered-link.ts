/** What every byte link does alike: reading out of a buffer that its port fills. */
import type { ByteLink, LineSettings, LinkWaiting, ModemLines } from './byte-link.ts'
import { ReceiveBuffer, type Flow } from './receive-buffer.ts'

/** The most that is read at once; above it the other end is held back. */
const MOST_BUFFERED_BYTES = 64 * 1024

export abstract class BufferedLink implements ByteLink {
  readonly description: string
  protected readonly received: ReceiveBuffer
  /** Called once, when the port is free again. */
  onClosed: (() => void) | null = null
  #closing: Promise<void> | null = null

  constructor(description: string, flow: Flow) {
    this.description = description
    this.received = new ReceiveBuffer(MOST_BUFFERED_BYTES, flow)
  }

  abstract readonly canConfigure: boolean
  abstract readonly modemLines: 'yes' | 'no'
  abstract readonly settings: LineSettings
  abstract write(bytes: Uint8Array, waiting: LinkWaiting): Promise<void>
  abstract configure(settings: Partial<LineSettings>): Promise<void>
  abstract setLines(lines: ModemLines): Promise<'set' | 'unavailable'>
  /** Frees the port; called once, and never rejects. */
  protected abstract release(): Promise<void>

  get bufferedBytes(): number {
    return this.received.bufferedBytes
  }

  read(sizeBytes: number, waiting: LinkWaiting): Promise<Uint8Array> {
    return this.received.read(sizeBytes, waiting)
  }

  readSome(waiting: LinkWaiting): Promise<Uint8Array> {
    return this.received.readSome(waiting)
  }

  close(): Promise<void> {
    this.#closing ??= this.release().then(() => this.onClosed?.())
    return this.#closing
  }

  takeAll(): Uint8Array {
    return this.received.take()
  }
}
