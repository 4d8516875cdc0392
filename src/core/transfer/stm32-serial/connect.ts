/** From an endpoint to a loader that answers: opens the line, resets the chip where that is wired, wakes the loader, asks what it is. */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { Clock } from '../../clock.ts'
import type { SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import { runLineSequence } from '../../links/line-sequence.ts'
import { openByteLink } from '../../links/open-byte-link.ts'
import { resetSequence } from './entry.ts'
import { COMMAND } from './frames.ts'
import type { Stm32Options } from './options.ts'
import { Stm32Session, type LoaderCommands } from './session.ts'
import type { LoaderTimes } from './times.ts'

/** Where every loader finds the rate (AN3155 names 115200 as the fastest that is tested, stm32flash takes this one). */
const SAFE_BAUD_RATE = 57_600
const GET_TRIES = 4
/** A loader that was just reset, or that erases, is called again after this long. */
const CALL_AGAIN_MS = 200

export interface ConnectWorld {
  readonly clock: Clock
  readonly times: LoaderTimes
  /** Ends waiting. */
  readonly signal: AbortSignal
  /** Ends exchanges under way. */
  readonly requestSignal: AbortSignal
  /** A place that is only looked at: nothing is sent but the byte that wakes the loader, at one rate. */
  readonly isLook: boolean
  log(text: string): void
}

export class LoaderConnection {
  readonly link: ByteLink
  readonly session: Stm32Session
  readonly commands: LoaderCommands
  readonly productId: number
  /** Whether DTR and RTS reset the chip. */
  readonly canReset: boolean

  constructor(link: ByteLink, session: Stm32Session, found: LoaderAnswers, canReset: boolean) {
    this.link = link
    this.session = session
    this.commands = found.commands
    this.productId = found.productId
    this.canReset = canReset
  }

  /** The one of the two erase commands that this loader has. @throws {FlashproofError} loader.refused when it has none */
  get eraseCommand(): typeof COMMAND.erase | typeof COMMAND.extendedErase {
    const { codes } = this.commands
    if (codes.has(COMMAND.extendedErase)) return COMMAND.extendedErase
    if (codes.has(COMMAND.erase)) return COMMAND.erase
    throw new FlashproofError('loader.refused', 'the bootloader lists no command to erase', { command: 'erase' })
  }
}

interface LoaderAnswers {
  readonly commands: LoaderCommands
  readonly productId: number
}

/**
 * Resolves with a loader that told its commands and its product.
 * @throws {FlashproofError} loader.no-answer, serial.*, network.*
 */
export async function connectLoader(
  endpoint: SerialEndpoint | SocketEndpoint,
  options: Pick<Stm32Options, 'baudRate' | 'parity' | 'wiring'>,
  world: ConnectWorld,
): Promise<LoaderConnection> {
  const { baudRate, parity, wiring } = options
  const { signal, requestSignal, times } = world
  const waiting = { timeoutMs: 10 * times.replyMs, signal, usedFor: 'the STM32 bootloader' }
  const link = await openByteLink(endpoint, { baudRate, parity }, waiting)
  try {
    const session = new Stm32Session(link, times, AbortSignal.any([signal, requestSignal]))
    for (const rate of world.isLook ? [baudRate] : ratesFor(link, baudRate)) {
      if (link.settings.baudRate !== rate) {
        world.log(`no answer at ${String(link.settings.baudRate)} baud: ${String(rate)} baud is tried`)
        await link.configure({ baudRate: rate })
      }
      const canReset =
        wiring !== null &&
        (await runLineSequence(link, resetSequence('loader', wiring), { clock: world.clock, signal })) !== null
      if (wiring !== null && !canReset) world.log('DTR and RTS cannot be set here: reset the chip by hand')
      if (!(await session.sync(!world.isLook))) continue
      const found = await ask(session)
      if (found !== null) return new LoaderConnection(link, session, found, canReset)
    }
    throw noAnswer(endpoint.text, link)
  } catch (error) {
    await link.close()
    throw error
  }
}

/**
 * Finds the loader again that restarts or erases its whole flash.
 * @throws {FlashproofError} loader.no-answer after the time of a mass erase
 */
export async function awaitLoader(connection: LoaderConnection, where: string, world: ConnectWorld): Promise<void> {
  const { session, link } = connection
  const untilMs = performance.now() + world.times.massEraseMs
  do {
    await world.clock.delay(CALL_AGAIN_MS, world.signal)
    if ((await session.sync(false)) && (await ask(session)) !== null) return
  } while (performance.now() < untilMs)
  throw noAnswer(where, link)
}

function ratesFor(link: ByteLink, baudRate: number): readonly number[] {
  // Raw TCP has its rate at the far end.
  return link.canConfigure && baudRate > SAFE_BAUD_RATE ? [baudRate, SAFE_BAUD_RATE] : [baudRate]
}

/** @returns null where what answers is no such loader: a program that happens to send the same byte */
async function ask(session: Stm32Session): Promise<LoaderAnswers | null> {
  for (let attempt = 1; attempt <= GET_TRIES; attempt++) {
    try {
      return { commands: await session.get(), productId: await session.productId() }
    } catch (error) {
      if (!hasErrorCode(error, 'loader.refused', 'loader.broken-frame', 'network.timeout')) throw error
      // The first command goes out at once; an answer too many (L412, L422) is in front of its own, and gone the next time.
      const isStray = attempt === 1 && !hasErrorCode(error, 'network.timeout')
      if (!isStray && !(await session.sync(false))) return null
    }
  }
  return null
}

function noAnswer(where: string, { settings, modemLines }: ByteLink): FlashproofError {
  const message = `no STM32 bootloader answers at ${where}: it must have been reset with BOOT0 high, and the line needs even parity`
  return new FlashproofError('loader.no-answer', message, {
    target: where,
    baudRate: settings.baudRate,
    parity: settings.parity,
    modemLines,
  })
}
