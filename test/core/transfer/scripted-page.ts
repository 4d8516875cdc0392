/** A web server that a test writes answer by answer, and a job against it: for devices with an update page. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JobLogLine, JobSnapshot } from '../../../src/shared/contract/models.ts'
import type { TransferProtocol } from '../../../src/core/transfer/transfer-protocol.ts'
import { suitePolicy } from '../../conformance/suite-policy.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'

export interface PageRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface PageAnswer {
  readonly status?: number
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

export interface ScriptedPage {
  readonly target: string
  readonly requests: PageRequest[]
  /** Requests with a body. */
  uploads(): PageRequest[]
  close(): Promise<void>
}

/** @param answer null ends the connection without a word */
export async function serveScript(
  answer: (request: PageRequest, earlier: readonly PageRequest[]) => PageAnswer | null,
): Promise<ScriptedPage> {
  const requests: PageRequest[] = []
  const server = createServer((incoming, response) => {
    const pieces: Buffer[] = []
    incoming.on('data', (piece: Buffer) => pieces.push(piece))
    incoming.on('end', () => {
      const { method = '', url: path = '', headers } = incoming
      const request = { method, path, headers, body: Buffer.concat(pieces) }
      const answered = answer(request, [...requests])
      requests.push(request)
      if (answered === null) {
        incoming.socket.destroy()
        return
      }
      response.writeHead(answered.status ?? 200, answered.headers ?? {}).end(answered.body ?? '')
    })
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  // Listening on a port, so that the address is one of a network.
  const { port } = server.address() as AddressInfo
  return {
    target: `http://127.0.0.1:${String(port)}`,
    requests,
    uploads: () => requests.filter(({ method }) => method === 'POST'),
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  }
}

export interface PageJob {
  readonly job: JobSnapshot
  readonly log: readonly JobLogLine[]
  readonly image: Uint8Array
  readonly warnings: readonly string[]
}

/** Runs one job with short times: a device that does not restart is left alone after an eighth of `rebootTimeoutMs`. */
export async function flashScript(
  protocol: TransferProtocol,
  page: ScriptedPage,
  more: {
    readonly options?: Readonly<Record<string, string | number | boolean>>
    readonly secrets?: Readonly<Record<string, string>>
    readonly accept?: readonly string[]
    readonly image?: Uint8Array
    readonly require?: 'running' | 'stored'
  } = {},
): Promise<PageJob> {
  const bench: Bench = await openBench({
    protocols: [protocol],
    retryPolicy: { ...suitePolicy, rebootTimeoutMs: 400, jobTries: 2 },
  })
  try {
    const log: JobLogLine[] = []
    bench.watchLog((_jobId, line) => log.push(line))
    const { image = demoImage(20_000), options = {}, secrets = {}, accept = [], require } = more
    const order = { targets: [page.target], protocol: protocol.descriptor.id, options: { ...options } }
    const [job] = await bench.flash(
      { ...order, secrets: { ...secrets }, accept: [...accept], ...(require === undefined ? {} : { require }) },
      image,
    )
    if (job === undefined) throw new Error('no job was started')
    return { job, log, image, warnings: job.warnings }
  } finally {
    await bench.close()
  }
}

/** The one file in a form, and what its headers say. */
export function fileOf({ body, headers }: PageRequest): { readonly head: string; readonly bytes: Buffer } {
  const boundary = String(headers['content-type']).split('boundary=')[1] ?? ''
  const text = body.toString('latin1')
  const start = text.lastIndexOf('\r\n\r\n') < 0 ? 0 : text.indexOf('\r\n\r\n', text.indexOf('filename=')) + 4
  const end = text.lastIndexOf(`\r\n--${boundary}--\r\n`)
  return { head: text.slice(0, start), bytes: body.subarray(start, end) }
}
