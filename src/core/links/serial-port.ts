/**
 * A serial port of this computer, over the package `serialport` 13 with what it needs to be trusted: both modem lines
 * released right after opening, small writes, the repaired poller, and every fault as a code. In a process of its own or a
 * worker process only: its binding crashes in threads.
 */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import type { SerialPort } from 'serialport'
import { FlashproofError, hasErrorCode } from '../../shared/errors.ts'
import { BufferedLink } from './buffered-link.ts'
import type { LineSettings, LinkWaiting, ModemLines } from './byte-link.ts'
import { gatherPortFacts } from './port-facts.ts'
import { judgeDriverFailure, judgeOpenFailure, passesAfterPlugIn } from './port-faults.ts'
import { readAndWriteDirectly } from './serialport-direct.ts'
import { repairPoller } from './serialport-poller.ts'

/** What a port's buffer in the system takes at once at the least. */
const MOST_WRITTEN_BYTES = 4096
/** Services look at a new port for about this long. */
const RETRY_BUSY_MS = 3000
const RETRY_EVERY_MS = 250
/** A port this young was plugged in just now. */
const YOUNG_MS = 10_000

type Driver = typeof SerialPort

export interface SerialPortOptions {
  /** How long a port is tried again that is busy or refused; absent: 3 s after it was plugged in, later not at all. */
  readonly retryBusyMs?: number
  readonly loadDriver?: () => Promise<Driver>
}

/** Loaded when first needed: the binding is native, and a computer without it must still do everything else. */
async function loadSerialport(): Promise<Driver> {
  return (await import('serialport')).SerialPort
}

/**
 * Opens a port and releases both lines: the system asserts them when it opens a port, which resets many boards.
 * @throws {FlashproofError} serial.port-missing, serial.port-busy, serial.permission-denied, serial.driver-missing,
 *   serial.held-by-service, serial.failed; the signal's reason
 */
export async function openSerialPort(
  target: { readonly path: string; readonly text: string },
  settings: LineSettings,
  { signal }: Pick<LinkWaiting, 'signal'>,
  options: SerialPortOptions = {},
): Promise<BufferedLink> {
  let driver: Driver
  try {
    driver = await (options.loadDriver ?? loadSerialport)()
  } catch (error) {
    throw judgeDriverFailure(error)
  }
  const path = process.platform === 'darwin' ? callingOutPath(target.path, existsSync) : target.path
  const open = (wanted: LineSettings): Promise<SerialPort> => openPatiently(driver, path, wanted, options, signal)
  signal?.throwIfAborted()
  const link = new LocalPort(target.text, path, settings, open)
  await link.open(settings)
  if (signal?.aborted === true) await link.close()
  signal?.throwIfAborted()
  return link
}

/** On macOS a port has two names: opening `tty.` may wait for a carrier, `cu.` is for calling out. */
export function callingOutPath(path: string, exists: (path: string) => boolean): string {
  const other = path.replace(/^\/dev\/tty\./, '/dev/cu.')
  return other !== path && exists(other) ? other : path
}

class LocalPort extends BufferedLink {
  readonly canConfigure = true
  readonly #path: string
  readonly #openStream: (settings: LineSettings) => Promise<SerialPort>
  /** Null between two openings. */
  #stream: SerialPort | null = null
  /** Which node of the port is open: another one under the same name is another plugging in. */
  #node: number | null = null
  #settings: LineSettings
  #modemLines: 'yes' | 'no' = 'yes'
  #lines: ModemLines = { dtr: true, rts: true }
  #isWriting = false

  constructor(
    description: string,
    path: string,
    settings: LineSettings,
    openStream: (settings: LineSettings) => Promise<SerialPort>,
  ) {
    super(description, { pause: () => this.#stream?.pause(), resume: () => this.#stream?.resume() })
    this.#path = path
    this.#settings = settings
    this.#openStream = openStream
  }

  get modemLines(): 'yes' | 'no' {
    return this.#modemLines
  }

  get settings(): LineSettings {
    return this.#settings
  }

  async open(settings: LineSettings): Promise<void> {
    const stream = await this.#openStream(settings)
    if (this.received.isLost) {
      // Closed by its user in the meantime.
      await closeStream(stream)
      throw new FlashproofError('serial.failed', `${this.#path} was closed`, { path: this.#path })
    }
    this.#stream = stream
    this.#settings = settings
    stream.on('data', (piece: Uint8Array) => {
      if (stream === this.#stream) this.received.push(piece)
    })
    stream.on('close', (error: unknown) => {
      if (stream === this.#stream) this.#loseUnplugged(error instanceof Error ? error.message : 'the port closed')
    })
    this.#node = await this.#nodeNumber()
    await this.setLines({ dtr: false, rts: false })
  }

  override async read(sizeBytes: number, waiting: LinkWaiting): Promise<Uint8Array> {
    try {
      return await super.read(sizeBytes, waiting)
    } catch (error) {
      throw await this.#explain(error)
    }
  }

  override async readSome(waiting: LinkWaiting): Promise<Uint8Array> {
    try {
      return await super.readSome(waiting)
    } catch (error) {
      throw await this.#explain(error)
    }
  }

  async write(bytes: Uint8Array, { timeoutMs, signal }: LinkWaiting): Promise<void> {
    const untilMs = performance.now() + timeoutMs
    for (let at = 0; at < bytes.length; at += MOST_WRITTEN_BYTES) {
      signal?.throwIfAborted()
      const restMs = Math.max(1, untilMs - performance.now())
      await this.#writePiece(bytes.subarray(at, at + MOST_WRITTEN_BYTES), {
        timeoutMs: restMs,
        ...(signal && { signal }),
      })
    }
  }

  /** A rate changes in place, and what was not sent yet is dropped; another parity closes and opens the port, lines released. */
  async configure(settings: Partial<LineSettings>): Promise<void> {
    const wanted = { ...this.#settings, ...settings }
    const stream = this.#stream
    if (wanted.parity !== this.#settings.parity) {
      this.#stream = null
      if (stream !== null) await closeStream(stream)
      await this.#reopen(wanted)
    } else if (wanted.baudRate !== this.#settings.baudRate && stream !== null) {
      const error = await calling(done => {
        stream.update({ baudRate: wanted.baudRate }, done)
      })
      if (error !== null) throw await this.#failure(`${String(wanted.baudRate)} baud was not set: ${error.message}`)
      this.#settings = wanted
    }
    this.received.take()
  }

  async setLines(lines: ModemLines): Promise<'set' | 'unavailable'> {
    const stream = this.#stream
    if (this.#modemLines === 'no' || !stream?.isOpen) return 'unavailable'
    // Every flag that is left out would be set to serialport's own default, which asserts both lines. Low latency is a flag
    // of Linux: FTDI's adapters then pass bytes on at once and not every 16 ms.
    const flags = { ...lines, brk: false, cts: false, ...(process.platform === 'linux' && { lowLatency: true }) }
    const error = await calling(done => {
      stream.set(flags, done)
    })
    this.#lines = lines
    if (error !== null) this.#modemLines = 'no'
    return error === null ? 'set' : 'unavailable'
  }

  protected async release(): Promise<void> {
    if (this.#lines.dtr || this.#lines.rts) await this.setLines({ dtr: false, rts: false })
    const stream = this.#stream
    this.#stream = null
    this.received.lose(new FlashproofError('serial.failed', `${this.#path} was closed`, { path: this.#path }))
    if (stream === null) return
    if (this.#isWriting) {
      // Else the system would wait until a device that takes nothing has taken the rest.
      await calling(done => {
        stream.flush(done)
      })
    }
    await closeStream(stream)
  }

  async #writePiece(piece: Uint8Array, waiting: LinkWaiting): Promise<void> {
    const progress = { isTaken: false }
    if (!this.received.isLost && this.#stream !== null) {
      this.#isWriting = true
      this.#stream.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength), undefined, error => {
        this.#isWriting = false
        progress.isTaken = !(error instanceof Error)
        this.received.look('writer')
      })
    }
    await this.received.until('writer', () => progress.isTaken, 'the port did not take the bytes', waiting)
  }

  async #reopen(settings: LineSettings): Promise<void> {
    try {
      await this.open(settings)
    } catch (error) {
      if (error instanceof FlashproofError) this.received.lose(error)
      throw error
    }
  }

  #loseUnplugged(why: string): void {
    this.received.lose(new FlashproofError('serial.unplugged', `${this.#path}: ${why}`, { path: this.#path }))
  }

  /** A port that is pulled out in the middle of a reading says nothing to whoever reads: its node tells. */
  async #explain(error: unknown): Promise<unknown> {
    if (!hasErrorCode(error, 'network.timeout')) return error
    return (await this.#isGone()) ? this.#unplugged() : error
  }

  async #failure(what: string): Promise<FlashproofError> {
    if (this.received.isLost || (await this.#isGone())) return this.#unplugged()
    return new FlashproofError('serial.failed', `${this.#path}: ${what}`, { path: this.#path })
  }

  #unplugged(): FlashproofError {
    this.#loseUnplugged('the port is gone')
    return new FlashproofError('serial.unplugged', `${this.#path}: the port is gone`, { path: this.#path })
  }

  async #isGone(): Promise<boolean> {
    return this.#node !== null && (await this.#nodeNumber()) !== this.#node
  }

  async #nodeNumber(): Promise<number | null> {
    if (process.platform === 'win32') return null
    return (await stat(this.#path).catch(() => null))?.ino ?? null
  }
}

async function openPatiently(
  driver: Driver,
  path: string,
  settings: LineSettings,
  options: SerialPortOptions,
  signal: AbortSignal | undefined,
): Promise<SerialPort> {
  const sinceMs = performance.now()
  for (;;) {
    const opened = await openOnce(driver, path, settings)
    if (!(opened instanceof Error)) return opened
    const facts = await gatherPortFacts(path, opened.message)
    const error = judgeOpenFailure(facts)
    const ageMs = facts.node?.ageMs ?? 0
    const retryMs = options.retryBusyMs ?? (ageMs < YOUNG_MS ? RETRY_BUSY_MS : 0)
    if (!passesAfterPlugIn(error) || performance.now() - sinceMs + RETRY_EVERY_MS > retryMs) throw error
    await delay(RETRY_EVERY_MS, undefined, signal && { signal }).catch(() => undefined)
    signal?.throwIfAborted()
  }
}

async function openOnce(driver: Driver, path: string, settings: LineSettings): Promise<SerialPort | Error> {
  const { baudRate, parity } = settings
  // `hupcl`: on Windows it also decides whether opening asserts DTR.
  const stream = new driver({ path, baudRate, parity, dataBits: 8, stopBits: 1, hupcl: false, autoOpen: false })
  // Without a listener a cancelled write would end the process; what matters comes with the calls and with `close`.
  stream.on('error', () => undefined)
  const error = await calling(done => {
    stream.open(done)
  })
  if (error !== null) return error
  repairPoller(stream.port)
  readAndWriteDirectly(stream.port)
  return stream
}

async function closeStream(stream: SerialPort): Promise<void> {
  if (!stream.isOpen) return
  await calling(done => {
    stream.close(done)
  })
}

/** Waits for one of serialport's callbacks; resolves to its error. */
function calling(call: (done: (error: Error | null | undefined) => void) => void): Promise<Error | null> {
  return new Promise(resolve => {
    call(error => {
      resolve(error ?? null)
    })
  })
}
