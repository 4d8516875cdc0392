/** `guid-chunks`: an init, PUTs with a ten-byte header, and a completion that the last chunk brings by itself (seed 5). */
import type { Endpoint } from '../../discovery/target.ts'
import { authorised, type RequestSender } from '../../links/http-auth.ts'
import { HttpClient } from '../../links/http-client.ts'
import { endpointOf, noMatch } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import { authFor, fileServerReach } from '../file-server.ts'
import { OTHER_PROJECT } from '../judgement.ts'
import { lookAtTelemetry } from '../telemetry-questions.ts'
import type { TransferProtocol } from '../transfer-protocol.ts'
import { judgeImage, judgeRequired } from './checks.ts'
import { optionSpecs, profiles, readOptions } from './options.ts'
import { readRoute } from './requests.ts'
import { GuidChunksRun } from './run.ts'

const id = 'guid-chunks'
/** Where the protocol's own server has the same route once more (PsWebHost, `uploadUrl` of its init). */
const SERVER_PREFIX = '/apps/WebhostFileExplorer'

export const guidChunks: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'Chunk upload to a file server (GUID)', vi: 'Tải lên máy chủ tệp theo khối (GUID)' },
    endpoints: ['http'],
    options: [...optionSpecs],
    profiles: [...profiles],
    decisions: [OTHER_PROJECT],
    reach: { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running: 'probe', confirmed: 'probe' },
  },

  accepts: (endpoint: Endpoint) => endpoint.kind === 'http',

  validate({ options, fileName }) {
    authFor(readOptions(options, fileName))
  },

  async probe(endpoint, context) {
    const http = endpointOf('http', endpoint, id)
    const { uploadPath, telemetryPath } = readOptions({}, 'probe.bin')
    const client = new HttpClient(http, { connectTimeoutMs: context.timeoutMs })
    const ask = { timeoutMs: context.timeoutMs, signal: context.signal }
    try {
      const look = async (path: string): Promise<ReturnType<typeof readRoute>> =>
        readRoute(await client.request({ method: 'GET', path, ...ask }))
      const route = await look(uploadPath)
      if (route === 'none') return noMatch('the upload route of guid-chunks is not there')
      // A server that answers every path alike says nothing by this answer.
      const isAlike = (await look(`${uploadPath}-flashproof-probe`)) !== 'none'
      const isSure = route === 'upload-route' || (await look(SERVER_PREFIX + uploadPath)) !== 'none'
      if (isAlike || !isSure) return noMatch(`reading cannot tell whether this is ${id}: name it with “--protocol”`)
      const telemetry = await lookAtTelemetry(client, telemetryPath, context)
      const notes = ['the server can say OK and how many bytes it kept, and prove nothing']
      return { isMatch: true, identity: telemetry?.device ?? null, reach: fileServerReach(telemetry), telemetry, notes }
    } finally {
      await client.close()
    }
  },

  async review({ endpoint, image, options: values, requiredLevel }, context) {
    const options = readOptions(values, image.fileName)
    const http = endpointOf('http', endpoint, id)
    const client = new HttpClient(http, { connectTimeoutMs: context.timeoutMs })
    const sender = authorised(client, authFor(options, http.basePath))
    try {
      const { timeoutMs, signal } = context
      const telemetry =
        options.telemetryPath === '' ? null : await lookAtTelemetry(sender, options.telemetryPath, context)
      if (options.telemetryPath === '') {
        await sender.request({ method: 'GET', path: options.uploadPath, timeoutMs, signal })
      }
      const reach = fileServerReach(telemetry)
      return {
        identity: telemetry?.device ?? null,
        telemetry,
        reach,
        defaultRequired: defaultRequiredLevel(reach),
        judgements: [
          ...judgeRequired(reach, requiredLevel).judgements,
          ...judgeImage({ ...image, isBegun: false }, telemetry),
        ],
      }
    } finally {
      await client.close()
    }
  },

  async run(order, context) {
    const options = readOptions(order.options, order.image.fileName)
    const endpoint = endpointOf('http', order.endpoint, id)
    // The address of an upload counts from the root of the server, whatever path the target has.
    const client = new HttpClient(
      { ...endpoint, basePath: '' },
      { connectTimeoutMs: Math.min(5000, context.retryPolicy.requestTimeoutMs) },
    )
    const sender: RequestSender = authorised(client, authFor(options))
    try {
      return await new GuidChunksRun(order, options, context, { endpoint, client: sender }).run()
    } finally {
      await client.close()
    }
  },
}
