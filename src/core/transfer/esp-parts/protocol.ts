/** `esp-parts`: chunk POSTs to an ESP32, then a completion (seed 1), with the optional endpoints of docs/devices.md. */
import { hasErrorCode } from '../../../shared/errors.ts'
import { isoWithZone } from '../../clock.ts'
import { HttpClient } from '../../links/http-client.ts'
import { httpJsonSource } from '../../telemetry/http-json.ts'
import type { Endpoint } from '../../discovery/target.ts'
import { endpointOf, noMatch } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import { OTHER_PROJECT } from '../judgement.ts'
import type { TransferProtocol } from '../transfer-protocol.ts'
import { judgeImage, judgeRequired } from './checks.ts'
import { optionSpecs, profiles, readOptions } from './options.ts'
import {
  capabilitiesRequest,
  controlRequest,
  readCapabilities,
  routeProbeRequest,
  type Capabilities,
} from './requests.ts'
import { reachOf } from './reach.ts'
import { EspPartsRun } from './run.ts'

const id = 'esp-parts'

export const espParts: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'ESP32 chunk upload', vi: 'Tải lên ESP32 theo khối' },
    endpoints: ['http'],
    options: [...optionSpecs],
    profiles: [...profiles],
    decisions: ['tight-space', OTHER_PROJECT, 'resume-unidentified'],
    reach: {
      sent: 'yes',
      acknowledged: 'yes',
      received: 'probe',
      stored: 'probe',
      running: 'probe',
      confirmed: 'probe',
    },
  },

  accepts: (endpoint: Endpoint) => endpoint.kind === 'http',

  validate({ options, fileName }) {
    readOptions(options, fileName)
  },

  async probe(endpoint, { signal, clock, timeoutMs }) {
    const client = new HttpClient(endpointOf('http', endpoint, id), { connectTimeoutMs: timeoutMs })
    try {
      const ask = { timeoutMs, signal }
      let capabilities: Capabilities | null = null
      try {
        capabilities = readCapabilities(await client.request({ ...capabilitiesRequest, ...ask }))
      } catch (error) {
        if (hasErrorCode(error, 'device.not-speaking', 'network.answer-too-large')) {
          return noMatch('something else answers at this address')
        }
        // A server may answer 500 for a route that it does not have; whether the upload routes are there shows below.
        if (!hasErrorCode(error, 'device.rejected')) throw error
      }
      if (capabilities === null || announcesNothing(capabilities)) {
        const route = await client.request({ ...routeProbeRequest, ...ask })
        if (route.status !== 405) return noMatch('the upload routes are not there')
        const control = await client.request({ ...controlRequest, ...ask })
        if (control.status === 405) return noMatch('the server answers 405 to everything')
      }
      const telemetry = await httpJsonSource().sample({
        client,
        ...ask,
        stamp: () => ({ at: isoWithZone(clock.nowMs()), elapsedMs: 0 }),
      })
      return {
        isMatch: true,
        isCertain: capabilities !== null && !announcesNothing(capabilities),
        identity: telemetry?.device ?? null,
        reach: reachOf(capabilities, telemetry, null),
        telemetry,
        notes: capabilities === null ? ['no optional endpoints: the device can say OK, and prove nothing'] : [],
      }
    } finally {
      await client.close()
    }
  },

  async review({ endpoint, image, options: values, requiredLevel }, { signal, clock, timeoutMs }) {
    const options = readOptions(values, image.fileName)
    const client = new HttpClient(endpointOf('http', endpoint, id), { connectTimeoutMs: timeoutMs })
    try {
      const ask = { timeoutMs, signal }
      const capabilities = await client
        .request({ ...capabilitiesRequest, ...ask })
        .then(readCapabilities)
        // As the run does: a device whose capabilities fail is one without.
        .catch((error: unknown) => {
          if (hasErrorCode(error, 'device.rejected')) return null
          throw error
        })
      const telemetry =
        options.telemetryPath === ''
          ? null
          : await httpJsonSource({ path: options.telemetryPath, map: options.telemetryMap }).sample({
              client,
              ...ask,
              stamp: () => ({ at: isoWithZone(clock.nowMs()), elapsedMs: 0 }),
            })
      const reach = reachOf(capabilities, telemetry, image.inspection)
      const toJudge = { ...image, targetPath: options.targetPath, isResume: false, isUploadBegun: false }
      return {
        identity: telemetry?.device ?? null,
        telemetry,
        reach,
        defaultRequired: defaultRequiredLevel(reach),
        judgements: [...judgeRequired(reach, requiredLevel).judgements, ...judgeImage(toJudge, telemetry)],
      }
    } finally {
      await client.close()
    }
  },

  async run(order, context) {
    const options = readOptions(order.options, order.image.fileName)
    const client = new HttpClient(endpointOf('http', order.endpoint, id), {
      connectTimeoutMs: Math.min(5000, context.retryPolicy.requestTimeoutMs),
    })
    try {
      return await new EspPartsRun(order, options, context, client).run()
    } finally {
      await client.close()
    }
  },
}

/** A server that says `{"status": "ok"}` to everything has a field of that name, and can do nothing of it. */
function announcesNothing({ chunkBytes, hasHash, hasStatus, hasSession }: Capabilities): boolean {
  return chunkBytes === null && !hasHash && !hasStatus && !hasSession
}
