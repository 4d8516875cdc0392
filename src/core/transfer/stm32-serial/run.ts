/**
 * The choreography of one `stm32-serial` run: wake the loader, learn which chip it is, check the image against it, erase
 * and write the pages that the image touches, read everything back, and start the program. Calling it again looks at what
 * the chip holds and goes on there.
 */
import type { Judgement } from '../judgement.ts'
import { obeyJudgements } from '../judgement.ts'
import { hasErrorCode, type FlashproofError } from '../../../shared/errors.ts'
import type { SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import type { PhaseState, TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import {
  ERASE_ALL,
  judgeImage,
  judgeReadoutProtection,
  judgeRequired,
  readoutProtected,
  REMOVE_WRITE_PROTECTION,
} from './checks.ts'
import { awaitLoader, connectLoader, type ConnectWorld, type LoaderConnection } from './connect.ts'
import { flashMapOf, type FlashMap } from './flash-map.ts'
import { COMMAND } from './frames.ts'
import type { Stm32Options } from './options.ts'
import { PageTransfer } from './page-transfer.ts'
import { placeSegments, planPages, type PlannedPage } from './plan.ts'
import { erasedByteOf, FLASH_START, productName } from './products.ts'
import { readBack } from './read-back.ts'
import { isRefusal } from './session.ts'
import { standing, type BoardStanding } from './standing.ts'
import { startProgram } from './start.ts'
import { timesFor } from './times.ts'
import { FlashWriter } from './writer.ts'

/** Enough to see whether the chip lets itself be read. */
const GLANCE_BYTES = 4
/** A refusal may be that of a damaged command. */
const GLANCES = 2

export class Stm32Run {
  readonly #order: TransferOrder
  readonly #options: Stm32Options
  readonly #context: TransferContext
  readonly #endpoint: SerialEndpoint | SocketEndpoint
  #phase: PhaseState = 'connecting'
  #standing: BoardStanding = standing.untouched
  /** Whether it is on record that all was sent and acknowledged. */
  #hasWords = false

  constructor(
    order: TransferOrder,
    options: Stm32Options,
    context: TransferContext,
    endpoint: SerialEndpoint | SocketEndpoint,
  ) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#endpoint = endpoint
  }

  async run(): Promise<TransferReport> {
    // Where a session was begun, pages were erased.
    this.#enter('connecting', this.#context.ledger() === null ? standing.untouched : standing.stopped)
    try {
      const connection = await connectLoader(this.#endpoint, this.#options, this.#world)
      try {
        return await this.#runOn(connection)
      } finally {
        await connection.link.close()
      }
    } catch (error) {
      const isProtected = hasErrorCode(error, 'loader.protected')
      if (this.#standing.unplug === 'keep-powered')
        this.#enter(this.#phase, isProtected ? standing.protected : standing.stopped)
      throw error
    }
  }

  async #runOn(connection: LoaderConnection): Promise<TransferReport> {
    const context = this.#context
    const map = await this.#identify(connection)
    const { image, isDryRun } = this.#order
    const { level, judgements } = judgeRequired(this.#order.requiredLevel)
    const isResume = this.#order.isResume && context.ledger() !== null
    await this.#obey([...judgements, ...judgeImage(image, this.#options, isResume)])
    context.setRequired(level)
    const segments = placeSegments(image.segments, image.baseAddress, this.#options.base)
    const pages = planPages(segments, map)
    const writer = new FlashWriter(connection, this.#context)
    const transfer = this.#transferOf(writer, pages, connection)
    // It has answered: silence from here on is a fault of this try, and no board that is away.
    this.#enter('preparing', this.#standing)
    const isWiped = !(await isReadable(connection)) && (await this.#removeReadoutProtection(connection, transfer))
    if (isDryRun) return { outcome: 'answered', ...standing.untouched }
    const isEmpty = await this.#makeReady(connection, writer, transfer, isWiped)
    try {
      await this.#writeAndProve(writer, transfer, isEmpty)
    } catch (error) {
      if (!hasErrorCode(error, 'loader.protected') || !this.#options.removeProtection) throw error
      await this.#removeWriteProtection(connection, error)
      await transfer.beginAgain()
      await this.#writeAndProve(writer, transfer, false)
    }
    const start = { order: this.#order, options: this.#options, context, connection, signal: this.#anySignal }
    this.#enter('rebooting', standing.proven)
    await startProgram(start)
    return { outcome: 'answered', ...standing.proven }
  }

  async #identify(connection: LoaderConnection): Promise<FlashMap> {
    const { productId, commands } = connection
    const version = `${String(commands.version >> 4)}.${String(commands.version & 0xf)}`
    const name = productName(productId)
    this.#context.log('info', 'loader.found', `${name} (0x${productId.toString(16)}), bootloader protocol V${version}`)
    await this.#context.identify({ chip: name })
    return flashMapOf(productId, this.#options)
  }

  /** Questions are asked before the loader waits for anything: it has all the time there is. */
  async #obey(judgements: readonly Judgement[]): Promise<void> {
    await obeyJudgements(judgements, this.#context)
  }

  /** @returns true: the chip is empty now */
  async #removeReadoutProtection(connection: LoaderConnection, transfer: PageTransfer): Promise<boolean> {
    if (this.#order.isDryRun && this.#options.removeProtection) return false
    await this.#obey([judgeReadoutProtection(this.#options)])
    await transfer.beginEmpty()
    await this.#unprotect(connection, COMMAND.readoutUnprotect)
    if (!(await isReadable(connection))) throw readoutProtected()
    return true
  }

  async #unprotect(
    connection: LoaderConnection,
    command: typeof COMMAND.readoutUnprotect | typeof COMMAND.writeUnprotect,
  ): Promise<void> {
    const context = this.#context
    if (command === COMMAND.readoutUnprotect) this.#enter('preparing', standing.writing)
    context.log('warning', 'loader.unprotect', 'a protection of the chip is taken away; the chip restarts')
    try {
      await connection.session.unprotect(command)
    } catch (error) {
      // The second answer may be lost with the restart; whether it worked is looked at afterwards.
      if (!hasErrorCode(error, 'network.timeout', 'loader.broken-frame') || context.signal.aborted) throw error
    }
    await awaitLoader(connection, this.#endpoint.text, this.#world)
  }

  /** @returns whether the chip is empty; else each page is erased when its turn comes */
  async #makeReady(
    connection: LoaderConnection,
    writer: FlashWriter,
    transfer: PageTransfer,
    isWiped: boolean,
  ): Promise<boolean> {
    let isEmpty = isWiped
    if (!isEmpty && this.#options.eraseAll && !transfer.hasWritten) {
      await this.#context.decide(ERASE_ALL, 'Erase everything in the flash of this chip?', {})
      this.#enter('preparing', standing.writing)
      await transfer.beginEmpty()
      isEmpty = await this.#eraseAll(writer, connection)
    }
    if (!isEmpty) {
      this.#enter('preparing', this.#standing)
      await transfer.prepare()
    }
    return isEmpty
  }

  async #writeAndProve(writer: FlashWriter, transfer: PageTransfer, isEmpty: boolean): Promise<void> {
    this.#enter('transferring', standing.writing)
    await transfer.writeAll(isEmpty)
    await this.#prove(writer, transfer)
  }

  async #removeWriteProtection(connection: LoaderConnection, { message, details }: FlashproofError): Promise<void> {
    this.#enter(this.#phase, standing.protected)
    const question = `${message}. Take the write protection of the whole chip away?`
    await this.#context.decide(REMOVE_WRITE_PROTECTION, question, { ...details })
    await this.#unprotect(connection, COMMAND.writeUnprotect)
  }

  /** @returns whether the chip is empty; else each page is erased when its turn comes */
  async #eraseAll(writer: FlashWriter, connection: LoaderConnection): Promise<boolean> {
    const map = flashMapOf(connection.productId, this.#options)
    if (await writer.massErase(map.pages.slice(0, 1))) return true
    this.#context.log(
      'info',
      'flash.page-list',
      'this chip cannot be erased at once: its pages are erased one after the other',
    )
    await writer.erase(map.pages, [])
    return true
  }

  async #prove(writer: FlashWriter, transfer: PageTransfer): Promise<void> {
    const context = this.#context
    const { image } = this.#order
    if (!this.#hasWords) this.#addWords(transfer)
    this.#hasWords = true
    this.#enter('verifying', standing.unproven)
    const origin = image.baseAddress ?? this.#options.base
    const { sha256 } = await readBack(transfer.written, origin, image.bytes.length, {
      writer,
      edge: () => transfer.edge(),
      rewrite: ({ page }) => transfer.rewrite(page),
      log: (level, code, text) => {
        context.log(level, code, text)
      },
    })
    const matches = sha256 === image.sha256
    context.addEvidence({ level: 'stored', basis: 'host-read', method: 'read-back', value: sha256, matches })
  }

  #addWords(transfer: PageTransfer): void {
    const { image } = this.#order
    const bytes = String(image.segments.reduce((sum, segment) => sum + segment.bytes.length, 0))
    const pages = String(transfer.written.length)
    const said = { basis: 'device-said', method: 'write-acknowledged', value: `${pages} pages`, matches: null } as const
    this.#context.addEvidence({ level: 'sent', basis: 'host-sent', method: 'byte-count', value: bytes, matches: null })
    this.#context.addEvidence({ level: 'acknowledged', ...said })
  }

  #transferOf(writer: FlashWriter, pages: readonly PlannedPage[], connection: LoaderConnection): PageTransfer {
    const { image } = this.#order
    return new PageTransfer(writer, this.#context, {
      pages,
      imageSha256: image.sha256,
      targetPath: `${String(connection.productId)}:${String(image.baseAddress ?? this.#options.base)}`,
      skipUnchanged: this.#options.skipUnchanged,
      erasedByte: erasedByteOf(connection.productId),
      reconnect: async () => {
        await awaitLoader(connection, this.#endpoint.text, this.#world)
        await this.#identify(connection)
      },
    })
  }

  #enter(phase: PhaseState, board: BoardStanding): void {
    this.#phase = phase
    this.#standing = board
    this.#context.enter(phase, board)
  }

  get #anySignal(): AbortSignal {
    return AbortSignal.any([this.#context.signal, this.#context.requestSignal])
  }

  get #world(): ConnectWorld {
    const { clock, retryPolicy, signal, requestSignal } = this.#context
    return {
      clock,
      times: timesFor(retryPolicy),
      signal,
      requestSignal,
      isLook: false,
      log: text => {
        this.#context.log('info', 'loader.connect', text)
      },
    }
  }
}

/** A protected chip refuses every read. @throws {FlashproofError} network.* */
export async function isReadable({ session, commands }: LoaderConnection): Promise<boolean> {
  if (!commands.codes.has(COMMAND.read)) return false
  for (let attempt = 1; ; attempt++) {
    try {
      await session.read(FLASH_START, GLANCE_BYTES)
      return true
    } catch (error) {
      if (!hasErrorCode(error, 'loader.refused', 'loader.broken-frame', 'network.timeout')) throw error
      if (isRefusal(error) && attempt >= GLANCES) return false
      if (attempt >= 2 * GLANCES) throw error
      await session.resync(isRefusal(error))
    }
  }
}
