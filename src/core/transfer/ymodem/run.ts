/**
 * The choreography of one `ymodem` run: wait for the bootloader's request, send the file, and hear what it says. It keeps
 * nothing of a file that broke off, so a second try sends all of it again; and nothing here shows what lies in its flash.
 */
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import type { BoardNow, Unplug } from '../../../shared/contract/models.ts'
import type { SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import { MemoryImage, type FlatImage, type Segment } from '../../image/memory-image.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import { openByteLink } from '../../links/open-byte-link.ts'
import { flattenForUpload } from '../flat-image.ts'
import { obeyJudgements } from '../judgement.ts'
import type { PhaseState, TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { awaitReceiver, cancelReceiver } from './await-receiver.ts'
import { judgeImage, judgeRequired } from './checks.ts'
import type { YmodemOptions } from './options.ts'
import { BlockSender } from './sender.ts'
import { PrintedText } from './texts.ts'

/** A commit for every small block would cost more than the sending. */
const EDGE_BYTES = 4096
const QUIET_MS = 50
/** Programs print something sooner, where they print at all. */
const LISTEN_SHARE = 5

interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

const standing = {
  /** The bootloader was told nothing yet. */
  untouched: { boardNow: 'old-firmware', unplug: 'safe' },
  /** From the file's name on it may erase; where it writes is its own affair. */
  sending: { boardNow: 'unknown', unplug: 'keep-powered' },
  stopped: { boardNow: 'unknown', unplug: 'safe' },
} as const satisfies Readonly<Record<string, BoardStanding>>

export class YmodemRun {
  readonly #order: TransferOrder
  readonly #options: YmodemOptions
  readonly #context: TransferContext
  readonly #endpoint: SerialEndpoint | SocketEndpoint
  readonly #flat: FlatImage
  readonly #printed: PrintedText
  #phase: PhaseState = 'connecting'
  #standing: BoardStanding = standing.untouched

  /** @throws {FlashproofError} image.base-required, image.gap-too-large, image.address-range, option.invalid */
  constructor(
    order: TransferOrder,
    options: YmodemOptions,
    context: TransferContext,
    endpoint: SerialEndpoint | SocketEndpoint,
  ) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#endpoint = endpoint
    this.#flat = flatten(order.image.segments, order.image.baseAddress, options.base)
    this.#printed = new PrintedText(line => {
      context.log('info', 'bootloader.said', line)
    })
  }

  async run(): Promise<TransferReport> {
    const context = this.#context
    const { earlierCompletion, isResume, image, isDryRun, requiredLevel } = this.#order
    if (earlierCompletion === 'succeeded') return this.#afterEarlierEnd()
    const hasSent = earlierCompletion !== 'none' || context.ledger() !== null
    this.#enter('connecting', hasSent ? standing.stopped : standing.untouched)
    const { level, judgements } = judgeRequired(requiredLevel)
    await obeyJudgements([...judgements, ...judgeImage(image.inspection, isResume)], context)
    context.setRequired(level)
    if (earlierCompletion === 'sent') await context.markCompletion('none')
    const { retryPolicy } = context
    const waiting = { timeoutMs: retryPolicy.requestTimeoutMs, signal: this.#signal, usedFor: 'YMODEM' }
    try {
      const link = await openByteLink(this.#endpoint, this.#options.line, waiting)
      try {
        if (isDryRun) return { outcome: 'answered', ...standing.untouched }
        return await this.#transfer(link)
      } catch (error) {
        if (this.#standing.unplug === 'keep-powered') await cancelReceiver(link)
        throw error
      } finally {
        this.#printed.end()
        await link.close()
      }
    } catch (error) {
      if (this.#standing.unplug === 'keep-powered') this.#enter(this.#phase, standing.stopped)
      throw error
    }
  }

  /** An earlier process saw the end acknowledged; what was printed after it is not to be heard again. */
  #afterEarlierEnd(): TransferReport {
    if (this.#options.successText !== null) return { outcome: 'not-answered', ...standing.stopped }
    this.#addAcknowledged()
    return { outcome: 'answered', ...standing.stopped }
  }

  async #transfer(link: ByteLink): Promise<TransferReport> {
    const context = this.#context
    context.log('info', 'bootloader.awaited', 'waiting until the bootloader asks for the file')
    await awaitReceiver(this.#options, {
      link,
      clock: context.clock,
      signal: this.#signal,
      printed: this.#printed,
      mayBeLeftover: this.#order.isResume,
      log: text => {
        context.log('info', 'bootloader.connect', text)
      },
    })
    const sender = this.#senderOn(link)
    await this.#begin()
    if (this.#options.isYmodem) await sender.sendHeader(this.#options.fileName, this.#flat.bytes.length)
    await this.#sendBlocks(sender)
    if (!(await this.#sendEnd(sender))) return { outcome: 'outcome-unknown', ...standing.sending }
    if (this.#options.isYmodem) await this.#endBatch(sender)
    return await this.#listen(link)
  }

  /** From here on the board may not be what it was: that is on the disk before it is so. */
  async #begin(): Promise<void> {
    const context = this.#context
    const { image } = this.#order
    this.#enter('transferring', standing.sending)
    context.startSession({
      chunkBytes: this.#options.blockBytes,
      totalChunks: Math.ceil(this.#flat.bytes.length / this.#options.blockBytes),
      imageSha256: image.sha256,
      deviceKey: null,
      targetPath: this.#options.fileName,
    })
    context.progress(0)
    await context.checkpoint()
  }

  async #sendBlocks(sender: BlockSender): Promise<void> {
    const context = this.#context
    const { blockBytes } = this.#options
    let sinceEdge = 0
    for (let start = 0, number = 1; start < this.#flat.bytes.length; start += blockBytes, number++) {
      if (sinceEdge >= EDGE_BYTES) {
        sinceEdge = 0
        await context.checkpoint()
      }
      const data = this.#flat.bytes.subarray(start, start + blockBytes)
      await sender.sendBlock(number, data)
      sinceEdge += data.length
      context.progress(this.#dataBytesUntil(start + data.length))
    }
  }

  /** @returns false when its answer was lost: whether the bootloader took the file is not known then */
  async #sendEnd(sender: BlockSender): Promise<boolean> {
    const context = this.#context
    await context.markCompletion('sent')
    this.#printed.clear()
    const value = String(this.#flat.bytes.length)
    try {
      await sender.sendEnd()
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      if (error.code === 'device.rejected' || error.code === 'loader.refused') {
        await context.markCompletion('failed')
        throw error
      }
      if (context.requestSignal.aborted) throw error
      context.log('warning', 'completion.unanswered', error.message)
      context.addEvidence({ level: 'sent', basis: 'host-sent', method: 'byte-count', value, matches: null })
      return false
    }
    context.addEvidence({ level: 'sent', basis: 'host-sent', method: 'byte-count', value, matches: null })
    await context.markCompletion('succeeded')
    return true
  }

  /** The file is taken already: what is lost here changes nothing. */
  async #endBatch(sender: BlockSender): Promise<void> {
    try {
      await sender.endBatch()
    } catch (error) {
      this.#context.signal.throwIfAborted()
      this.#context.log('info', 'bootloader.batch', asFlashproofError(error).message)
    }
  }

  /** Every block and the end were acknowledged; what the bootloader prints may say more. */
  async #listen(link: ByteLink): Promise<TransferReport> {
    const context = this.#context
    const { successText, failureText } = this.#options
    const { completionFloorMs, requestTimeoutMs } = context.retryPolicy
    this.#enter('verifying', standing.sending)
    const timeoutMs = successText === null ? requestTimeoutMs / LISTEN_SHARE : completionFloorMs
    const untilMs = performance.now() + timeoutMs
    try {
      for (let restMs = timeoutMs; restMs > 0; restMs = untilMs - performance.now()) {
        if (successText?.(this.#printed.tail) === true || failureText?.(this.#printed.tail) === true) break
        this.#printed.add(await link.readSome({ timeoutMs: restMs, signal: this.#signal }))
      }
    } catch (error) {
      context.signal.throwIfAborted()
      // The line may go with the restart of the board: what was heard until then counts.
      context.log('debug', 'bootloader.silent', asFlashproofError(error).message)
    }
    return await this.#judgeWords()
  }

  async #judgeWords(): Promise<TransferReport> {
    const context = this.#context
    const { successText, failureText } = this.#options
    // A bootloader that asks for the next file already says nothing by it.
    const lines = this.#printed.tail.split(/[\r\n]+/).filter(line => !/^[C\s]*$/.test(line))
    const lastLine = lines.at(-1)?.trim() ?? ''
    if (failureText?.(this.#printed.tail) === true) {
      await context.markCompletion('failed')
      const message = `the bootloader took the whole file, and then said: ${lastLine}`
      throw new FlashproofError('device.refused', message, { answer: lastLine })
    }
    if (successText !== null && !successText(this.#printed.tail)) {
      context.warn(
        'The bootloader acknowledged every block, and did not print the text by which it says that all is well.',
      )
      return { outcome: 'not-answered', ...standing.stopped }
    }
    this.#addAcknowledged()
    if (successText !== null) {
      context.addEvidence({
        level: 'received',
        basis: 'device-said',
        method: 'success-text',
        value: lastLine,
        matches: null,
      })
    }
    return { outcome: 'answered', ...standing.stopped }
  }

  #addAcknowledged(): void {
    const said = { basis: 'device-said', method: 'block-acks', value: 'ACK', matches: null } as const
    this.#context.addEvidence({ level: 'acknowledged', ...said })
  }

  #senderOn(link: ByteLink): BlockSender {
    const context = this.#context
    const { requestTimeoutMs, completionFloorMs, tries } = context.retryPolicy
    return new BlockSender(this.#options.check, {
      link,
      signal: this.#signal,
      printed: this.#printed,
      times: { blockMs: requestTimeoutMs, patientMs: completionFloorMs, quietMs: QUIET_MS, tries },
      countRetry: () => {
        context.countRetry()
      },
      log: text => {
        context.log('warning', 'block.again', text)
      },
    })
  }

  /** Bytes of the image among the first bytes of the flat one: filler is no progress. */
  #dataBytesUntil(end: number): number {
    const { bytes, baseAddress } = this.#flat
    return this.#order.image.segments.reduce((sum, segment) => {
      const start = segment.address - baseAddress
      return sum + Math.max(0, Math.min(start + segment.bytes.length, end, bytes.length) - start)
    }, 0)
  }

  #enter(phase: PhaseState, board: BoardStanding): void {
    this.#phase = phase
    this.#standing = board
    this.#context.enter(phase, board)
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.#context.signal, this.#context.requestSignal])
  }
}

/** The one run of bytes that a bootloader gets: the addresses are lost with it. */
export function flatten(segments: readonly Segment[], baseAddress: number | null, base: string): FlatImage {
  return flattenForUpload(MemoryImage.fromPieces(segments), baseAddress !== null, base)
}
