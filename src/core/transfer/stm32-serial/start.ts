/** Starts the program that was written: by a reset with BOOT0 low where that is wired, else by GO. Neither shows that it runs. */
import { hasErrorCode } from '../../../shared/errors.ts'
import { runLineSequence } from '../../links/line-sequence.ts'
import type { TransferContext, TransferOrder } from '../transfer-protocol.ts'
import type { LoaderConnection } from './connect.ts'
import { resetSequence } from './entry.ts'
import type { Stm32Options } from './options.ts'

/** A program that prints at its start does so by then. */
const LISTEN_MS = 300

export interface ProgramStart {
  readonly order: TransferOrder
  readonly options: Stm32Options
  readonly context: TransferContext
  readonly connection: LoaderConnection
  readonly signal: AbortSignal
}

/** Resolves when the program was started, or when it is said why not; the flash is proven already. */
export async function startProgram(start: ProgramStart): Promise<void> {
  const { options, connection, context } = start
  if (options.start === 'none') return
  const isReset = options.start !== 'go' && options.wiring !== null && connection.canReset
  const isStarted = isReset ? await resetByLines(start) : options.start !== 'reset' && (await go(start))
  if (!isStarted) {
    context.warn('The program was not started: set BOOT0 low and reset the chip.')
    return
  }
  if (options.wiring === null) context.warn('Set BOOT0 low again: else the next reset starts the bootloader.')
  await listen(start)
}

async function resetByLines({ options, connection, context, signal }: ProgramStart): Promise<boolean> {
  if (options.wiring === null) return false
  const sequence = resetSequence('program', options.wiring)
  const lines = await runLineSequence(connection.link, sequence, { clock: context.clock, signal })
  if (lines !== null) context.log('info', 'program.reset', 'the chip was reset with BOOT0 low')
  return lines !== null
}

/** @returns whether the loader took the command */
async function go({ order, options, connection, context }: ProgramStart): Promise<boolean> {
  const { image } = order
  // GO takes stack and entry from a vector table.
  if (image.inspection.stm32?.isPlausible !== true) return false
  try {
    await connection.session.go(image.baseAddress ?? options.base)
  } catch (error) {
    if (!hasErrorCode(error, 'loader.refused', 'loader.broken-frame', 'network.timeout') || context.signal.aborted)
      throw error
    context.log('warning', 'program.not-started', error.message)
    return false
  }
  context.log('info', 'program.started', 'the bootloader jumped to the program')
  return true
}

/** Whatever comes is a sign that something runs, and names nothing: it is logged, and is no evidence. */
async function listen({ connection, context, signal }: ProgramStart): Promise<void> {
  try {
    const bytes = await connection.link.readSome({ timeoutMs: LISTEN_MS, signal })
    context.log('info', 'program.output', `the chip sends: ${Buffer.from(bytes).toString('latin1')}`)
  } catch (error) {
    if (signal.aborted) throw error
    context.log('debug', 'program.silent', 'the chip sends nothing, which says nothing')
  }
}
