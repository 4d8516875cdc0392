/** Puts the protocol together on top of whatever reaches a loader. */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { Endpoint, SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import { noMatch } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import { OTHER_PROJECT } from '../judgement.ts'
import type { ReadingContext, TransferProtocol } from '../transfer-protocol.ts'
import { askBoard, identityOf, readBoard, sampleOf } from './board.ts'
import { reachOf } from './checks.ts'
import type { ConnectBoard, ConnectRequest } from './connection.ts'
import {
  CHANGE_TABLE,
  ERASE_CHIP,
  ERASE_REGION,
  OVERWRITE_RUNNING,
  OVERWRITE_START,
  PROTECTED_CHIP,
} from './decisions.ts'
import { judgeOrder } from './judge.ts'
import { optionSpecs, readOptions, type EspOptions } from './options.ts'
import { EspRun } from './run.ts'

const id = 'esp-serial'

/** What a place answers that is no such board, or none that can be asked now. */
const notThisBoard = [
  'loader.no-answer',
  'loader.silent',
  'loader.not-in-download-mode',
  'loader.broken-frame',
  'loader.refused',
  'loader.unknown-chip',
  'network.timeout',
] as const

/** @param connect how a loader is reached; a test brings its own */
export function createEspSerial(connect: ConnectBoard): TransferProtocol {
  return {
    descriptor: {
      id,
      label: { en: 'ESP32 over a serial line', vi: 'ESP32 qua cổng nối tiếp' },
      endpoints: ['serial', 'tcp', 'rfc2217'],
      options: [...optionSpecs],
      profiles: [],
      decisions: [
        OTHER_PROJECT,
        OVERWRITE_RUNNING,
        OVERWRITE_START,
        CHANGE_TABLE,
        ERASE_REGION,
        ERASE_CHIP,
        PROTECTED_CHIP,
      ],
      reach: {
        sent: 'yes',
        acknowledged: 'yes',
        received: 'no',
        stored: 'probe',
        running: 'probe',
        confirmed: 'probe',
      },
    },
    takesSegments: true,

    accepts: isLine,

    validate({ options }) {
      readOptions(options)
    },

    async probe(endpoint, context) {
      const line = lineOf(endpoint)
      if (line.kind === 'tcp') {
        return noMatch(
          `nothing is sent to ${endpoint.text} unasked, because anything may listen there; name the protocol`,
        )
      }
      const request = requestOf(line, readOptions({}), context)
      try {
        return await askBoard(connect, request, async ({ loader }) => {
          await loader.startStub()
          return {
            isMatch: true,
            isCertain: true,
            identity: identityOf(loader.facts),
            reach: reachOf(loader.abilities, null),
            telemetry: null,
            notes: ['the board was restarted for this question'],
          }
        })
      } catch (thrown) {
        if (!hasErrorCode(thrown, ...notThisBoard)) throw thrown
        return noMatch(thrown.message)
      }
    },

    async review({ endpoint, image, options: values, requiredLevel }, context) {
      const options = readOptions(values)
      const request = requestOf(lineOf(endpoint), options, context)
      return await askBoard(connect, request, async ({ loader }) => {
        if (options.useStub) await loader.startStub()
        const board = await readBoard(loader)
        const telemetry = sampleOf(board, context.clock)
        const { reach, judgements } = judgeOrder({
          image: { ...image, isAddressed: image.inspection.baseAddress !== null },
          board,
          options,
          requiredLevel,
          sample: telemetry,
          earlierPath: null,
        })
        return {
          identity: identityOf(board.facts),
          telemetry,
          reach,
          defaultRequired: defaultRequiredLevel(reach),
          judgements,
        }
      })
    },

    async run(order, context) {
      const endpoint = lineOf(order.endpoint)
      return await new EspRun({ order, options: readOptions(order.options), context, endpoint, connect }).run()
    },
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

function requestOf(
  endpoint: SerialEndpoint | SocketEndpoint,
  options: EspOptions,
  { signal, clock }: ReadingContext,
): ConnectRequest {
  return { endpoint, options, isQuick: true, signal, clock, log: () => undefined }
}
