/** `stm32-serial`: the bootloader in the ROM of STM32 chips over their serial port (ST AN3155), with the flash read back. */
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { Endpoint, SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import { noMatch } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import type { Judgement } from '../judgement.ts'
import { defaultRetryPolicy } from '../retry.ts'
import type { ProtocolReview, ReadingContext, ReviewOrder, TransferProtocol } from '../transfer-protocol.ts'
import {
  ERASE_ALL,
  judgeImage,
  judgeReadoutProtection,
  judgeRequired,
  NO_VECTOR_TABLE,
  reach,
  REMOVE_WRITE_PROTECTION,
  WIPE_PROTECTED_CHIP,
} from './checks.ts'
import { connectLoader, type ConnectWorld, type LoaderConnection } from './connect.ts'
import { flashMapOf } from './flash-map.ts'
import { optionSpecs, readOptions, type Stm32Options } from './options.ts'
import { placeSegments, planPages } from './plan.ts'
import { productName } from './products.ts'
import { isReadable, Stm32Run } from './run.ts'
import { timesFor } from './times.ts'

const id = 'stm32-serial'

export const stm32Serial: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'STM32 bootloader (serial)', vi: 'Bộ nạp STM32 (cổng nối tiếp)' },
    endpoints: ['serial', 'tcp', 'rfc2217'],
    options: [...optionSpecs],
    profiles: [],
    decisions: [NO_VECTOR_TABLE, ERASE_ALL, REMOVE_WRITE_PROTECTION, WIPE_PROTECTED_CHIP],
    reach: { sent: 'yes', acknowledged: 'yes', received: 'yes', stored: 'yes', running: 'no', confirmed: 'no' },
  },

  takesSegments: true,

  accepts: isLine,

  validate({ options }) {
    readOptions(options)
  },

  async probe(endpoint, context) {
    if (endpoint.kind === 'tcp') {
      return noMatch(
        'a raw TCP line is not asked whether an STM32 bootloader is there: the byte could mean anything; name the protocol',
      )
    }
    // Lines are left as they are: a board that runs is not reset for a look.
    const options = { ...readOptions({}), wiring: null }
    try {
      const connection = await connectLoader(lineOf(endpoint), options, lookingWorld(context))
      await connection.link.close()
      const chip = productName(connection.productId)
      return {
        isMatch: true,
        isCertain: true,
        identity: { chip },
        reach,
        telemetry: null,
        notes: [`the bootloader of an ${chip}`],
      }
    } catch (error) {
      if (!hasErrorCode(error, 'loader.no-answer')) throw error
      return noMatch('no STM32 bootloader answers: it does after a reset with BOOT0 high')
    }
  },

  async review(order, context) {
    const options = readOptions(order.options)
    const judgements = [...judgeRequired(order.requiredLevel).judgements, ...judgeImage(order.image, options, false)]
    const review = { telemetry: null, reach, defaultRequired: defaultRequiredLevel(reach) }
    let connection: LoaderConnection
    try {
      // A chip that this computer can reset is left running until the job starts.
      connection = await connectLoader(lineOf(order.endpoint), { ...options, wiring: null }, lookingWorld(context))
    } catch (error) {
      if (options.wiring === null || !hasErrorCode(error, 'loader.no-answer')) throw error
      return { ...review, identity: null, judgements: [...judgements, notAwake] }
    }
    try {
      return { ...review, ...(await judgeChip(connection, order, options, judgements)) }
    } finally {
      await connection.link.close()
    }
  },

  async run(order, context) {
    return await new Stm32Run(order, readOptions(order.options), context, lineOf(order.endpoint)).run()
  },
}

const notAwake: Judgement = {
  kind: 'warning',
  code: 'loader-not-awake',
  text: {
    en: 'The chip is not in its bootloader now; it is reset into it, and asked which chip it is, when the job starts.',
    vi: 'Chip hiện chưa ở bộ nạp; khi bắt đầu, nó sẽ được reset vào bộ nạp và được hỏi là chip nào.',
  },
}

async function judgeChip(
  connection: LoaderConnection,
  { image }: ReviewOrder,
  options: Stm32Options,
  judgements: readonly Judgement[],
): Promise<Pick<ProtocolReview, 'identity' | 'judgements'>> {
  const found: Judgement[] = []
  try {
    const segments = placeSegments(image.segments, image.inspection.baseAddress, options.base)
    planPages(segments, flashMapOf(connection.productId, options))
  } catch (error) {
    found.push({ kind: 'refusal', error: asFlashproofError(error) })
  }
  if (!(await isReadable(connection))) found.push(judgeReadoutProtection(options))
  return { identity: { chip: productName(connection.productId) }, judgements: [...judgements, ...found] }
}

function isLine(endpoint: Endpoint): endpoint is SerialEndpoint | SocketEndpoint {
  return endpoint.kind === 'serial' || endpoint.kind === 'tcp' || endpoint.kind === 'rfc2217'
}

function lineOf(endpoint: Endpoint): SerialEndpoint | SocketEndpoint {
  if (isLine(endpoint)) return endpoint
  throw new FlashproofError('protocol.endpoint-not-accepted', `${id} wants a serial line`, {
    target: endpoint.text,
    protocol: id,
    accepts: ['serial', 'tcp', 'rfc2217'],
  })
}

/** For a look: the byte that wakes the loader, and nothing more where nobody answers it. */
function lookingWorld({ clock, signal, timeoutMs }: ReadingContext): ConnectWorld {
  const times = timesFor({ requestTimeoutMs: Math.min(timeoutMs, defaultRetryPolicy.requestTimeoutMs) })
  return { clock, times, signal, requestSignal: signal, isLook: true, log: () => undefined }
}
