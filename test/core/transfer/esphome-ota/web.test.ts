import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../../src/core/clock.ts'
import { isEndpoint, parseTarget } from '../../../../src/core/discovery/target.ts'
import { esphomeOta } from '../../../../src/core/transfer/esphome-ota/protocol.ts'
import type { JobOrderRequest } from '../../../../src/shared/contract/commands.ts'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../../fakes/bench.ts'

let bench: Bench
const closers: (() => unknown)[] = []
beforeEach(async () => {
  bench = await openBench({
    protocols: [esphomeOta],
    retryPolicy: { ...quickRetryPolicy, jobTries: 2, requestTimeoutMs: 500, rebootTimeoutMs: 400 },
  })
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await bench.close()
})

const image = demoImage(48 * 1024)

const HANG_UP = 'hang up'

interface Page {
  readonly target: string
  /** The file part of the last upload. */
  readonly file: () => Uint8Array | null
  readonly posts: () => number
}

interface PageScript {
  /** What the upload is answered with; `HANG_UP`: nothing. */
  readonly answer?: string
  readonly status?: number
  readonly password?: string
  /** After an upload it is away for so long, as a board that restarts. */
  readonly awayMs?: number
  /** Breaks the connection when so much of the body came. */
  readonly cutAt?: number
  readonly page?: (request: IncomingMessage, response: ServerResponse) => void
}

async function servePage(script: PageScript = {}): Promise<Page> {
  let file: Uint8Array | null = null
  let posts = 0
  const server = createServer((request, response) => {
    const { password } = script
    const wanted = `Basic ${Buffer.from(`admin:${password ?? ''}`).toString('base64')}`
    if (password !== undefined && request.headers.authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="Login Required"' }).end('no')
      return
    }
    if (request.method !== 'POST') {
      if (script.page !== undefined) script.page(request, response)
      else response.writeHead(404).end('Not Found')
      return
    }
    posts++
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => {
      pieces.push(piece)
      if (script.cutAt !== undefined && Buffer.concat(pieces).length >= script.cutAt) request.socket.resetAndDestroy()
    })
    request.on('end', () => {
      const body = Buffer.concat(pieces)
      const boundary = /boundary=(.*)$/.exec(request.headers['content-type'] ?? '')?.[1] ?? ''
      file = body.subarray(body.indexOf('\r\n\r\n') + 4, body.indexOf(`\r\n--${boundary}--`))
      if (script.awayMs !== undefined) {
        const port = portOf()
        server.close()
        setTimeout(() => server.listen(port, '127.0.0.1'), script.awayMs)
      }
      if (script.answer === HANG_UP) request.socket.resetAndDestroy()
      else
        response
          .writeHead(script.status ?? 200, { 'content-type': 'text/plain' })
          .end(script.answer ?? 'Update Successful!')
    })
    request.on('error', () => undefined)
  })
  const portOf = (): number => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    target: `http://127.0.0.1:${String(portOf())}`,
    file: () => file,
    posts: () => posts,
  }
}

async function flash(target: string, order: Partial<JobOrderRequest> = {}): Promise<JobSnapshot> {
  const [job] = await bench.flash({ targets: [target], protocol: 'esphome-ota', ...order }, image)
  if (job === undefined) throw new Error('no job')
  return job
}

describe('an update over ESPHome’s web page', () => {
  it('sends the image as one form and takes the text of the answer for the device’s word', async () => {
    const page = await servePage()
    const job = await flash(page.target)
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged', boardNow: 'unknown', unplug: 'safe' })
    expect(Buffer.compare(page.file() ?? new Uint8Array(), image)).toBe(0)
    expect(job.evidence.map(({ level }) => level)).toEqual(['sent', 'acknowledged'])
    expect(page.posts()).toBe(1)
  })

  it.each([
    ['says that it failed, with status 200', { answer: 'Update Failed!' }, 'device.rejected'],
    ['has no update page', { status: 404, answer: 'Not Found' }, 'device.not-speaking'],
    ['has a fault of its own', { status: 500, answer: 'oops' }, 'device.rejected'],
  ] as const)('leaves the old firmware when the device %s', async (_name, script, code) => {
    const page = await servePage(script)
    const job = await flash(page.target)
    expect(job).toMatchObject({ state: 'failed', error: { code }, boardNow: 'old-firmware', unplug: 'safe' })
  })

  it('does not know what became of it when the answer is a page of something else', async () => {
    const page = await servePage({ answer: '<html>hello</html>' })
    const job = await flash(page.target)
    expect(job).toMatchObject({ error: { code: 'device.bad-answer' }, verdict: 'unproven' })
  })

  it('takes a device that lost the answer and stays where it is for one that took nothing', async () => {
    const page = await servePage({ answer: HANG_UP })
    const job = await flash(page.target)
    expect(job).toMatchObject({ state: 'failed', verdict: 'unproven', boardNow: 'old-firmware', unplug: 'safe' })
    expect(page.posts()).toBeGreaterThan(1)
  })

  it('does not send again when the answer was lost and the device restarted', async () => {
    const page = await servePage({ answer: HANG_UP, awayMs: 40 })
    const job = await flash(page.target)
    expect(job).toMatchObject({ verdict: 'unproven', reason: 'outcome-unknown', boardNow: 'unknown' })
    expect(page.posts()).toBe(1)
  })

  it('sends again from the start when the form broke off', async () => {
    const page = await servePage({ cutAt: 9000 })
    const job = await flash(page.target)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'network.reset' },
      boardNow: 'old-firmware',
      unplug: 'safe',
    })
    expect(page.posts()).toBeGreaterThan(1)
  })

  it('signs in, and asks for the password before the first byte of the image', async () => {
    const page = await servePage({ password: 'hunter22' })
    expect((await flash(page.target, { secrets: { password: 'hunter22' } })).verdict).toBe('acknowledged')
    const wrong = await flash(page.target, { secrets: { password: 'hunter23' } })
    expect(wrong).toMatchObject({ error: { code: 'device.unauthorised' }, boardNow: 'old-firmware' })
    expect(JSON.stringify(wrong)).not.toContain('hunter23')
    expect((await flash(page.target)).error?.code).toBe('device.unauthorised')
    expect(page.posts()).toBe(1)
  })

  it('cannot be asked for “received”', async () => {
    const page = await servePage()
    expect((await flash(page.target, { require: 'received' })).error?.code).toBe('require.unreachable-level')
    expect(page.posts()).toBe(0)
  })
})

describe('knowing ESPHome’s web server', () => {
  async function isKnown(page: PageScript['page']): Promise<boolean> {
    const { target } = await servePage(page === undefined ? {} : { page })
    const endpoint = parseTarget(target)
    if (!isEndpoint(endpoint)) throw new Error('no endpoint')
    const context = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 2000 }
    return (await esphomeOta.probe(endpoint, context)).isMatch
  }
  const v3 =
    '<!DOCTYPE html><html><head><script src="https://oi.esphome.io/v3/www.js"></script></head><body><esp-app></esp-app></body></html>'

  it('knows its page, plain and compressed', async () => {
    expect(
      await isKnown((request, response) => {
        if (request.url === '/') response.end(v3)
        else response.writeHead(404).end()
      }),
    ).toBe(true)
    expect(
      await isKnown((request, response) => {
        if (request.url === '/') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(v3))
        else response.writeHead(404).end()
      }),
    ).toBe(true)
  })

  it('takes no other update page for one of ESPHome', async () => {
    expect(await isKnown((_request, response) => response.end('<title>ElegantOTA</title>'))).toBe(false)
    expect(await isKnown((_request, response) => response.end("<input type='file' name='firmware'>"))).toBe(false)
    expect(await isKnown(undefined)).toBe(false)
    expect(await isKnown((_request, response) => response.writeHead(401).end())).toBe(false)
    expect(
      await isKnown((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip')),
    ).toBe(false)
  })
})
