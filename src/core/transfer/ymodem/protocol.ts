/** `ymodem`: YMODEM and XMODEM senders for bootloaders of their makers' own. */
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { Endpoint, SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import { openByteLink } from '../../links/open-byte-link.ts'
import { noMatch } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import type { Judgement } from '../judgement.ts'
import type { ReadingContext, TransferProtocol } from '../transfer-protocol.ts'
import { CONTROL } from './blocks.ts'
import { judgeImage, judgeRequired, reach } from './checks.ts'
import { optionSpecs, readOptions } from './options.ts'
import { flatten, YmodemRun } from './run.ts'

const id = 'ymodem'

/** Receivers ask about once a second, the slow ones every three. */
const LISTEN_MS = 3000
const REQUESTS = 2

export const ymodem: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'YMODEM / XMODEM (own bootloaders)', vi: 'YMODEM / XMODEM (bộ nạp riêng)' },
    endpoints: ['serial', 'tcp', 'rfc2217'],
    options: [...optionSpecs],
    profiles: [],
    decisions: [],
    reach: { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running: 'no', confirmed: 'no' },
  },

  // It sends one run of bytes, and joins it itself: an order for whatever answers at a line keeps the addresses.
  takesSegments: true,

  accepts: isLine,

  validate({ options, fileName }) {
    readOptions(options, fileName)
  },

  async probe(endpoint, context) {
    const asks = await listensForFile(lineOf(endpoint), context)
    if (!asks) return noMatch('no bootloader asks for a file (YMODEM’s “C”)')
    return { isMatch: true, identity: null, reach, telemetry: null, notes: ['a bootloader asks for a file'] }
  },

  async review({ endpoint, image, options: values, requiredLevel }, { signal, timeoutMs }) {
    const options = readOptions(values, image.fileName)
    const link = await openByteLink(lineOf(endpoint), options.line, { timeoutMs, signal, usedFor: 'YMODEM' })
    await link.close()
    const flat: Judgement[] = []
    try {
      flatten(image.segments, image.inspection.baseAddress, options.base)
    } catch (error) {
      flat.push({ kind: 'refusal', error: asFlashproofError(error) })
    }
    return {
      identity: null,
      telemetry: null,
      reach,
      defaultRequired: defaultRequiredLevel(reach),
      judgements: [...judgeRequired(requiredLevel).judgements, ...judgeImage(image.inspection, false), ...flat],
    }
  },

  async run(order, context) {
    const options = readOptions(order.options, order.image.fileName)
    return await new YmodemRun(order, options, context, lineOf(order.endpoint)).run()
  },
}

/** Listens without a word; a program that prints the letter prints others too. */
async function listensForFile(
  endpoint: SerialEndpoint | SocketEndpoint,
  { signal, timeoutMs }: ReadingContext,
): Promise<boolean> {
  const { line } = readOptions({}, '')
  const link = await openByteLink(endpoint, line, { timeoutMs, signal, usedFor: 'YMODEM' })
  try {
    const untilMs = performance.now() + Math.min(LISTEN_MS, timeoutMs)
    let requests = 0
    for (let restMs = untilMs - performance.now(); restMs > 0; restMs = untilMs - performance.now()) {
      const bytes = await link.readSome({ timeoutMs: restMs, signal })
      requests = bytes.every(byte => byte === CONTROL.c) ? requests + bytes.length : 0
      if (requests >= REQUESTS) return true
    }
    return false
  } catch (error) {
    if (hasErrorCode(error, 'network.timeout') && !signal.aborted) return false
    throw error
  } finally {
    await link.close()
  }
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
