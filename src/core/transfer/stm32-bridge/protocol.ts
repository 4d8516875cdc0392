/** `stm32-bridge`: the image to the web page of an ESP32, which passes it on to an STM32 over its UART (seed 3). */
import type { Endpoint } from '../../discovery/target.ts'
import { HttpClient } from '../../links/http-client.ts'
import { endpointOf, noMatch } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import { lookAtTelemetry } from '../telemetry-questions.ts'
import type { TransferProtocol } from '../transfer-protocol.ts'
import { judgeImage, judgeRequired, reach } from './checks.ts'
import { optionSpecs, readOptions } from './options.ts'
import { BridgeRun, REPEAT_DOWNLOAD } from './run.ts'
import { readStatus, statusRequest } from './status.ts'

const id = 'stm32-bridge'

export const stm32Bridge: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'STM32 behind an ESP32 gateway', vi: 'STM32 phía sau gateway ESP32' },
    endpoints: ['http'],
    options: [...optionSpecs],
    profiles: [],
    decisions: [REPEAT_DOWNLOAD],
    reach: { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running: 'no', confirmed: 'no' },
  },

  baseOptionKey: 'flashBase',

  accepts: (endpoint: Endpoint) => endpoint.kind === 'http',

  validate({ options, fileName }) {
    readOptions(options, fileName)
  },

  async probe(endpoint, { signal, timeoutMs }) {
    const client = new HttpClient(endpointOf('http', endpoint, id), { connectTimeoutMs: timeoutMs })
    try {
      const status = readStatus(await client.request({ ...statusRequest, timeoutMs, signal }))
      const note =
        'reading cannot tell an STM32 gateway from another web page, unless it answers GET /status: name the protocol where it is one'
      if (status === null) return noMatch(note)
      return { isMatch: true, identity: null, reach, telemetry: null, notes: [`the gateway says: ${status.state}`] }
    } finally {
      await client.close()
    }
  },

  async review({ endpoint, image, options: values, requiredLevel }, context) {
    const options = readOptions(values, image.fileName)
    const client = new HttpClient(endpointOf('http', endpoint, id), { connectTimeoutMs: context.timeoutMs })
    try {
      const path = options.telemetryPath
      const ask = { timeoutMs: context.timeoutMs, signal: context.signal }
      // Whoever answers here: an address where nobody does must not pass for a gateway.
      const telemetry = path === null ? null : await lookAtTelemetry(client, path, context)
      if (path === null) await client.request({ ...statusRequest, ...ask })
      return {
        identity: telemetry?.device ?? null,
        telemetry,
        reach,
        defaultRequired: defaultRequiredLevel(reach),
        judgements: [
          ...judgeRequired(requiredLevel).judgements,
          ...judgeImage(image.inspection, image.sizeBytes, options),
        ],
      }
    } finally {
      await client.close()
    }
  },

  async run(order, context) {
    const options = readOptions(order.options, order.image.fileName)
    const endpoint = endpointOf('http', order.endpoint, id)
    const connect = (): HttpClient =>
      new HttpClient(endpoint, { connectTimeoutMs: Math.min(5000, context.retryPolicy.requestTimeoutMs) })
    const client = connect()
    try {
      return await new BridgeRun(order, options, context, client, connect).run()
    } finally {
      await client.close()
    }
  },
}
