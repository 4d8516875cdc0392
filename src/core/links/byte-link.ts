/**
 * A serial line to a board, whatever carries it: a port of this computer, a raw TCP connection, or a port over TCP with
 * modem lines (RFC 2217). Protocols of bytes know this shape alone. Failures are codes that say whether the board is away.
 */

/** Eight data bits, one stop bit, no flow control: all that bootloaders speak. */
export interface LineSettings {
  /** 300 to 5,000,000 baud. */
  readonly baudRate: number
  readonly parity: 'none' | 'even' | 'odd'
}

/** `true` is asserted: the pin of the adapter is low. */
export interface ModemLines {
  readonly dtr: boolean
  readonly rts: boolean
}

export interface LinkWaiting {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface ByteLink {
  /** As the target was written, for people. */
  readonly description: string
  /** Whether rate and parity are this computer's to set; not over raw TCP, where the far end has its own. */
  readonly canConfigure: boolean
  /** Whether the modem lines are known to work: `no` over raw TCP, and from the first call that the system refused. */
  readonly modemLines: 'yes' | 'no'
  /** As last set. */
  readonly settings: LineSettings
  /** Bytes that came and were not read yet. */
  readonly bufferedBytes: number
  /**
   * Reads exactly `sizeBytes`, at most 64 KiB.
   * @throws {FlashproofError} network.timeout (what came stays unread), serial.unplugged, network.reset; the signal's reason
   */
  read(sizeBytes: number, waiting: LinkWaiting): Promise<Uint8Array>
  /**
   * Waits for something and gives all that came.
   * @throws {FlashproofError} network.timeout, serial.unplugged, network.reset; the signal's reason
   */
  readSome(waiting: LinkWaiting): Promise<Uint8Array>
  /** Gives what came so far without waiting; empty when there is nothing. */
  takeAll(): Uint8Array
  /**
   * Resolves when the system took the bytes, which is no sign that they left: only an answer is progress.
   * @throws {FlashproofError} network.timeout, serial.unplugged, network.reset; the signal's reason
   */
  write(bytes: Uint8Array, waiting: LinkWaiting): Promise<void>
  /**
   * Changes rate or parity in place where the system can, without touching the modem lines; what is buffered is dropped.
   * Does nothing where `canConfigure` is false.
   * @throws {FlashproofError} serial.failed, serial.unplugged
   */
  configure(settings: Partial<LineSettings>): Promise<void>
  /**
   * Sets both lines in one call, always both.
   * @returns whether they were set; `unavailable` is a condition to report, not a failure (a pty, raw TCP)
   */
  setLines(lines: ModemLines): Promise<'set' | 'unavailable'>
  /** Releases the port; both lines are released first where there are any. A second call does nothing. */
  close(): Promise<void>
}
