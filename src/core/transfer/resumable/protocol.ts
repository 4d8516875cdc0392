/** `resumable`: the requests of Resumable.js, several chunks at once, each asked for before it is sent (seed 2). */
import type { Endpoint } from '../../discovery/target.ts'
import { authorised } from '../../links/http-auth.ts'
import { HttpClient } from '../../links/http-client.ts'
import { endpointOf, noMatch } from '../endpoint-of.ts'
import { defaultRequiredLevel } from '../evidence.ts'
import { authFor, fileServerReach } from '../file-server.ts'
import { OTHER_PROJECT } from '../judgement.ts'
import { lookAtTelemetry } from '../telemetry-questions.ts'
import type { ReadingContext, TransferProtocol } from '../transfer-protocol.ts'
import { FILE_EXISTS, judgeExisting, judgeImage, judgeRequired } from './checks.ts'
import { optionSpecs, profiles, readOptions, type ResumableOptions } from './options.ts'
import { readSummary, summaryRequest, type SummaryAnswer } from './requests.ts'
import { ResumableRun } from './run.ts'

const id = 'resumable'
const PROBE_NAME = 'flashproof-probe.bin'

export const resumable: TransferProtocol = {
  descriptor: {
    id,
    label: { en: 'Resumable.js upload', vi: 'Tải lên kiểu Resumable.js' },
    endpoints: ['http'],
    options: [...optionSpecs],
    profiles: [...profiles],
    decisions: [OTHER_PROJECT, FILE_EXISTS, 'resume-unidentified'],
    reach: { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', running: 'probe', confirmed: 'probe' },
  },

  accepts: (endpoint: Endpoint) => endpoint.kind === 'http',

  validate({ options, fileName }) {
    authFor(readOptions(options, fileName))
  },

  async probe(endpoint, context) {
    const options = readOptions({}, PROBE_NAME)
    const client = new HttpClient(endpointOf('http', endpoint, id), { connectTimeoutMs: context.timeoutMs })
    try {
      const seen = await askSummaryOf(client, options, PROBE_NAME, context)
      // A server that answers every path alike says nothing by this answer.
      const elsewhere = { ...options, uploadPath: `${options.uploadPath}-flashproof-probe` }
      const isSure = seen.kind === 'not-found' || seen.kind === 'complete'
      if (!isSure || (await askSummaryOf(client, elsewhere, PROBE_NAME, context)).kind !== 'cannot-tell') {
        return noMatch(`no server of Resumable.js that tells of an upload; others are named with “--protocol ${id}”`)
      }
      const telemetry = await lookAtTelemetry(client, options.telemetryPath, context)
      const notes = ['the server can say OK and which size it joined, and prove nothing']
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
      const telemetry =
        options.telemetryPath === '' ? null : await lookAtTelemetry(sender, options.telemetryPath, context)
      // Without the image's hash only a kept name is known here; the run asks for the other one.
      const existing = await askSummaryOf(
        sender,
        options,
        options.keepsFileName ? options.fileName : PROBE_NAME,
        context,
      )
      const isThere = options.keepsFileName && existing.kind === 'complete'
      const reach = fileServerReach(telemetry)
      return {
        identity: telemetry?.device ?? null,
        telemetry,
        reach,
        defaultRequired: defaultRequiredLevel(reach),
        judgements: [
          ...judgeRequired(reach, requiredLevel).judgements,
          ...judgeImage({ ...image, isBegun: false }, telemetry),
          ...(isThere ? [judgeExisting(options.fileName, existing.sizeBytes, image.sizeBytes)] : []),
        ],
      }
    } finally {
      await client.close()
    }
  },

  async run(order, context) {
    const options = readOptions(order.options, order.image.fileName)
    const endpoint = endpointOf('http', order.endpoint, id)
    const auth = authFor(options, endpoint.basePath)
    const connectTimeoutMs = Math.min(5000, context.retryPolicy.requestTimeoutMs)
    const clients: HttpClient[] = []
    const connect = (): ReturnType<typeof authorised> => {
      const client = new HttpClient(endpoint, { connectTimeoutMs })
      clients.push(client)
      return authorised(client, auth)
    }
    try {
      return await new ResumableRun(order, options, context, { connect }).run()
    } finally {
      await Promise.all(clients.map(client => client.close()))
    }
  },
}

/** What the server says of an upload of this name that was never begun. */
async function askSummaryOf(
  client: Pick<HttpClient, 'request'>,
  { uploadPath }: ResumableOptions,
  fileName: string,
  { timeoutMs, signal }: ReadingContext,
): Promise<SummaryAnswer> {
  const draft = summaryRequest({
    path: uploadPath,
    identifier: '1-flashproof-probe',
    fileName,
    sizeBytes: 1,
    chunkBytes: 1,
    totalChunks: 1,
    mode: 'multipart',
    retriesServerErrors: false,
  })
  return readSummary(await client.request({ ...draft, timeoutMs, signal }))
}
