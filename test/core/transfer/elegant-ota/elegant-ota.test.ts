import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { elegantOta } from '../../../../src/core/transfer/elegant-ota/protocol.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { isEndpoint, parseTarget } from '../../../../src/core/discovery/target.ts'
import {
  fileOf,
  flashScript,
  serveScript,
  type PageAnswer,
  type PageRequest,
  type ScriptedPage,
} from '../scripted-page.ts'

const pages: ScriptedPage[] = []
afterEach(async () => {
  for (const page of pages.splice(0)) await page.close()
})

const updatePage: PageAnswer = {
  body: gzipSync('<html><title>ElegantOTA</title></html>'),
  headers: { 'content-type': 'text/html', 'content-encoding': 'gzip' },
}

/** ElegantOTA 3 without telemetry; `upload` answers each form. */
async function board(upload: (earlierUploads: number) => PageAnswer | null, start: PageAnswer = { body: 'OK' }) {
  const page = await serveScript(({ path, method }, earlier) => {
    if (path === '/update' && method === 'GET') return updatePage
    if (path.startsWith('/ota/start?')) return start
    if (method === 'POST') return upload(earlier.filter(request => request.method === 'POST').length)
    return { status: 404 }
  })
  pages.push(page)
  return page
}

describe('elegant-ota', () => {
  it('begins with mode and hash, then sends one form, and takes OK for no more than OK', async () => {
    const page = await board(() => ({ body: 'OK' }))
    const { job, image } = await flashScript(elegantOta, page)
    expect([job.state, job.verdict, job.boardNow]).toEqual(['finished', 'acknowledged', 'unknown'])
    // The device compares the hash with nothing, so that nothing counts as received.
    expect(job.evidence.map(({ level }) => level)).toEqual(['sent', 'acknowledged'])
    const md5 = createHash('md5').update(image).digest('hex')
    const start = page.requests.findIndex(({ path }) => path === `/ota/start?mode=fr&hash=${md5}`)
    const upload = page.requests.findIndex(({ path, method }) => path === '/ota/upload' && method === 'POST')
    expect(start).toBeGreaterThan(0)
    expect(upload).toBeGreaterThan(start)
    const [sent] = page.uploads()
    if (sent === undefined) throw new Error('nothing was sent')
    expect(sent.headers).toMatchObject({ connection: 'close', 'content-length': String(sent.body.length) })
    expect(sent.headers['expect']).toBeUndefined()
    const { head, bytes } = fileOf(sent)
    expect(head).toMatch(/name="file"; filename="firmware\.bin"\r\nContent-Type: application\/octet-stream\r\n\r\n$/)
    expect(Buffer.compare(bytes, image)).toBe(0)
  })

  it('says that the restart was not seen where the device stays', async () => {
    const page = await board(() => ({ body: 'OK' }))
    const { warnings } = await flashScript(elegantOta, page)
    expect(warnings).toContain('The restart was not seen.')
  })

  it('never starts an update to find out what a device is', async () => {
    const page = await board(() => ({ body: 'OK' }))
    const endpoint = parseTarget(page.target)
    if (!isEndpoint(endpoint)) throw new Error('no endpoint')
    const asking = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 2000 }
    expect((await elegantOta.probe(endpoint, asking)).isMatch).toBe(true)
    expect(page.requests.map(({ path }) => path).filter(path => path.startsWith('/ota'))).toEqual([])
  })

  it('is not what another update page is', async () => {
    const page = await serveScript(() => ({ body: "<input type='file' name='firmware'>" }))
    pages.push(page)
    const { job } = await flashScript(elegantOta, page)
    expect([job.error?.code, job.boardNow, page.uploads().length]).toEqual(['device.not-speaking', 'old-firmware', 0])
  })

  it.each([
    ['Not Enough Space', 'device.no-space', 1],
    ['Wrong Magic Byte', 'device.refused-image', 1],
    ['Partition Could Not be Found', 'device.refused', 1],
    // What may pass is tried again.
    ['Flash Write Failed', 'device.rejected', 3],
  ])('tells the cause and the next step of “%s”', async (text, code, tries) => {
    const page = await board(() => ({ status: 400, body: `${text}\n` }))
    const { job } = await flashScript(elegantOta, page)
    expect([job.error?.code, job.boardNow, page.uploads().length]).toEqual([code, 'old-firmware', tries])
    expect(job.error?.message).toContain(text)
    expect(job.error?.message).toMatch(/\(.{20,}\)/)
  })

  it('tells why the update did not begin, and sends nothing then', async () => {
    const page = await board(() => ({ body: 'OK' }), { status: 400, body: 'MD5 parameter invalid' })
    const { job } = await flashScript(elegantOta, page)
    expect([job.error?.code, page.uploads().length]).toEqual(['device.refused', 0])
  })

  it('sends nothing with a wrong password, and never repeats it anywhere', async () => {
    const page = await serveScript(() => ({
      status: 401,
      headers: { 'www-authenticate': 'Digest realm="r", nonce="n", qop="auth"' },
    }))
    pages.push(page)
    const { job, log } = await flashScript(elegantOta, page, { secrets: { password: 'geheim-1' } })
    expect([job.error?.code, page.uploads().length]).toEqual(['device.unauthorised', 0])
    expect(JSON.stringify([job, log])).not.toContain('geheim-1')
    const schemes = page.requests.map(({ headers }) => String(headers.authorization).split(' ')[0])
    expect(schemes).toEqual(['Basic', 'Digest'])
  })

  it('sends the older library its hash in the form, before the file whose name tells what it is', async () => {
    const page = await serveScript(({ path, method }: PageRequest) => {
      if (path !== '/update') return { status: 404 }
      return method === 'GET' ? updatePage : { body: 'OK' }
    })
    pages.push(page)
    const options = { version: 'v2', mode: 'fs' }
    const { job, image } = await flashScript(elegantOta, page, { options, image: Uint8Array.from([1, 2, 3, 4, 5]) })
    expect(job.verdict).toBe('acknowledged')
    const [sent] = page.uploads()
    if (sent === undefined) throw new Error('nothing was sent')
    const md5 = createHash('md5').update(image).digest('hex')
    expect(fileOf(sent).head).toContain(`name="MD5"\r\n\r\n${md5}\r\n`)
    expect(fileOf(sent).head).toContain('name="filesystem"; filename="filesystem"')
    expect(job.warnings.some(text => text.includes('does not check a file system'))).toBe(true)
  })

  it('asks for a restart before it sends again what broke off, because it would be appended', async () => {
    const page = await board(earlier => (earlier === 0 ? null : { body: 'OK' }))
    const refused = await flashScript(elegantOta, page)
    expect([refused.job.error?.code, page.uploads().length]).toEqual(['job.decision-needed', 1])
    expect(refused.job.error?.details).toMatchObject({ accept: 'restart-first' })
    const again = await board(earlier => (earlier === 0 ? null : { body: 'OK' }))
    const { job } = await flashScript(elegantOta, again, { accept: ['restart-first'] })
    expect([job.verdict, again.uploads().length]).toEqual(['acknowledged', 2])
  })

  it('believes no success that comes in other words', async () => {
    const page = await board(() => ({ body: '<html>Please log in to the guest network</html>' }))
    const { job } = await flashScript(elegantOta, page, { accept: ['restart-first'] })
    expect([job.state, job.error?.code, job.verdict]).toEqual(['failed', 'device.bad-answer', 'unproven'])
  })

  it('refuses a level that the device cannot reach', async () => {
    const page = await board(() => ({ body: 'OK' }))
    const { job } = await flashScript(elegantOta, page, { require: 'running' })
    expect([job.error?.code, page.uploads().length]).toEqual(['require.unreachable-level', 0])
  })
})
