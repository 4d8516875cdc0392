import { gunzipSync } from 'node:zlib'
import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { instantTimes } from '../../../src/simulator/board/board-options.ts'
import { elegantOtaFaults } from '../../../src/simulator/elegant-ota/faults.ts'
import { elegantOtaKind, startElegantOta, type ElegantOtaSettings } from '../../../src/simulator/elegant-ota/kind.ts'
import type { UpdateServer } from '../../../src/simulator/board/update-server.ts'
import { ManualClock } from '../manual-clock.ts'
import { buildTestImage } from '../test-image.ts'
import { testUpdateFaults } from '../update-fault-cases.ts'
import { basic, md5, postForm } from '../update-wire.ts'
import { call, errorCodeOf, someBytes, type WireAnswer } from '../wire.ts'

const running: UpdateServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(device => device.close()))
})

async function start(settings: ElegantOtaSettings = {}): Promise<UpdateServer> {
  const device = await startElegantOta({ ...instantTimes, telemetry: true, ...settings })
  running.push(device)
  return device
}

const image = buildTestImage({ version: '2.1.0' })
const begin = (target: string, query = `mode=fr&hash=${md5(image)}`): Promise<WireAnswer> =>
  call(target, `/ota/start?${query}`)

async function version(device: UpdateServer): Promise<unknown> {
  return (await call(device.target, '/telemetry')).json?.['app']
}

describe('ElegantOTA 3', () => {
  it('shows a compressed page that contains its name', async () => {
    const device = await start()
    const { hostname, port } = new URL(device.target)
    const page = await new Promise<{ encoding: unknown; html: string }>((resolve, reject) => {
      const asked = request({ hostname, port, path: '/update' }, answer => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('end', () => {
          resolve({ encoding: answer.headers['content-encoding'], html: gunzipSync(Buffer.concat(pieces)).toString() })
        })
      })
      asked.on('error', reject)
      asked.end()
    })
    expect(page.encoding).toBe('gzip')
    expect(page.html).toContain('ElegantOTA')
  })

  it('takes an image after a start, answers OK, closes, and restarts into it about two seconds later', async () => {
    const clock = new ManualClock()
    const device = await start({ clock, rebootDelayMs: 2000, bootMs: 400, confirmMs: 1000 })
    expect(await begin(device.target)).toMatchObject({ status: 200, text: 'OK' })
    const answer = await postForm(device.target, '/ota/upload', image)
    expect(answer).toMatchObject({ status: 200, text: 'OK', headers: { connection: 'close' } })
    expect(await version(device)).toMatchObject({ version: '1.0.0' })
    const back = device.nextBoot()
    await clock.runNext()
    expect(clock.monotonicMs()).toBe(2000)
    await clock.untilAwaited()
    expect(await errorCodeOf(call(device.target, '/update'))).toBe('ECONNREFUSED')
    await clock.runNext()
    await back
    expect(device.activeImage()).toEqual(image)
    expect(device.stored()).toEqual(image)
    expect(await version(device)).toMatchObject({ version: '2.1.0' })
  })

  it('ignores a wrong MD5, because it sets it before the update is begun', async () => {
    const device = await start()
    const back = device.nextBoot()
    expect((await begin(device.target, `mode=fr&hash=${'0'.repeat(32)}`)).text).toBe('OK')
    expect((await postForm(device.target, '/ota/upload', image)).text).toBe('OK')
    await back
    expect(device.activeImage()).toEqual(image)
  })

  it('refuses what is no MD5', async () => {
    const device = await start()
    expect(await begin(device.target, 'mode=fr&hash=abc')).toMatchObject({ status: 400, text: 'MD5 parameter invalid' })
  })

  it('takes any mode but fs for firmware, and stores a file system without restarting into it', async () => {
    const device = await start()
    const fileSystem = someBytes(5000)
    await begin(device.target, 'mode=fs')
    const back = device.nextBoot()
    expect((await postForm(device.target, '/ota/upload', fileSystem, { fileName: 'littlefs.bin' })).text).toBe('OK')
    await back
    expect(device.stored()).toEqual(fileSystem)
    expect(device.activeImage()).toBeNull()
    await begin(device.target, 'mode=whatever')
    expect(await postForm(device.target, '/ota/upload', fileSystem)).toMatchObject({
      status: 400,
      text: 'Wrong Magic Byte\n',
    })
  })

  it('says what the bootloader says of an image that is not sound', async () => {
    const device = await start()
    await begin(device.target)
    expect(await postForm(device.target, '/ota/upload', buildTestImage({ fault: 'checksum' }))).toMatchObject({
      status: 400,
      text: 'Could Not Activate The Firmware\n',
      headers: { connection: 'close' },
    })
    expect(device.stored()).toBeNull()
    expect((await call(device.target, '/telemetry')).json).toMatchObject({ boot_count: 1 })
  })

  it('appends an upload to one that was aborted, and says OK at the start', async () => {
    const device = await start({ faults: [{ name: 'cut' }] })
    await begin(device.target)
    expect(await errorCodeOf(postForm(device.target, '/ota/upload', image))).toBe('ECONNRESET')
    expect(device.leftovers()).toBe(1)
    expect((await begin(device.target, 'mode=fr')).text).toBe('OK')
    expect((await postForm(device.target, '/ota/upload', image)).text).toBe('Could Not Activate The Firmware\n')
    // That error closed it.
    const back = device.nextBoot()
    expect((await begin(device.target)).text).toBe('OK')
    expect((await postForm(device.target, '/ota/upload', image)).text).toBe('OK')
    await back
    expect(device.activeImage()).toEqual(image)
  })

  it('stores a corrupted file system without any error after an aborted upload, until it is restarted', async () => {
    const device = await start({ faults: [{ name: 'open-update' }], autoReboot: false })
    const fileSystem = someBytes(3000)
    expect((await begin(device.target, 'mode=fs')).text).toBe('OK')
    expect((await postForm(device.target, '/ota/upload', fileSystem)).text).toBe('OK')
    expect(device.stored()).toHaveLength(4024)
    expect(device.stored()?.subarray(1024)).toEqual(fileSystem)
    await device.reboot()
    await begin(device.target, 'mode=fs')
    await postForm(device.target, '/ota/upload', fileSystem)
    expect(device.stored()).toEqual(fileSystem)
  })

  it('heeds the MD5 of a start that found an update open, which begin then did not clear', async () => {
    const device = await start({ faults: [{ name: 'open-update' }] })
    expect((await begin(device.target)).text).toBe('OK')
    expect((await postForm(device.target, '/ota/upload', image)).text).toBe('MD5 Check Failed\n')
  })

  it('says OK to an upload without a start, and keeps nothing', async () => {
    const device = await start()
    const back = device.nextBoot()
    expect((await postForm(device.target, '/ota/upload', image)).text).toBe('OK')
    await back
    expect(device.stored()).toBeNull()
    expect(await version(device)).toMatchObject({ version: '1.0.0' })
  })

  it('does not restart by itself where the firmware says so', async () => {
    const device = await start({ autoReboot: false })
    await begin(device.target)
    expect((await postForm(device.target, '/ota/upload', image)).text).toBe('OK')
    expect(device.activeImage()).toBeNull()
    await device.reboot()
    expect(device.activeImage()).toEqual(image)
  })

  it.each([
    ['no Content-Type in the part', { contentType: null }],
    ['= in the file name', { fileName: 'a=b.bin' }],
    [
      'a parameter in front of the boundary',
      { headers: { 'Content-Type': 'multipart/form-data; charset=utf-8; boundary=x' } },
    ],
    ['no length', { headers: { 'Transfer-Encoding': 'chunked' } }],
  ])('hangs up on a form with %s, as the WebServer of the Arduino core', async (_what, options) => {
    const device = await start()
    await begin(device.target)
    expect(await errorCodeOf(postForm(device.target, '/ota/upload', image, options))).toBe('ECONNRESET')
    expect(device.stored()).toBeNull()
  })

  it('takes a part without a Content-Type on the asynchronous server', async () => {
    const device = await start({ async: true })
    await begin(device.target)
    expect((await postForm(device.target, '/ota/upload', image, { contentType: null })).text).toBe('OK')
  })

  it('answers 404 to other paths', async () => {
    const device = await start({ telemetry: false })
    for (const path of ['/', '/telemetry', '/ota/upload']) expect((await call(device.target, path)).status).toBe(404)
  })
})

describe('AsyncElegantOTA 2', () => {
  const fields = { MD5: md5(image) }

  it('takes the image in one request with its MD5 in front, and ignores it just as well', async () => {
    for (const sent of [fields, { MD5: '0'.repeat(32) }]) {
      const device = await start({ version: 2, async: true })
      const back = device.nextBoot()
      const answer = await postForm(device.target, '/update', image, { fields: sent, field: 'firmware' })
      expect(answer).toMatchObject({ status: 200, text: 'OK', headers: { connection: 'close' } })
      await back
      expect(device.activeImage()).toEqual(image)
    }
  })

  it('refuses a missing or malformed MD5, and answers 500 FAIL to a bad image', async () => {
    const device = await start({ version: 2, async: true })
    expect(await postForm(device.target, '/update', image)).toMatchObject({
      status: 400,
      text: 'MD5 parameter missing',
    })
    const malformed = await postForm(device.target, '/update', image, { fields: { MD5: 'x' } })
    expect(malformed).toMatchObject({ status: 400, text: 'MD5 parameter invalid' })
    const bad = await postForm(device.target, '/update', buildTestImage({ fault: 'hash' }), { fields })
    expect(bad).toMatchObject({ status: 500, text: 'FAIL' })
    expect((await call(device.target, '/ota/start?mode=fr')).status).toBe(404)
    expect((await call(device.target, '/update/identity')).json).toEqual({ id: 'esp32-1', hardware: 'ESP32' })
  })
})

describe('a device with a password', () => {
  const login = { username: 'admin', password: 'secret' } as const
  const paths = ['/update', '/ota/start?mode=fr'] as const

  it('asks with Basic on every route, and works when it is given', async () => {
    const device = await start({ ...login, scheme: 'basic' })
    for (const path of paths) {
      const asked = await call(device.target, path)
      expect(asked.status).toBe(401)
      expect(asked.headers['www-authenticate']).toBe('Basic realm="Login Required"')
      expect((await call(device.target, path, { headers: basic('admin', 'wrong') })).status).toBe(401)
    }
    expect((await postForm(device.target, '/ota/upload', image)).status).toBe(401)
    expect(device.stored()).toBeNull()
    const headers = basic('admin', 'secret')
    expect((await call(device.target, '/ota/start?mode=fr', { headers })).text).toBe('OK')
    expect((await postForm(device.target, '/ota/upload', image, { headers })).text).toBe('OK')
  })

  it('refuses Basic where it was compiled for Digest', async () => {
    const device = await start({ ...login, scheme: 'digest' })
    const answer = await call(device.target, '/update', { headers: basic('admin', 'secret') })
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toMatch(
      /^Digest realm="Login Required", qop="auth", nonce="[0-9a-f]{32}"/,
    )
  })

  it('takes the digest that its challenge asks for, for this method and path and until it restarts', async () => {
    const device = await start({ ...login, scheme: 'digest' })
    const challenge = String((await call(device.target, '/update')).headers['www-authenticate'])
    const [, nonce = ''] = /nonce="(\w+)"/.exec(challenge) ?? []
    const [, opaque = ''] = /opaque="(\w+)"/.exec(challenge) ?? []
    const digest = (method: string, uri: string, password = 'secret'): string => {
      const who = md5(`admin:Login Required:${password}`)
      const response = md5(`${who}:${nonce}:00000001:0a4f113b:auth:${md5(`${method}:${uri}`)}`)
      return `Digest username="admin", realm="Login Required", nonce="${nonce}", uri="${uri}", algorithm=MD5, response="${response}", opaque="${opaque}", qop=auth, nc=00000001, cnonce="0a4f113b"`
    }
    const asks = async (Authorization: string): Promise<number> =>
      (await call(device.target, '/ota/start?mode=fr', { headers: { Authorization } })).status
    expect(await asks(digest('GET', '/ota/start?mode=fr'))).toBe(200)
    await device.reboot()
    expect(await asks(digest('GET', '/ota/start?mode=fr'))).toBe(401)
  })

  it('refuses the digest of a wrong password or of another method', async () => {
    const device = await start({ ...login, scheme: 'digest' })
    for (const [method, password] of [
      ['GET', 'wrong'],
      ['POST', 'secret'],
    ] as const) {
      const challenge = String((await call(device.target, '/update')).headers['www-authenticate'])
      const [, nonce = ''] = /nonce="(\w+)"/.exec(challenge) ?? []
      const [, opaque = ''] = /opaque="(\w+)"/.exec(challenge) ?? []
      const who = md5(`admin:Login Required:${password}`)
      const response = md5(`${who}:${nonce}:00000001:0a4f113b:auth:${md5(`${method}:/update`)}`)
      const Authorization = `Digest username="admin", realm="Login Required", nonce="${nonce}", uri="/update", response="${response}", opaque="${opaque}", qop=auth, nc=00000001, cnonce="0a4f113b"`
      expect((await call(device.target, '/update', { headers: { Authorization } })).status).toBe(401)
    }
  })

  it('asks with Digest and takes Basic on the asynchronous server', async () => {
    const device = await start({ ...login, async: true })
    const asked = await call(device.target, '/update')
    expect(asked.headers['www-authenticate']).toMatch(/^Digest realm="asyncesp"/)
    expect((await call(device.target, '/update', { headers: basic('admin', 'secret') })).status).toBe(200)
  })
})

testUpdateFaults({
  start: startElegantOta,
  upload: async (target, bytes) => {
    const started = await call(target, `/ota/start?mode=fr&hash=${md5(bytes)}`)
    return started.text === 'OK' ? postForm(target, '/ota/upload', bytes) : started
  },
  success: 'OK',
  failure: error => `${error}\n`,
  requestCount: 2,
  leavesUpdateOpen: true,
  ownFaults: ['open-update', 'lost-start'],
  table: elegantOtaFaults,
})

describe('the fault', () => {
  it('lost-start leaves the update open though nobody was told, and the next start goes on with it', async () => {
    const device = await start({ faults: [{ name: 'lost-start' }] })
    expect(await errorCodeOf(begin(device.target))).toBe('ECONNRESET')
    expect(device.leftovers()).toBe(1)
    expect((await begin(device.target)).text).toBe('OK')
    expect((await postForm(device.target, '/ota/upload', image)).text).toBe('OK')
    expect(device.stored()).toEqual(image)
  })
})

describe('the kind', () => {
  it('starts a device of a specification with its traits', async () => {
    const device = await elegantOtaKind.start({
      ...elegantOtaKind.traits['digest'],
      ...elegantOtaKind.traits['instant'],
      identity: { id: 'esp32-7', name: 'esp32-7' },
      faults: [],
      flashDir: null,
      seed: 1,
    })
    expect([device.identity.name, (await call(device.target, '/update')).status]).toEqual(['esp32-7', 401])
    await device.close()
  })
})
