import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { instantTimes } from '../../../src/simulator/board/board-options.ts'
import type { UpdateServer } from '../../../src/simulator/board/update-server.ts'
import {
  httpUpdateFaults,
  httpUpdateKind,
  startHttpUpdate,
  type HttpUpdateSettings,
} from '../../../src/simulator/http-update/kind.ts'
import { ManualClock } from '../manual-clock.ts'
import { buildTestImage } from '../test-image.ts'
import { testUpdateFaults } from '../update-fault-cases.ts'
import { basic, postForm } from '../update-wire.ts'
import { call, errorCodeOf, someBytes } from '../wire.ts'

const running: UpdateServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(device => device.close()))
})

async function start(settings: HttpUpdateSettings = {}): Promise<UpdateServer> {
  const device = await startHttpUpdate({ ...instantTimes, ...settings })
  running.push(device)
  return device
}

const image = buildTestImage({ version: '2.1.0' })
const SUCCESS = '<META http-equiv="refresh" content="15;URL=/">Update Success! Rebooting...'

describe('HTTPUpdateServer', () => {
  it('shows a form that names its fields', async () => {
    const device = await start()
    const page = await call(device.target, '/update')
    expect(page.headers['content-type']).toBe('text/html')
    expect(page.text).toMatch(/<input [^>]*name='firmware'>/)
    expect(page.text).toMatch(/<input [^>]*name='filesystem'>/)
    expect((await call(device.target, '/')).status).toBe(404)
  })

  it('takes the image in the field firmware, says so in the text, and restarts into it', async () => {
    const device = await start()
    const back = device.nextBoot()
    const answer = await postForm(device.target, '/update', image, { field: 'firmware' })
    expect(answer).toMatchObject({ status: 200, text: SUCCESS, headers: { 'content-type': 'text/html' } })
    await back
    expect(device.activeImage()).toEqual(image)
  })

  it('stores the field filesystem unchecked, and everything else as firmware', async () => {
    const device = await start()
    const fileSystem = someBytes(5000)
    const back = device.nextBoot()
    expect((await postForm(device.target, '/update', fileSystem, { field: 'filesystem' })).text).toBe(SUCCESS)
    await back
    expect(device.stored()).toEqual(fileSystem)
    const answer = await postForm(device.target, '/update', fileSystem, { field: 'anything' })
    expect(answer).toMatchObject({ status: 200, text: 'Update error: Wrong Magic Byte' })
  })

  it('answers 200 to every failure too, and does not restart', async () => {
    const device = await start({ clock: new ManualClock() })
    const bad = await postForm(device.target, '/update', buildTestImage({ fault: 'checksum' }), { field: 'firmware' })
    expect([bad.status, bad.text]).toEqual([200, 'Update error: Could Not Activate The Firmware'])
    const large = await start({ slotBytes: 8192, clock: new ManualClock() })
    const answer = await postForm(large.target, '/update', buildTestImage({ dataBytes: 9000 }), { field: 'firmware' })
    expect([answer.status, answer.text]).toEqual([200, 'Update error: Not Enough Space'])
    expect([large.stats.boots, large.stored()]).toEqual([1, null])
  })

  it('closes an aborted upload, so that the next one is sound', async () => {
    const device = await start({ faults: [{ name: 'cut' }] })
    expect(await errorCodeOf(postForm(device.target, '/update', image, { field: 'firmware' }))).toBe('ECONNRESET')
    expect(device.leftovers()).toBe(0)
    expect((await postForm(device.target, '/update', image, { field: 'firmware' })).text).toBe(SUCCESS)
    expect(device.stored()).toEqual(image)
  })

  it('hangs up on a part without a Content-Type', async () => {
    const device = await start()
    const asked = postForm(device.target, '/update', image, { field: 'firmware', contentType: null })
    expect(await errorCodeOf(asked)).toBe('ECONNRESET')
  })

  it('may stand at another path', async () => {
    const device = await start({ path: '/firmware' })
    expect((await call(device.target, '/update')).status).toBe(404)
    expect((await postForm(device.target, '/firmware', image)).text).toBe(SUCCESS)
  })
})

describe('a device that checks the origin', () => {
  it.each([
    ['none', {}],
    ['another', { Origin: 'http://example.invalid' }],
  ])('refuses %s in the text alone where it has no password', async (_what, headers) => {
    const device = await start({ checksOrigin: true })
    const answer = await postForm(device.target, '/update', image, { headers })
    expect([answer.status, answer.text]).toEqual([200, 'Update error: Wrong origin received!'])
    expect(device.stored()).toBeNull()
  })

  it('takes its own, with the port', async () => {
    const device = await start({ checksOrigin: true })
    const answer = await postForm(device.target, '/update', image, { headers: { Origin: device.target } })
    expect(answer.text).toBe(SUCCESS)
  })

  it('answers a wrong one with 401 where it has a password', async () => {
    const device = await start({ checksOrigin: true, username: 'admin', password: 'secret' })
    const headers = basic('admin', 'secret')
    expect((await postForm(device.target, '/update', image, { headers })).status).toBe(401)
    const answer = await postForm(device.target, '/update', image, { headers: { ...headers, Origin: device.target } })
    expect(answer.text).toBe(SUCCESS)
  })
})

describe('a device with a password', () => {
  it('asks with Basic, and stores nothing before it was given', async () => {
    const device = await start({ username: 'admin', password: 'secret' })
    for (const asked of [await call(device.target, '/update'), await postForm(device.target, '/update', image)]) {
      expect([asked.status, asked.headers['www-authenticate']]).toEqual([401, 'Basic realm="Login Required"'])
    }
    expect(device.stored()).toBeNull()
    const headers = basic('admin', 'secret')
    expect((await call(device.target, '/update', { headers })).status).toBe(200)
    expect((await postForm(device.target, '/update', image, { headers })).text).toBe(SUCCESS)
  })
})

describe('an image in gzip', () => {
  const packed = gzipSync(image)

  it('is unpacked by an ESP8266 as it restarts', async () => {
    const device = await start({ isEsp8266: true })
    const back = device.nextBoot()
    expect((await postForm(device.target, '/update', packed, { fileName: 'firmware.bin.gz' })).text).toBe(SUCCESS)
    await back
    expect([device.identity.chip, device.activeImage()]).toEqual(['ESP8266', image])
  })

  it('is refused by an ESP32', async () => {
    const device = await start()
    expect((await postForm(device.target, '/update', packed)).text).toBe('Update error: Wrong Magic Byte')
  })

  it('that is cut off is refused by an ESP8266', async () => {
    const device = await start({ isEsp8266: true })
    const answer = await postForm(device.target, '/update', packed.subarray(0, 100))
    expect(answer.text).toBe('Update error: Could Not Activate The Firmware')
  })
})

testUpdateFaults({
  start: startHttpUpdate,
  upload: (target, bytes) => postForm(target, '/update', bytes, { field: 'firmware' }),
  success: 'Update Success!',
  failure: error => `Update error: ${error}`,
  requestCount: 1,
  leavesUpdateOpen: false,
  ownFaults: [],
  table: httpUpdateFaults,
})

describe('the kind', () => {
  it('starts a device of a specification with its traits', async () => {
    const device = await httpUpdateKind.start({
      ...httpUpdateKind.traits['basic'],
      ...httpUpdateKind.traits['esp8266'],
      identity: { id: 'esp32-7', name: 'esp32-7' },
      faults: [],
      flashDir: null,
      seed: 1,
    })
    expect([device.identity.chip, (await call(device.target, '/update')).status]).toEqual(['ESP8266', 401])
    await device.close()
  })
})
