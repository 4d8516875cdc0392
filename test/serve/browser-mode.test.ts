/** The browser mode over real sockets on the loopback address, with a worker of the test and a stand-in page. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { startBrowserMode, type BrowserMode } from '../../src/serve/browser-mode.ts'
import { createMemoryLinkPair } from '../../src/shared/rpc/memory-link.ts'
import { serve, type Server } from '../../src/shared/rpc/server.ts'
import { createClient, type Client } from '../../src/shared/rpc/client.ts'
import type { Handlers } from '../../src/shared/contract/index.ts'
import type { MessageLink } from '../../src/shared/rpc/message-link.ts'
import type { WorkerExit } from '../../src/shared/rpc/supervisor.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { fakeFirmware } from '../host/fake-engine.ts'
import { fakeWorkerHandlers } from '../fakes/fake-worker-handlers.ts'

const MOST_UPLOAD_BYTES = 4096
let folder = ''
let mode: BrowserMode | null = null
let addresses: URL[] = []
let worker: Server | null = null
let clock = new FakeClock()
const sockets: WebSocket[] = []
const openedPaths: string[] = []

async function start(handlers: Partial<Handlers<'worker'>> = {}): Promise<void> {
  clock = new FakeClock()
  mode = await startBrowserMode({
    home: join(folder, 'home'),
    pageFolder: join(folder, 'page'),
    port: 0,
    timing: clock,
    about: { version: '1.2.3', platform: 'linux', locale: 'en' },
    openWorker: () => {
      const [near, far] = createMemoryLinkPair()
      const exit = Promise.withResolvers<WorkerExit>()
      const kill = (): void => {
        exit.resolve({ code: 0, signal: null })
        far.close()
      }
      worker = serve(far, {
        answers: ['worker'],
        caller: 'host',
        handlers: fakeWorkerHandlers({
          'worker.hello': () => ({ version: '0', pid: 1, nodeVersion: 'v24', home: '' }),
          'worker.stop': () => {
            queueMicrotask(kill)
            return {}
          },
          'job.list': () => ({ jobs: [] }),
          'job.pause': () => ({}),
          'firmware.open': ({ path }) => {
            openedPaths.push(path)
            return fakeFirmware(`fw-${String(openedPaths.length)}`)
          },
          'log.export': ({ outputPath }) => {
            writeFileSync(outputPath, 'the records')
            return { outputPath, records: 0, headHash: null }
          },
          ...handlers,
        }),
      })
      return Promise.resolve({ link: near, exited: exit.promise, kill })
    },
    startSimulator: () => Promise.reject(new Error('not in this test')),
    makeDemoFirmware: () => Promise.reject(new Error('not in this test')),
    onAddress: url => addresses.push(new URL(url)),
    mostUploadBytes: MOST_UPLOAD_BYTES,
  })
}

function address(): URL {
  const newest = addresses.at(-1)
  if (newest === undefined) throw new Error('nothing is served')
  return newest
}

const token = (): string => address().hash.slice(1)

function openSocket(options: { origin?: string; headers?: Record<string, string>; path?: string } = {}): WebSocket {
  const { origin, host } = address()
  const socket = new WebSocket(`ws://${host}${options.path ?? '/station'}`, {
    origin: options.origin ?? origin,
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  })
  socket.on('error', () => undefined)
  sockets.push(socket)
  return socket
}

/** Sends a first frame. @returns the session, or the code that the socket was closed with */
async function introduce(socket: WebSocket, first: unknown): Promise<string | number> {
  const answer = new Promise<string | number>(resolve => {
    socket.once('message', (data: Buffer) => {
      // What comes first is the welcome; the test fails below when it is not.
      resolve((JSON.parse(data.toString()) as { session: string }).session)
    })
    socket.once('close', code => {
      resolve(code)
    })
  })
  await once(socket, 'open')
  socket.send(typeof first === 'string' || Buffer.isBuffer(first) ? first : JSON.stringify(first))
  return await answer
}

interface OpenPage {
  readonly client: Client
  readonly socket: WebSocket
  readonly session: string
  readonly controls: string[]
}

async function openPage(first: object = { token: token() }): Promise<OpenPage> {
  const socket = openSocket()
  const session = await introduce(socket, first)
  if (typeof session === 'number') throw new Error(`refused with ${String(session)}`)
  const link: MessageLink = {
    post: message => {
      socket.send(JSON.stringify(message))
    },
    onMessage: listener => {
      socket.on('message', (data: Buffer) => {
        listener(JSON.parse(data.toString()))
      })
      return () => undefined
    },
    onClose: listener => {
      socket.on('close', listener)
      return () => undefined
    },
  }
  const client = createClient(link, { caller: 'page' })
  const controls: string[] = []
  client.subscribe('control.changed', ({ control }) => {
    controls.push(control)
  })
  return { client, socket, session, controls }
}

/** A request as no browser would send it, with the path as it is. */
async function raw(options: {
  path: string
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer
}): Promise<{ status: number; text: string; headers: Record<string, unknown> }> {
  const { hostname, port, host } = address()
  return await new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, path: options.path, method: options.method ?? 'GET', headers: { host, ...options.headers } },
      response => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, text, headers: response.headers })
        })
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(options.body)
  })
}

const codeOf = async (text: Promise<{ text: string }>): Promise<unknown> =>
  // The answer of an upload; its form is what the test looks at.
  (JSON.parse((await text).text) as { error?: { code: string } }).error?.code

async function upload(
  session: string | null,
  name: string,
  body: string | Buffer,
  headers = {},
): Promise<{ status: number; text: string }> {
  return await raw({
    path: `/firmware?name=${encodeURIComponent(name)}`,
    method: 'POST',
    headers: { origin: address().origin, ...(session === null ? {} : { 'x-flashproof-session': session }), ...headers },
    body,
  })
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-serve-'))
  mkdirSync(join(folder, 'page', 'assets'), { recursive: true })
  writeFileSync(join(folder, 'page', 'index.html'), '<!doctype html><title>Stand-in</title>')
  writeFileSync(join(folder, 'page', 'assets', 'index-8vW9bcyN.js'), `// ${'x'.repeat(3000)}`)
  writeFileSync(join(folder, 'page', 'assets', 'index-8vW9bcyN.js.map'), '{}')
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  addresses = []
  openedPaths.length = 0
})

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate()
  const stopping = mode?.stop()
  await settle()
  await clock.advance(2_000)
  await stopping
  mode = null
  rmSync(folder, { recursive: true, force: true })
})

describe('the page', () => {
  it('is served with exact types and headers that let nothing in from outside', async () => {
    await start()
    const page = await raw({ path: '/' })
    expect(page).toMatchObject({ status: 200, text: '<!doctype html><title>Stand-in</title>' })
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    })
    expect(page.headers['content-security-policy']).toContain("default-src 'self'")
    expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(page.headers['set-cookie']).toBeUndefined()
  })

  it('comes compressed where the browser can, and is kept by its hash', async () => {
    await start()
    const path = '/assets/index-8vW9bcyN.js'
    const script = await raw({ path, headers: { 'accept-encoding': 'gzip, br' } })
    expect(script.headers).toMatchObject({ 'content-encoding': 'br', 'content-type': 'text/javascript; charset=utf-8' })
    expect(script.headers['cache-control']).toContain('immutable')
    const again = await raw({ path, headers: { 'if-none-match': String(script.headers['etag']) } })
    expect(again.status).toBe(304)
  })

  it.each([
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/assets/../../secret.txt',
    '/assets/..\\..\\secret.txt',
    '//secret.txt',
    '/download/../secret.txt',
    '/download/..%2f..%2fsecret.txt',
    '/download/',
    '/__proto__',
    '/assets/index-8vW9bcyN.js.map',
    '/%',
    '/\u0000',
  ])('has nothing at %j', async path => {
    await start()
    const { status, text } = await raw({ path: encodeURI(path).replaceAll('%25', '%') })
    expect([status, text]).toEqual([404, 'not found\n'])
  })

  it.each([['localhost'], ['attacker.example'], ['127.0.0.1'], ['127.0.0.1:1']])(
    'is not served under the name %s',
    async host => {
      await start()
      expect((await raw({ path: '/', headers: { host } })).status).toBe(403)
    },
  )

  it('is not served to another origin, and to no other method', async () => {
    await start()
    expect((await raw({ path: '/', headers: { origin: 'http://attacker.example' } })).status).toBe(403)
    expect((await raw({ path: '/', method: 'DELETE' })).status).toBe(405)
  })

  it('survives what is no HTTP at all', async () => {
    await start()
    const socket = connect(Number(address().port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.resume()
    socket.end('\u0000\u0001 nonsense\r\n\r\n')
    await once(socket, 'close')
    expect((await raw({ path: '/' })).status).toBe(200)
  })

  it('listens on the loopback address alone', async () => {
    await start()
    expect(address().hostname).toBe('127.0.0.1')
  })
})

describe('the socket', () => {
  it('takes the token once and then the session, and prints another address', async () => {
    await start()
    const first = token()
    const { session, client } = await openPage({ token: first })
    await expect(client.call('host.info', {})).resolves.toMatchObject({ kind: 'browser', control: 'control' })
    expect(addresses).toHaveLength(2)
    expect(token()).not.toBe(first)
    expect(await introduce(openSocket(), { token: first })).toBe(4401)
    expect(await introduce(openSocket(), { session })).toBe(session)
  })

  it.each([
    ['a wrong token', { token: 'x' }],
    ['an empty token', { token: '' }],
    ['a wrong session', { session: 'x' }],
    ['a call before the token', { kind: 'call', id: 1, name: 'host.info', request: {}, caller: 'host' }],
    ['null', 'null'],
    ['__proto__', '{"__proto__":{"token":"x"}}'],
  ])('refuses %s', async (_what, first) => {
    await start()
    expect(await introduce(openSocket(), first)).toBe(4401)
  })

  it('refuses frames that are no JSON text, before and after the welcome', async () => {
    await start()
    expect(await introduce(openSocket(), '{')).toBe(1007)
    expect(await introduce(openSocket(), Buffer.from([1, 2]))).toBe(1003)
    const { socket } = await openPage()
    socket.send('{')
    expect((await once(socket, 'close'))[0]).toBe(1007)
  })

  it('refuses frames that are too large', async () => {
    await start()
    const { socket } = await openPage()
    socket.send(JSON.stringify({ kind: 'call', text: 'x'.repeat(1024 * 1024) }))
    expect((await once(socket, 'close'))[0]).toBe(1009)
    await expect(openPage()).resolves.toBeDefined()
  })

  it('ends a socket that says nothing for five seconds', async () => {
    await start()
    const socket = openSocket()
    const closed = once(socket, 'close')
    await once(socket, 'open')
    await vi.waitFor(() => {
      expect(clock.sleeperCount).toBe(1)
    })
    await clock.advance(5_000)
    expect((await closed)[0]).toBe(4408)
  })

  it.each([
    ['another origin', { origin: 'http://attacker.example' }],
    ['the origin of another port', { origin: 'http://127.0.0.1:1' }],
    ['no origin', { origin: '' }],
    ['a foreign Host', { headers: { host: 'attacker.example' } }],
    ['another path', { path: '/other' }],
  ])('is not opened for %s', async (_what, options) => {
    await start()
    const socket = openSocket(options)
    const [response] = await Promise.race([
      once(socket, 'unexpected-response').then(([, answer]) => [answer] as unknown[]),
      once(socket, 'open').then(() => ['opened'] as unknown[]),
    ])
    expect(response).toMatchObject({ statusCode: 403 })
  })

  it('answers unknown, forbidden and malformed calls with their codes, and goes on', async () => {
    await start()
    const { client, socket } = await openPage()
    for (const name of ['no.such', '__proto__', 'constructor']) {
      await expect(client.call(name as 'job.list', {})).rejects.toMatchObject({ code: 'contract.unknown-command' })
    }
    for (const name of ['worker.stop', 'firmware.open', 'log.export'] as const) {
      await expect(client.call(name, { path: '/etc/passwd' })).rejects.toMatchObject({
        code: 'contract.forbidden',
      })
    }
    // A page that calls itself a host is a page.
    await expect(client.call('worker.stop', {}, { caller: 'host' })).rejects.toMatchObject({
      code: 'contract.forbidden',
    })
    await expect(client.call('job.pause', { jobIds: 'x' } as never)).rejects.toMatchObject({
      code: 'contract.invalid-request',
    })
    for (const frame of ['[]', '1', '{"kind":"call"}', '{"kind":"event","name":"jobs.changed"}']) socket.send(frame)
    await expect(client.call('job.list', {})).resolves.toEqual({ jobs: [] })
  })

  it('brings the events of the worker', async () => {
    await start()
    const { client } = await openPage()
    const texts: string[] = []
    client.subscribe('journal.changed', ({ text }) => {
      texts.push(text)
    })
    worker?.emit('journal.changed', { state: 'ok', text: 'heard' })
    await vi.waitFor(() => {
      expect(texts).toEqual(['heard'])
    })
  })
})

describe('control', () => {
  it('is with the first page; another one watches until it takes it', async () => {
    await start()
    const first = await openPage()
    const second = await openPage()
    await expect(second.client.call('host.info', {})).resolves.toMatchObject({ control: 'watch' })
    await expect(second.client.call('job.pause', { jobIds: ['j'] })).rejects.toMatchObject({ code: 'control.not-held' })
    await second.client.call('control.take', {})
    await second.client.call('job.pause', { jobIds: ['j'] })
    await expect(first.client.call('job.pause', { jobIds: ['j'] })).rejects.toMatchObject({ code: 'control.not-held' })
    expect(first.controls).toContain('watch')
  })

  it('stays with a page that is reloaded, and passes on when it does not come back', async () => {
    await start()
    const first = await openPage()
    const second = await openPage()
    first.socket.close()
    await vi.waitFor(() => {
      expect(clock.sleeperCount).toBe(1)
    })
    const reloaded = await openPage({ session: first.session })
    await expect(reloaded.client.call('host.info', {})).resolves.toMatchObject({ control: 'control' })
    reloaded.socket.close()
    await vi.waitFor(() => {
      expect(clock.sleeperCount).toBe(1)
    })
    expect(second.controls).toEqual([])
    await clock.advance(5_000)
    await vi.waitFor(() => {
      expect(second.controls).toEqual(['control'])
    })
  })
})

describe('uploads', () => {
  it('are opened under their own name, in the home, and removed at the end', async () => {
    await start()
    const { session } = await openPage()
    const { status, text } = await upload(session, 'thermostat 2.1.4.bin', 'abcd')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ firmware: { firmwareId: 'fw-1' } })
    expect(openedPaths[0]?.startsWith(join(folder, 'home', 'uploads'))).toBe(true)
    expect(openedPaths[0]?.endsWith('thermostat 2.1.4.bin')).toBe(true)
    for (const socket of sockets) socket.terminate()
    const stopping = mode?.stop()
    await settle()
    await clock.advance(2_000)
    await stopping
    mode = null
    expect(readdirSync(join(folder, 'home', 'uploads'))).toEqual([])
  })

  it.each([
    ['../../secret.bin', 'secret.bin'],
    ['C:\\fakepath\\a.hex', 'a.hex'],
    ['a\u0000b\u202e:c?.bin', 'a_b__c_.bin'],
  ])('named %j are kept as %s', async (name, kept) => {
    await start()
    const { session } = await openPage()
    expect((await upload(session, name, 'abcd')).status).toBe(200)
    const [path = ''] = openedPaths
    expect(path.split('/').at(-1)).toBe(kept)
    expect(path.startsWith(join(folder, 'home', 'uploads'))).toBe(true)
  })

  it.each(['', '..', '/', 'con', 'x'.repeat(300)])('named %j are refused', async name => {
    await start()
    const { session } = await openPage()
    expect(await codeOf(upload(session, name, 'abcd'))).toBe('host.file-refused')
    expect(openedPaths).toEqual([])
  })

  it('are refused without a session, with a wrong one, and from another origin', async () => {
    await start()
    const { session } = await openPage()
    expect((await upload(null, 'a.bin', 'abcd')).status).toBe(401)
    expect((await upload('x', 'a.bin', 'abcd')).status).toBe(401)
    expect((await upload(session, 'a.bin', 'abcd', { origin: 'http://attacker.example' })).status).toBe(403)
    expect(openedPaths).toEqual([])
  })

  it('are refused from a page that only watches', async () => {
    await start()
    await openPage()
    const second = await openPage()
    const answer = await upload(second.session, 'a.bin', 'abcd')
    expect(answer.status).toBe(403)
    expect(await codeOf(Promise.resolve(answer))).toBe('control.not-held')
  })

  it('are refused when they are too large, said beforehand or not', async () => {
    await start()
    const { session } = await openPage()
    const large = Buffer.alloc(MOST_UPLOAD_BYTES + 1)
    const said = await upload(session, 'a.bin', large)
    expect(said.status).toBe(413)
    expect(await codeOf(Promise.resolve(said))).toBe('file.too-large')
    const unsaid = await upload(session, 'a.bin', large, { 'transfer-encoding': 'chunked' })
    expect(unsaid.status).toBe(413)
    expect(readdirSync(join(folder, 'home', 'uploads'))).toEqual([])
  })

  it('that are too large and do not stop coming end with an answer, and the server goes on', async () => {
    await start()
    const { session } = await openPage()
    const { hostname, port, host, origin } = address()
    const connection = connect(Number(port), hostname)
    let answer = ''
    connection.on('data', data => (answer += data.toString()))
    connection.on('error', () => undefined)
    const head = `POST /firmware?name=a.bin HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nX-Flashproof-Session: ${session}`
    connection.write(`${head}\r\nTransfer-Encoding: chunked\r\n\r\n`)
    const part = `1000\r\n${'x'.repeat(4096)}\r\n`
    const send = (): void => {
      while (!connection.destroyed && connection.write(part)) continue
    }
    connection.on('drain', send)
    const closed = new Promise(resolve => connection.once('close', resolve))
    send()
    await closed
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect((await upload(session, 'a.bin', 'abcd')).status).toBe(200)
  })

  it('leave nothing behind when the worker refuses the file', async () => {
    await start({
      'firmware.open': () => {
        throw new Error('broken')
      },
    })
    const { session } = await openPage()
    expect((await upload(session, 'a.bin', 'abcd')).status).toBe(500)
    expect(readdirSync(join(folder, 'home', 'uploads'))).toEqual([])
  })

  it.each([true, false])(
    'that are cut off leave nothing behind, and the server goes on; cut by a reset: %s',
    async isReset => {
      await start()
      const { session } = await openPage()
      const { hostname, port, host, origin } = address()
      const connections = [1, 2, 3].map(() => connect(Number(port), hostname))
      for (const connection of connections) {
        connection.on('error', () => undefined)
        const head = `POST /firmware?name=a.bin HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nX-Flashproof-Session: ${session}`
        connection.write(`${head}\r\nContent-Length: 1000\r\n\r\nabcd`)
      }
      const uploads = join(folder, 'home', 'uploads')
      await vi.waitFor(() => {
        expect(existsSync(uploads) ? readdirSync(uploads) : []).toHaveLength(3)
      })
      for (const connection of connections) {
        if (isReset) connection.resetAndDestroy()
        else connection.destroy()
      }
      await vi.waitFor(() => {
        expect(readdirSync(uploads)).toEqual([])
      })
      expect((await upload(session, 'a.bin', 'abcd')).status).toBe(200)
    },
  )
})

describe('downloads', () => {
  it('are given once, as an attachment', async () => {
    await start()
    const { client } = await openPage()
    const saved = await client.call('file.save', { kind: 'export', format: 'csv' })
    if (saved.outcome !== 'download') throw new Error(`it is a ${saved.outcome}`)
    const first = await raw({ path: saved.url })
    expect(first).toMatchObject({ status: 200, text: 'the records' })
    expect(first.headers['content-disposition']).toContain(`filename="${saved.fileName}"`)
    expect((await raw({ path: saved.url })).status).toBe(404)
    await vi.waitFor(() => {
      expect(readdirSync(join(folder, 'home', 'temporary'))).toEqual([])
    })
  })

  it('that nobody fetches do not fill the disk: the oldest goes', async () => {
    await start()
    const { client } = await openPage()
    const urls: string[] = []
    for (let count = 0; count < 66; count++) {
      const saved = await client.call('file.save', { kind: 'export', format: 'csv' })
      if (saved.outcome !== 'download') throw new Error(`it is a ${saved.outcome}`)
      urls.push(saved.url)
    }
    await vi.waitFor(() => {
      expect(readdirSync(join(folder, 'home', 'temporary'))).toHaveLength(64)
    })
    expect((await raw({ path: urls[1] ?? '' })).status).toBe(404)
    expect((await raw({ path: urls[2] ?? '' })).status).toBe(200)
  })

  it('of a page to print are shown, without anything that could act, until they expire', async () => {
    await start()
    const { client } = await openPage()
    const saved = await client.call('file.save', { kind: 'export', format: 'pdf' })
    if (saved.outcome !== 'print') throw new Error(`it is a ${saved.outcome}`)
    const shown = await raw({ path: saved.url })
    expect(shown.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    expect(shown.headers['content-security-policy']).toContain("default-src 'none'")
    expect(shown.headers['content-disposition']).toBeUndefined()
    await clock.advance(10 * 60_000)
    expect((await raw({ path: saved.url })).status).toBe(404)
  })
})

it('refuses a port that is taken', async () => {
  await start()
  const port = Number(address().port)
  await expect(
    startBrowserMode({
      home: join(folder, 'home'),
      pageFolder: join(folder, 'page'),
      port,
      timing: clock,
      about: { version: '1', platform: 'linux', locale: 'en' },
      openWorker: () => Promise.reject(new Error('not reached')),
      startSimulator: () => Promise.reject(new Error('not reached')),
      makeDemoFirmware: () => Promise.reject(new Error('not reached')),
      onAddress: () => undefined,
    }),
  ).rejects.toMatchObject({ code: 'usage.invalid-value', details: { port } })
})

it('says that the data folder cannot be made', async () => {
  const home = join(folder, 'secret.txt')
  await expect(
    startBrowserMode({
      home,
      pageFolder: join(folder, 'page'),
      port: 0,
      timing: clock,
      about: { version: '1', platform: 'linux', locale: 'en' },
      openWorker: () => Promise.reject(new Error('not reached')),
      startSimulator: () => Promise.reject(new Error('not reached')),
      makeDemoFirmware: () => Promise.reject(new Error('not reached')),
      onAddress: () => undefined,
    }),
  ).rejects.toMatchObject({ code: 'file.not-writable', details: { path: home } })
})
