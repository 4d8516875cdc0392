/** Brings a board into its loader and finds out who it is: reset by the modem lines, SYNC until somebody answers. */
import { realpath } from 'node:fs/promises'
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import { listSystemPorts } from '../../discovery/system-ports.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import { formatLineSequence, parseLineSequence, runLineSequence } from '../../links/line-sequence.ts'
import { openByteLink } from '../../links/open-byte-link.ts'
import { BootText } from './boot-text.ts'
import { EspChannel } from './channel.ts'
import type { ConnectRequest, EspConnection } from './connection.ts'
import { detectTarget, readFacts, readMacOf, readRevision, type Detected } from './identify.ts'
import { ROM_BAUD_RATE, SerialEspLoader, assertSameBoard, attachFlash } from './loader.ts'
import { powerFlashOfP4, stopWatchdogs } from './quirks.ts'
import { bootloaderSequences, isNativeUsb, isUsbSerialJtag, type ResetSequence, type UsbId } from './reset-sequences.ts'

const ATTEMPTS = 7
/** A question tries each of the two quick sequences once. */
const QUICK_ATTEMPTS = 2
const SYNCS_AN_ATTEMPT = 5
const PAUSE_BETWEEN_SYNCS_MS = 50
const OPEN_TIMEOUT_MS = 5000
/** A chip with USB of its own leaves the bus when it is reset. */
const REOPEN_ATTEMPTS = 3
const REOPEN_PAUSE_MS = 500

/** What a test may replace. */
export interface ConnectParts {
  readonly open: (request: ConnectRequest) => Promise<ByteLink>
  readonly usbOf: (request: ConnectRequest) => Promise<UsbId | null>
  readonly platform: NodeJS.Platform
}

const realParts: ConnectParts = { open: openLine, usbOf: usbIdOf, platform: process.platform }

/**
 * Opens the line, brings the board into its loader and reads who it is; changes nothing in flash.
 * @throws {FlashproofError} loader.not-in-download-mode, loader.no-answer, loader.unknown-chip; option.invalid for a
 *   sequence that cannot be read; what the line throws
 */
export async function connectBoard(request: ConnectRequest, parts: ConnectParts = realParts): Promise<EspConnection> {
  const { options } = request
  const own = options.resetSequence === null ? null : parseLineSequence(options.resetSequence)
  const usb = await parts.usbOf(request)
  const sequences = own === null ? bootloaderSequences(usb, parts.platform) : [{ name: 'of one’s own', steps: own }]
  const entry = new LoaderEntry(request, parts, { usb, sequences: options.usesResets ? sequences : [] })
  try {
    return await entry.connect()
  } catch (error) {
    await entry.close()
    throw error
  }
}

interface Entering {
  readonly usb: UsbId | null
  /** Empty: the board is not reset. */
  readonly sequences: readonly ResetSequence[]
}

class LoaderEntry {
  readonly #request: ConnectRequest
  readonly #parts: ConnectParts
  readonly #entering: Entering
  #link: ByteLink | null = null

  constructor(request: ConnectRequest, parts: ConnectParts, entering: Entering) {
    this.#request = request
    this.#parts = parts
    this.#entering = entering
  }

  async connect(): Promise<EspConnection> {
    const { clock, signal, log } = this.#request
    const { usb } = this.#entering
    const { channel, who } = await this.#enterAndReopen()
    const isStub = who === 'stub'
    const detected = await detectTarget(channel)
    await this.#prepare(channel, detected, isStub)
    const facts = await readFacts(channel, detected)
    const loader = new SerialEspLoader({
      channel,
      target: detected.target,
      facts,
      isStub,
      usb,
      platform: this.#parts.platform,
      clock,
      signal,
      log,
      enterAgain: async () => {
        await channel.link.configure({ baudRate: ROM_BAUD_RATE })
        const again = await this.#enterOnceMore(channel)
        if (facts.mac !== null) assertSameBoard(facts.mac, await readMacOf(channel, detected.target))
        return again
      },
    })
    return { loader, link: channel.link }
  }

  async close(): Promise<void> {
    await this.#link?.close()
  }

  /** What must be done before flash can be asked anything. */
  async #prepare(channel: EspChannel, { target, security }: Detected, isStub: boolean): Promise<void> {
    const { clock } = this.#request
    const isSecure = security?.isSecureDownloadMode === true
    if (!isSecure && !isStub && target.watchdogs !== null && isUsbSerialJtag(this.#entering.usb)) {
      await stopWatchdogs(channel, target.watchdogs)
    }
    if (!isSecure && target.chip.name === 'ESP32-P4')
      await powerFlashOfP4(channel, await readRevision(channel, target), clock)
    await attachFlash(channel, target, isStub)
  }

  /** A chip that is its own USB device may go away with the reset, and come back. */
  async #enterAndReopen(): Promise<{ channel: EspChannel; who: 'rom' | 'stub' }> {
    const { clock, signal } = this.#request
    for (let left = REOPEN_ATTEMPTS; ; left--) {
      this.#link = await this.#parts.open(this.#request)
      const channel = new EspChannel(this.#link, signal)
      try {
        return { channel, who: await this.#enter(channel) }
      } catch (error) {
        const isGone = isNativeUsb(this.#entering.usb) && hasErrorCode(error, 'serial.unplugged', 'serial.port-missing')
        if (!isGone || left <= 1) throw error
        await this.#link.close()
        await clock.delay(REOPEN_PAUSE_MS, signal)
      }
    }
  }

  /** For a board that answered on this line before: silence now may be the adapter's, which opening the port again cures. */
  async #enterOnceMore(channel: EspChannel): Promise<'rom' | 'stub'> {
    try {
      return await this.#enter(channel)
    } catch (error) {
      if (!hasErrorCode(error, 'loader.no-answer')) throw error
      const message = 'the loader answered before, and nobody answers after a reset now'
      throw new FlashproofError('loader.silent', message, {}, { cause: error })
    }
  }

  /** Resets and says hello, again and again, the sequences in turn. */
  async #enter(channel: EspChannel): Promise<'rom' | 'stub'> {
    const { isQuick, log } = this.#request
    const { sequences } = this.#entering
    const text = new BootText()
    channel.onReceived = bytes => {
      text.push(bytes)
    }
    try {
      let hasLines = sequences.length > 0 && channel.link.modemLines === 'yes'
      for (let attempt = 0; attempt < (isQuick ? QUICK_ATTEMPTS : ATTEMPTS); attempt++) {
        const sequence = sequences[attempt % sequences.length]
        if (hasLines && sequence !== undefined) hasLines = await this.#reset(channel, sequence, text)
        const who = await this.#sync(channel)
        if (who !== null) {
          log(`the ${who === 'stub' ? 'stub' : 'ROM'} answered at ${String(channel.link.settings.baudRate)} baud`)
          return who
        }
      }
      throw noLoader(text, { hasLines, isAsked: sequences.length > 0 })
    } finally {
      channel.onReceived = null
    }
  }

  /** @returns whether the lines could be set */
  async #reset(channel: EspChannel, { name, steps }: ResetSequence, text: BootText): Promise<boolean> {
    const { clock, signal, log } = this.#request
    // Only what is printed from here on tells of this reset.
    channel.clear()
    text.clear()
    log(`reset into the loader (${name}): ${formatLineSequence(steps)}`)
    const lines = await runLineSequence(channel.link, steps, { clock, signal })
    return lines !== null
  }

  async #sync(channel: EspChannel): Promise<'rom' | 'stub' | null> {
    const { clock, signal } = this.#request
    for (let hello = 0; hello < SYNCS_AN_ATTEMPT; hello++) {
      const who = await channel.sync()
      if (who !== null) return who
      await clock.delay(PAUSE_BETWEEN_SYNCS_MS, signal)
    }
    return null
  }
}

/** Why nobody answered, as far as what the chip printed tells. */
function noLoader(text: BootText, { hasLines, isAsked }: { hasLines: boolean; isAsked: boolean }): FlashproofError {
  const { boot } = text
  const heard = { bootText: text.excerpt }
  if (boot?.isDownload === true) {
    const message =
      'the chip says that it waits for a download, but does not answer: what this computer sends does not reach it (its RX pin, or another rate)'
    return new FlashproofError('loader.no-answer', message, { ...heard, bootMode: boot.mode })
  }
  if (boot !== null) {
    const message = `the chip started its program (boot:${boot.mode}${boot.name === null ? '' : ` ${boot.name}`}): IO0 was not low during the reset`
    return new FlashproofError('loader.not-in-download-mode', message, { ...heard, bootMode: boot.mode })
  }
  if (hasLines) return new FlashproofError('loader.no-answer', 'nobody answered after a reset', heard)
  const why = isAsked ? 'this line has no modem lines that could reset the board' : 'no reset was asked for'
  const message = `nobody answered, and ${why}: hold BOOT, tap RESET, release BOOT`
  return new FlashproofError('loader.no-answer', message, { ...heard, hasLines })
}

function openLine({ endpoint, options, signal }: ConnectRequest): Promise<ByteLink> {
  return openByteLink(
    endpoint,
    { baudRate: options.startBaudRate, parity: 'none' },
    { timeoutMs: OPEN_TIMEOUT_MS, signal, usedFor: 'esp-serial' },
  )
}

/** The USB device behind a port of this computer; null for any other line, and where the system does not tell. */
async function usbIdOf({ endpoint }: ConnectRequest): Promise<UsbId | null> {
  if (endpoint.kind !== 'serial') return null
  const path = await realpath(endpoint.path).catch(() => endpoint.path)
  const ports = await listSystemPorts().catch(() => [])
  const port = ports.find(one => one.path === path || one.path === endpoint.path)
  const vendorId = parseInt(port?.vendorId ?? '', 16)
  const productId = parseInt(port?.productId ?? '', 16)
  return Number.isNaN(vendorId) || Number.isNaN(productId) ? null : { vendorId, productId }
}
