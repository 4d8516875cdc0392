import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { parseTarget } from '../../../src/core/discovery/target.ts'
import { HttpClient, MAX_ANSWER_BYTES, type HttpRequest } from '../../../src/core/links/http-client.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Listener {
  listen(port: number, host: string, ready: () => void): unknown
  address(): unknown
}

async function listen(server: Listener): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  server.listen(0, '127.0.0.1', () => {
    resolve(undefined)
  })
  await promise
  const address = server.address()
  return typeof address === 'object' && address !== null && 'port' in address ? Number(address.port) : 0
}

/** A server that counts its connections. */
async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly client: HttpClient; readonly port: number; connections(): number }> {
  let connections = 0
  const server = createHttpServer(handle)
  server.on('connection', () => connections++)
  const port = await listen(server)
  const client = clientOf(port)
  closers.push(
    () => client.close(),
    () => server.closeAllConnections(),
    () => server.close(),
  )
  return { client, port, connections: () => connections }
}

function clientOf(port: number, path = ''): HttpClient {
  const endpoint = parseTarget(`http://127.0.0.1:${String(port)}${path}`)
  if (endpoint.kind !== 'http') throw new Error('no http endpoint')
  return new HttpClient(endpoint, { connectTimeoutMs: 2000 })
}

async function codeOf(calling: Promise<unknown>): Promise<string> {
  try {
    await calling
    return 'answered'
  } catch (error) {
    return error instanceof FlashproofError ? error.code : String(error)
  }
}

const get: HttpRequest = { method: 'GET', path: '/x', timeoutMs: 2000 }

describe('the HTTP client', () => {
  it('sends the path below the base path and reads the whole answer', async () => {
    const seen: string[] = []
    const { port } = await serve((request, response) => {
      let body = ''
      request.on('data', (piece: Buffer) => (body += piece.toString()))
      request.on('end', () => {
        seen.push(`${String(request.method)} ${String(request.url)} ${body} ${String(request.headers['x-a'])}`)
        response.writeHead(418, { 'content-type': 'text/plain' })
        response.write('one ')
        response.end('two')
      })
    })
    const client = clientOf(port, '/base/')
    closers.push(() => client.close())
    const answer = await client.request({
      method: 'POST',
      path: '/upload/a%20b/3',
      headers: { 'x-a': 'b' },
      body: Buffer.from('body'),
      timeoutMs: 2000,
    })
    expect(seen).toEqual(['POST /base/upload/a%20b/3 body b'])
    expect([answer.status, answer.contentType, Buffer.from(answer.body).toString()]).toEqual([
      418,
      'text/plain',
      'one two',
    ])
    expect(answer.durationMs).toBeGreaterThan(0)
  })

  it('uses one connection for requests one after another, and refuses two at once', async () => {
    const { client, connections } = await serve((_request, response) => response.end('{}'))
    for (let index = 0; index < 20; index++) await client.request(get)
    expect(connections()).toBe(1)
    const first = client.request(get)
    expect(await codeOf(client.request(get))).toBe('internal.unexpected')
    expect((await first).status).toBe(200)
    expect(connections()).toBe(1)
  })

  it('opens another connection after the device closed the first', async () => {
    const { client, connections } = await serve((_request, response) => {
      response.setHeader('connection', 'close')
      response.end('{}')
    })
    for (let index = 0; index < 3; index++) await client.request(get)
    expect(connections()).toBe(3)
  })

  it('never asks a proxy', async () => {
    const asked: string[] = []
    const proxy = createServer(socket => {
      asked.push('connected')
      socket.destroy()
    })
    const proxyPort = await listen(proxy)
    closers.push(() => proxy.close())
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'] as const
    const before = names.map(name => process.env[name])
    for (const name of names)
      process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : `http://127.0.0.1:${String(proxyPort)}`
    closers.push(() => {
      for (const [index, name] of names.entries()) {
        const value = before[index]
        if (value === undefined) Reflect.deleteProperty(process.env, name)
        else process.env[name] = value
      }
    })
    const { client } = await serve((_request, response) => response.end('direct'))
    const answer = await client.request(get)
    expect([Buffer.from(answer.body).toString(), asked]).toEqual(['direct', []])
  })

  it('never follows a redirect', async () => {
    const paths: string[] = []
    const { client } = await serve((request, response) => {
      paths.push(String(request.url))
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    expect((await client.request(get)).status).toBe(302)
    expect(paths).toEqual(['/x'])
  })

  it('gives a web page as it is: judging it is the protocol’s business', async () => {
    const { client } = await serve((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end('<html>"success":true</html>')
    })
    const answer = await client.request(get)
    expect([answer.status, answer.contentType]).toEqual([200, 'text/html'])
  })
})

describe('the HTTP client names what failed', () => {
  it('a closed port: never sent', async () => {
    const server = createServer()
    const port = await listen(server)
    await new Promise(resolve => server.close(resolve))
    const client = clientOf(port)
    closers.push(() => client.close())
    expect(await codeOf(client.request(get))).toBe('network.refused')
  })

  it('a name that nobody has', async () => {
    const endpoint = parseTarget('http://flashproof-nowhere.invalid')
    if (endpoint.kind !== 'http') throw new Error('no http endpoint')
    const client = new HttpClient(endpoint, { connectTimeoutMs: 2000 })
    closers.push(() => client.close())
    expect(await codeOf(client.request(get))).toMatch(/^network\.(name-not-found|unreachable)$/)
  })

  it.each([
    ['a reset before an answer', (socket: Socket) => socket.resetAndDestroy()],
    ['a close before an answer', (socket: Socket) => socket.destroy()],
    ['a close inside an answer', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')],
  ])('%s: perhaps acted on', async (_name, behave) => {
    const server = createServer(socket => {
      socket.on('error', () => undefined)
      socket.once('data', () => behave(socket))
    })
    const port = await listen(server)
    const client = clientOf(port)
    closers.push(
      () => client.close(),
      () => server.close(),
    )
    expect(await codeOf(client.request(get))).toBe('network.reset')
  })

  it('an answer that is no HTTP: somebody else listens there', async () => {
    const server = createServer(socket => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.9\r\n'))
    })
    const port = await listen(server)
    const client = clientOf(port)
    closers.push(
      () => client.close(),
      () => server.close(),
    )
    expect(await codeOf(client.request(get))).toBe('device.not-speaking')
  })

  it('silence, and goes on with a new connection', async () => {
    let count = 0
    const { client } = await serve((_request, response) => {
      if (++count > 1) response.end('{}')
    })
    expect(await codeOf(client.request({ ...get, timeoutMs: 60 }))).toBe('network.timeout')
    expect((await client.request(get)).status).toBe(200)
  })

  it('an answer that never ends', async () => {
    const { client } = await serve((_request, response) => {
      response.write('x')
    })
    expect(await codeOf(client.request({ ...get, timeoutMs: 60 }))).toBe('network.timeout')
  })

  it('an answer larger than any device’s, and takes one that is just small enough', async () => {
    let sizeBytes = MAX_ANSWER_BYTES
    const { client } = await serve((_request, response) => response.end(Buffer.alloc(sizeBytes)))
    expect((await client.request(get)).body).toHaveLength(MAX_ANSWER_BYTES)
    sizeBytes++
    expect(await codeOf(client.request(get))).toBe('network.answer-too-large')
  })

  it('an abort, with the reason that was given, before and during the request', async () => {
    const { client } = await serve(() => undefined)
    const reason = new FlashproofError('job.cancelled', 'stop')
    expect(await codeOf(client.request({ ...get, signal: AbortSignal.abort(reason) }))).toBe('job.cancelled')
    const controller = new AbortController()
    const calling = codeOf(client.request({ ...get, signal: controller.signal }))
    controller.abort(reason)
    expect(await calling).toBe('job.cancelled')
  })
})

describe('HttpClient with a long body', () => {
  const image = Buffer.alloc(40_000, 7)
  const post = {
    method: 'POST',
    path: '/up',
    body: [Buffer.from('head'), image, Buffer.from('end')],
    timeoutMs: 2000,
  } as const

  it('waits before the last piece, and tells what the network took', async () => {
    let received = 0
    const { client } = await serve((request, response) => {
      request.on('data', (piece: Buffer) => (received += piece.length))
      request.on('end', () => response.end('ok'))
    })
    const sent: number[] = []
    let receivedBefore = -1
    const answer = await client.request({
      ...post,
      onSent: sentBytes => sent.push(sentBytes),
      beforeLastPiece: async () => {
        while (received < (sent.at(-1) ?? 0)) await new Promise(resolve => setImmediate(resolve))
        receivedBefore = received
      },
    })
    expect([answer.status, received, sent.at(-1)]).toEqual([200, 40_007, 40_007])
    // Nothing of the last piece had left.
    expect(receivedBefore).toBe(sent.at(-2))
    expect(sent).toEqual([...sent].sort((left, right) => left - right))
  })

  it('sends small pieces until the network takes them at once, and again when it does not', async () => {
    const { client } = await serve((request, response) => {
      // Long enough that everything between the two ends is full.
      setTimeout(() => request.resume(), 50)
      request.on('end', () => response.end('ok'))
    })
    const sizes: number[] = []
    let sentBefore = 0
    const body = new Uint8Array(24 * 1024 * 1024)
    const onSent = (sentBytes: number): void => {
      sizes.push(sentBytes - sentBefore)
      sentBefore = sentBytes
    }
    const answer = await client.request({ ...post, body, onSent })
    expect([answer.status, sentBefore]).toEqual([200, body.length])
    expect(sizes.slice(0, 6)).toEqual([4096, 4096, 8192, 16_384, 32_768, 65_536])
    expect(Math.max(...sizes)).toBe(65_536)
    expect(sizes.indexOf(4096, 6)).toBeGreaterThan(6)
  })

  it('ends the connection when what must precede the last piece fails', async () => {
    const { client } = await serve((request, response) => {
      request.resume().on('end', () => response.end('ok'))
    })
    const failed = client.request({
      ...post,
      onSent: () => undefined,
      beforeLastPiece: () => Promise.reject(new FlashproofError('journal.disk-full', 'no room')),
    })
    expect(await codeOf(failed)).toBe('journal.disk-full')
    expect((await client.request({ ...post, body: Buffer.from('x') })).status).toBe(200)
  })

  it('asks for an end of the connection where a request wants it', async () => {
    const asked: (string | undefined)[] = []
    const { client, connections } = await serve((request, response) => {
      asked.push(request.headers.connection)
      request.resume().on('end', () => response.end('ok'))
    })
    await client.request({ ...post, endsConnection: true })
    await client.request(get)
    expect([asked, connections()]).toEqual([['close', 'keep-alive'], 2])
  })

  it('shows no query in an error, because some devices want their password there', async () => {
    const { port } = await serve(request => request.socket.destroy())
    const errors = await Promise.all(
      ['/cm?password=geheim', '/cm'].map(async path => {
        try {
          return await clientOf(port).request({ ...get, path })
        } catch (error) {
          return error
        }
      }),
    )
    for (const error of errors) {
      if (!(error instanceof FlashproofError)) throw new Error('the request was answered')
      const { message, details } = error
      expect(message + JSON.stringify(details)).not.toContain('geheim')
      expect(message).toContain('GET /cm:')
    }
  })
})
