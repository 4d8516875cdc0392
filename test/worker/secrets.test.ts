/**
 * Secrets are given to jobs whose devices refuse them, repeat them in every answer and in every spelling, and break off;
 * then everything that this computer kept or wrote is searched for them.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { createSocket } from 'node:dgram'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileProducer } from '../../src/host/saving/file-producer.ts'
import { arduinoOta } from '../../src/core/transfer/arduino-ota/protocol.ts'
import { esphomeOta } from '../../src/core/transfer/esphome-ota/protocol.ts'
import { httpUpdate } from '../../src/core/transfer/http-update/protocol.ts'
import type { CallContext } from '../../src/shared/contract/index.ts'
import type { Client } from '../../src/shared/rpc/client.ts'
import { createHandlers } from '../../src/worker/handlers.ts'
import { runCliProcess } from '../cli/cli-process.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../fakes/bench.ts'

const PASSWORD = 'Tr0ub4dor&3/+=ü "x"'
const USERNAME = 'operator'
const policy = {
  ...quickRetryPolicy,
  tries: 2,
  jobTries: 2,
  requestTimeoutMs: 300,
  completionFloorMs: 200,
  rebootTimeoutMs: 200,
}
const context: CallContext = { signal: new AbortController().signal, caller: 'host' }

/** Every spelling that a device may repeat, and that must be found nowhere. */
const spellings: readonly string[] = (() => {
  const bytes = Buffer.from(PASSWORD)
  const percent = encodeURIComponent(PASSWORD)
  return [
    PASSWORD,
    percent,
    percent.replaceAll('%20', '+'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64'),
    Buffer.from(`a:${PASSWORD}`).toString('base64'),
    Buffer.from(`ad:${PASSWORD}`).toString('base64'),
    JSON.stringify(PASSWORD).slice(1, -1),
  ]
})()

/** What is left of a spelling when its first and last characters are shared with a neighbour. */
const needles = spellings.map(text => (text.length > 24 ? text.slice(6, -6) : text))

let bench: Bench
let closers: (() => unknown)[]
let said: string[]
/** Made once: they keep a thread for the journal's pages. */
let handlers: ReturnType<typeof createHandlers>

beforeEach(async () => {
  closers = []
  said = []
  bench = await openBench({
    protocols: [httpUpdate, esphomeOta, arduinoOta],
    retryPolicy: policy,
    emit: (name, payload) => {
      said.push(`${name} ${JSON.stringify(payload)}`)
    },
  })
  handlers = createHandlers({ station: bench.station, emit: () => undefined, stop: () => Promise.resolve() })
})
afterEach(async () => {
  for (const close of closers) await close()
  await bench.close()
})

/** Repeats its secrets wherever an answer has room for text. */
async function talkativePage(onUpload: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const mac = `a0:b7:65:0f:12:${String(10 + closers.length)}`
  const everything = spellings.join(' ')
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      onUpload(request, response)
      return
    }
    if (request.url?.startsWith('/telemetry') === true) {
      const [one = '', two = ''] = [spellings[0], spellings[7]]
      response.end(
        JSON.stringify({
          device: { id: one, name: everything.slice(0, 150), mac, board: two },
          app: { name: `demo ${one}`, version: `1.0 ${two}` },
          boot_count: 7,
          reset_reason: everything.slice(0, 190),
        }),
      )
      return
    }
    response.end("<form method='POST'><input type='file' name='firmware'></form>")
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${String(typeof address === 'object' && address !== null ? address.port : 0)}`
}

/** Answers every upload with words of its own. */
function answering(status: number, text: string): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    request.resume()
    request.on('end', () => response.writeHead(status, { 'x-seen': encodeURIComponent(text) }).end(text))
  }
}

const breaking = (request: IncomingMessage): void => {
  request.once('data', () => request.socket.resetAndDestroy())
}

/** An ESPHome that refuses every password, and one that answers with text. */
async function tcpDevice(talk: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer(socket => {
    socket.on('error', () => undefined)
    talk(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  const address = server.address()
  return `tcp://127.0.0.1:${String(typeof address === 'object' && address !== null ? address.port : 0)}`
}

async function udpDevice(answer: string): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (_message, from) => {
    socket.send(answer, from.port, from.address)
  })
  await new Promise<void>(resolve => {
    socket.bind(0, '127.0.0.1', resolve)
  })
  closers.push(() => socket.close())
  return `udp://127.0.0.1:${String(socket.address().port)}`
}

function refusesPassword(socket: Socket): void {
  socket.once('data', () => {
    socket.write(Uint8Array.of(0, 2))
    socket.once('data', () => {
      socket.write(Buffer.concat([Uint8Array.of(0x40, 1), Buffer.from('ab'.repeat(16))]))
      socket.once('data', () => socket.end(Uint8Array.of(0x82)))
    })
  })
}

/** All files below a folder, archives unpacked. */
function filesBelow(folder: string): { readonly name: string; readonly bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true }).flatMap(entry => {
    const path = join(folder, String(entry))
    if (!statSync(path).isFile()) return []
    const bytes = readFileSync(path)
    return [{ name: path, bytes }, ...(path.endsWith('.zip') ? unzip(bytes, path) : [])]
  })
}

function unzip(bytes: Buffer, path: string): { readonly name: string; readonly bytes: Buffer }[] {
  const parts = []
  for (let at = bytes.indexOf('PK\u0003\u0004'); at >= 0; at = bytes.indexOf('PK\u0003\u0004', at + 4)) {
    const start = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28)
    const content = bytes.readUInt16LE(at + 8) === 8 ? inflateRawSync(bytes.subarray(start)) : bytes.subarray(start)
    parts.push({ name: `${path} at ${String(at)}`, bytes: content })
  }
  return parts
}

function leaks(name: string, content: Buffer | string): string[] {
  return needles.flatMap((needle, index) =>
    content.includes(needle)
      ? [`${name} holds the secret in spelling ${String(index)}: ${spellings[index] ?? ''}`]
      : [],
  )
}

describe('secrets of devices', () => {
  it('are found nowhere after jobs whose devices refuse, repeat and break', { timeout: 60_000 }, async () => {
    const everything = spellings.join(' | ')
    const refusing = await talkativePage(answering(200, `Update error: ${everything}`))
    const confused = await talkativePage(answering(418, everything))
    const successful = await talkativePage(answering(200, `Update Success! ${everything}`))
    const broken = await talkativePage(breaking)
    const esphome = await tcpDevice(refusesPassword)
    const arduino = await udpDevice(`ERR: ${everything}`)
    const orders: readonly { readonly protocol: string; readonly targets: string[]; readonly options?: object }[] = [
      { protocol: 'http-update', targets: [refusing, confused, successful, broken], options: { username: USERNAME } },
      { protocol: 'esphome-ota', targets: [esphome] },
      { protocol: 'esphome-ota', targets: [confused], options: { username: USERNAME } },
      { protocol: 'arduino-ota', targets: [arduino] },
    ]
    const jobIds: string[] = []
    for (const { options, ...order } of orders) {
      const secrets = { password: PASSWORD }
      const jobs = await bench.flash({
        ...order,
        options: { ...options },
        secrets,
        accept: ['other-project'],
        context: { operator: 'An', order: '4711' },
      })
      jobIds.push(...jobs.map(({ jobId }) => jobId))
      said.push(...jobs.map(job => JSON.stringify(job)))
      const { request } = { request: { firmwareId: await bench.firmwareId(demoImage()), ...order, secrets } }
      const reviewed = await handlers['order.review']({ ...request, options: { ...options } }, context)
      said.push(JSON.stringify(reviewed))
    }
    const resumable = jobIds.filter(jobId => bench.station.engine.locate(jobId).snapshot.state !== 'finished')
    for (const jobId of resumable) {
      await bench.station.engine
        .resume({ jobIds: [jobId], secrets: { password: PASSWORD } })
        .catch((error: unknown) => {
          said.push(String(error), JSON.stringify(error))
        })
      said.push(JSON.stringify(await bench.ended(jobId)))
    }
    for (const jobId of jobIds) said.push(JSON.stringify(await handlers['job.trace']({ jobId }, context)))
    said.push(JSON.stringify(await handlers['device.list']({}, context)))
    said.push(...bench.snapshots.map(snapshot => JSON.stringify(snapshot)))
    // The devices were heard to repeat something, or the search would prove nothing.
    expect(said.join('\n')).toContain('•••')

    const files = join(bench.home, 'exported')
    mkdirSync(files)
    const producer = new FileProducer({
      engine: {
        client: { ...asClient(), subscribe: () => () => undefined, close: () => undefined },
        state: () => ({ state: 'ready' }) as never,
      },
      home: files,
      version: '1.0.0',
      now: () => new Date(),
    })
    for (const format of ['csv', 'jsonl', 'json', 'html'] as const) {
      await producer.produce({ kind: 'export', format }, context.signal)
    }
    await producer.produce(
      { kind: 'service-report', jobIds: jobIds.slice(2, 3), language: 'vi', format: 'html' },
      context.signal,
    )
    await producer.produce({ kind: 'support-bundle' }, context.signal)
    await producer.produce({ kind: 'job-log', jobId: jobIds[0] ?? '' }, context.signal)
    await producer.produce({ kind: 'devices' }, context.signal)
    await bench.station.close()

    const found = [
      ...said.flatMap(text => leaks(text.slice(0, 120), text)),
      ...filesBelow(bench.home).flatMap(({ name, bytes }) => leaks(name, bytes)),
    ]
    expect(found).toEqual([])
    expect(filesBelow(files).length).toBeGreaterThan(8)
  })

  it('are found neither in the output of the command line nor in the words that it was started with', async () => {
    const target = await talkativePage((request, response) => {
      request.resume()
      request.on('end', () => response.writeHead(401).end(spellings.join(' ')))
    })
    const image = join(bench.home, 'app.bin')
    await bench.firmwareId(demoImage(), 'app.bin')
    const home = join(bench.home, 'cli')
    const env = { FLASHPROOF_DISCOVERY: 'off', DEVICE_WORD: PASSWORD }
    const argv = ['flash', image, '--to', target, '--protocol', 'http-update', '--secret', 'password=env:DEVICE_WORD']
    const words = [...argv, '--set', `username=${USERNAME}`, '--accept', 'other-project', '--verbose']
    const results = await Promise.all([
      runCliProcess(words, { home, env }),
      runCliProcess([...words, '--json'], { home: `${home}-json`, env }),
    ])
    expect(results.map(({ exitCode }) => exitCode)).toEqual([1, 1])
    expect(results[1].out).toContain('•••')
    const shown = await runCliProcess(['log', 'list', '--json'], { home, env })
    const resumed = await runCliProcess(['resume', 'j-none', '--secret', 'password=env:DEVICE_WORD'], { home, env })
    expect(resumed.err).not.toContain('secret')
    const texts = [...results, shown, resumed].flatMap(({ out, err }) => [out, err])
    expect(texts.flatMap(text => leaks(text.slice(0, 80), text))).toEqual([])
    expect([home, `${home}-json`].flatMap(filesBelow).flatMap(({ name, bytes }) => leaks(name, bytes))).toEqual([])
    expect(words.join(' ')).not.toContain(PASSWORD)
  })
})

/** What a worker answers, without a process between. */
function asClient(): Pick<Client, 'call'> {
  type Ask = (request: unknown, context: CallContext) => unknown
  return {
    // Every handler takes its own request; the contract pairs them by name.
    call: (name, request) => Promise.resolve((handlers[name as 'job.list'] as never as Ask)(request, context)) as never,
  }
}
