import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { instantTimes } from '../../../src/simulator/board/board-options.ts'
import type { UpdateServer } from '../../../src/simulator/board/update-server.ts'
import { tasmotaFaults } from '../../../src/simulator/tasmota/faults.ts'
import { startTasmota, tasmotaKind, type TasmotaSettings } from '../../../src/simulator/tasmota/kind.ts'
import { ManualClock } from '../manual-clock.ts'
import { buildTestImage } from '../test-image.ts'
import { testUpdateFaults } from '../update-fault-cases.ts'
import { basic, postForm, type FormOptions } from '../update-wire.ts'
import { call, errorCodeOf, someBytes, type WireAnswer, type WireOptions } from '../wire.ts'

const running: UpdateServer[] = []
const servers: Server[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(device => device.close()))
  for (const server of servers.splice(0)) server.close()
})

async function start(settings: TasmotaSettings = {}): Promise<UpdateServer> {
  const device = await startTasmota({ ...instantTimes, ...settings })
  running.push(device)
  return device
}

const image = buildTestImage({ version: '14.3.0', elfSha256: 'cd'.repeat(32) })

const post = (target: string, bytes: Uint8Array, options: FormOptions = {}): Promise<WireAnswer> =>
  postForm(target, `/u2?fsz=${String(bytes.length)}`, bytes, { field: 'u2', ...options })

async function upload(target: string, bytes: Uint8Array, options: FormOptions = {}): Promise<WireAnswer> {
  await call(target, '/up', { headers: options.headers ?? {} })
  return post(target, bytes, options)
}

const command = (device: UpdateServer, text: string, options: WireOptions = {}): Promise<WireAnswer> =>
  call(device.target, `/cm?cmnd=${encodeURIComponent(text)}`, options)

async function version(device: UpdateServer): Promise<unknown> {
  const { StatusFWR } = (await command(device, 'Status 2')).json ?? {}
  return StatusFWR
}

describe('an upload', () => {
  it('runs after /up and the form, and only Status 2 tells', async () => {
    const device = await start()
    expect(await version(device)).toMatchObject({ Version: '14.2.0(tasmota32)', Hardware: 'ESP32-D0WD-V3 v3.1' })
    const back = device.nextBoot()
    expect((await call(device.target, '/up')).text).toContain("name='u2'")
    const answer = await post(device.target, image)
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html'])
    expect(answer.text).toContain('Successful')
    await back
    expect(device.activeImage()).toEqual(image)
    expect(await version(device)).toMatchObject({ Version: '14.3.0(tasmota32)' })
  })

  it('of the same version has another build date when it is another build', async () => {
    const device = await start({ firmware: { version: '14.3.0' } })
    const before = await version(device)
    const back = device.nextBoot()
    await upload(device.target, image)
    await back
    const after = await version(device)
    expect(after).toMatchObject({ Version: '14.3.0(tasmota32)' })
    expect(after).not.toEqual(before)
  })

  it('without a visit of /up is refused after a boot', async () => {
    const device = await start()
    const answer = await post(device.target, image)
    expect([answer.status, answer.text.includes('Not enough space')]).toEqual([200, true])
    expect(device.stored()).toBeNull()
  })

  it('goes to whatever was armed last: settings refuse it, the file system takes it and says success', async () => {
    const device = await start({ clock: new ManualClock() })
    await call(device.target, '/up')
    await call(device.target, '/rs')
    expect((await post(device.target, image)).text).toContain('The file is too large')
    await call(device.target, '/ufsd')
    expect((await post(device.target, image)).text).toContain('Successful')
    expect(device.stored()).toBeNull()
  })

  it.each([
    ['de', 'erfolgreich', 'fehlgeschlagen'],
    ['vi', 'Thành công', 'Thất bại'],
    ['fr', 'Réussi', 'Échoué'],
  ] as const)('is answered in its own language alone: %s', async (language, success, failure) => {
    const device = await start({ language, clock: new ManualClock() })
    const bad = await upload(device.target, someBytes(2000))
    expect([bad.status, bad.text.includes(failure)]).toEqual([200, true])
    const good = await upload(device.target, image)
    expect([good.status, good.text.includes(success)]).toEqual([200, true])
    expect(good.text).not.toMatch(/success/i)
  })
})

describe('the list of errors', () => {
  it.each([
    ['1 without a file name', () => image, { fileName: '' }, 'No file chosen'],
    ['3 for a wrong first byte', () => someBytes(2000), {}, 'wrong first byte'],
    ['2 for gzip, which an ESP32 does not unpack', () => gzipSync(image), {}, 'Not enough space'],
    ['6 for an image that is not sound', () => buildTestImage({ fault: 'checksum' }), {}, 'The upload failed'],
  ])('has %s', async (_what, bytes, options, text) => {
    const device = await start()
    const answer = await upload(device.target, bytes(), options)
    expect([answer.status, answer.text.includes(text)]).toEqual([200, true])
    expect([device.stored(), device.leftovers()]).toEqual([null, 0])
  })

  it('has 4 for an announced size above the slot, and 2 for a file above it', async () => {
    const device = await start({ slotBytes: 8192 })
    const large = buildTestImage({ dataBytes: 9000 })
    expect((await upload(device.target, large)).text).toContain('larger than the flash')
    await call(device.target, '/up')
    const answer = await postForm(device.target, '/u2', large, { field: 'u2' })
    expect(answer.text).toContain('Not enough space')
    expect(device.leftovers()).toBe(0)
  })

  it.each([
    [1, 'No file chosen'],
    [2, 'Not enough space'],
    [3, 'wrong first byte'],
    [4, 'larger than the flash'],
    [6, 'The upload failed'],
    [7, 'was aborted'],
    [8, 'not valid'],
    [9, 'too large'],
  ])('is shown whole by the fault upload-error: %i', async (code, text) => {
    const device = await start({ faults: [{ name: 'upload-error', ...{ code } }] })
    expect((await upload(device.target, image)).text).toContain(text)
    expect(device.stored()).toBeNull()
    expect((await upload(device.target, image)).text).toContain('Successful')
  })
})

describe('after an aborted upload', () => {
  it('a new visit of /up makes the next one sound', async () => {
    const device = await start({ faults: [{ name: 'cut' }] })
    expect(await errorCodeOf(upload(device.target, image))).toBe('ECONNRESET')
    expect(device.leftovers()).toBe(0)
    expect((await upload(device.target, image)).text).toContain('Successful')
    expect(device.stored()).toEqual(image)
  })

  it('remembers-abort: the next one is refused for it, and the one behind that is taken', async () => {
    const device = await start({ faults: [{ name: 'cut' }, { name: 'remembers-abort' }] })
    await errorCodeOf(upload(device.target, image))
    expect((await upload(device.target, image)).text).toContain('was aborted')
    expect(device.stored()).toBeNull()
    expect((await upload(device.target, image)).text).toContain('Successful')
  })
})

describe('the layout with safeboot', () => {
  const ask = async (device: UpdateServer): Promise<string> => (await call(device.target, '/u4?u4=fct&api=')).text

  it('is none where there are two slots', async () => {
    expect(await ask(await start())).toBe('none')
  })

  it('takes no application while one runs, restarts into safeboot, and runs the new one from there', async () => {
    const device = await start({ safeboot: true })
    expect((await upload(device.target, image)).text).toContain('Not enough space')
    const inSafeboot = device.nextBoot()
    expect(await ask(device)).toBe('false')
    await inSafeboot
    expect(await ask(device)).toBe('true')
    expect(await version(device)).toMatchObject({ Version: '14.2.0(safeboot)' })
    const back = device.nextBoot()
    expect((await upload(device.target, image)).text).toContain('Successful')
    await back
    expect(await version(device)).toMatchObject({ Version: '14.3.0(tasmota32)' })
    expect(device.activeImage()).toEqual(image)
  })

  it('stays in safeboot over restarts until an application was written', async () => {
    const device = await start({ safeboot: true, faults: [{ name: 'cut' }] })
    const inSafeboot = device.nextBoot()
    await ask(device)
    await inSafeboot
    await errorCodeOf(upload(device.target, image))
    await device.reboot()
    expect([await ask(device), device.activeImage()]).toEqual(['true', null])
  })

  it.each([
    ['is refused by the bootloader', [{ name: 'bad-self-check' }], 1],
    ['panics before it is confirmed', [{ name: 'rollback', ms: 5 }], 2],
  ])('is in safeboot again after an application that %s', async (_what, faults, boots) => {
    const device = await start({ safeboot: true, confirmMs: 1000 })
    const inSafeboot = device.nextBoot()
    await ask(device)
    await inSafeboot
    device.setFaults(faults)
    const first = device.nextBoot()
    expect((await upload(device.target, image)).text).toContain('Successful')
    await first
    if (boots === 2) await device.nextBoot()
    expect(await version(device)).toMatchObject({ Version: '14.2.0(safeboot)' })
    expect(device.activeImage()).toBeNull()
  })

  it('never-safeboot: never says that it is there', async () => {
    const device = await start({ safeboot: true, faults: [{ name: 'never-safeboot' }] })
    const inSafeboot = device.nextBoot()
    expect(await ask(device)).toBe('false')
    await inSafeboot
    expect(await ask(device)).toBe('false')
  })
})

describe('commands', () => {
  it('tell state, network and restarts', async () => {
    const clock = new ManualClock()
    const device = await start({ clock })
    expect((await command(device, 'Status')).json).toMatchObject({ Status: { DeviceName: 'esp32-1' } })
    expect((await command(device, 'status 5')).json).toMatchObject({
      StatusNET: { Hostname: 'esp32-1', IPAddress: '127.0.0.1', Mac: device.identity.mac.toUpperCase() },
    })
    expect((await command(device, 'Status 1')).json).toMatchObject({ StatusPRM: { BootCount: 1 } })
    expect((await command(device, 'Status 11')).json).toMatchObject({
      StatusSTS: { Uptime: '0T00:00:00', UptimeSec: 0 },
    })
    expect((await command(device, 'Status 4')).json).toMatchObject({ StatusMEM: { Free: 4096 } })
    const all = (await command(device, 'Status 0')).json ?? {}
    expect(Object.keys(all)).toEqual(['Status', 'StatusPRM', 'StatusFWR', 'StatusMEM', 'StatusNET', 'StatusSTS'])
    expect((await command(device, 'Status 99')).json).toEqual({ Command: 'Error' })
    expect((await command(device, 'Fly')).json).toEqual({ Command: 'Unknown' })
    expect((await call(device.target, '/cm')).json).toEqual({ WARNING: 'Enter command cmnd=' })
  })

  it('restart it', async () => {
    const device = await start()
    const back = device.nextBoot()
    expect((await command(device, 'Restart 1')).json).toEqual({ Restart: 'Restarting' })
    await back
    expect((await command(device, 'Status 1')).json).toMatchObject({ StatusPRM: { BootCount: 2 } })
  })

  it('are 404 where commands over HTTP are off', async () => {
    expect((await command(await start({ api: false }), 'Status 2')).status).toBe(404)
  })
})

describe('firmware that it fetches by itself', () => {
  async function serve(bytes: Uint8Array, status = 200): Promise<string> {
    const server = createServer((_request, response) => response.writeHead(status).end(bytes))
    servers.push(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/tasmota32.bin`
  }

  it('comes from OtaUrl with Upgrade 1, and runs', async () => {
    const device = await start()
    const url = await serve(image)
    expect((await command(device, `OtaUrl ${url}`)).json).toEqual({ OtaUrl: url })
    const back = device.nextBoot()
    expect((await command(device, 'Upgrade 1')).json).toEqual({ Upgrade: `Version 14.2.0(tasmota32) from ${url}` })
    await back
    expect(device.activeImage()).toEqual(image)
  })

  it('comes from the page /u1, through safeboot where that is the layout', async () => {
    const device = await start({ safeboot: true })
    const inSafeboot = device.nextBoot()
    await call(device.target, `/u1?o=${encodeURIComponent(await serve(image))}`)
    await inSafeboot
    await device.nextBoot()
    expect(device.activeImage()).toEqual(image)
  })

  it('is not taken from a server that has none, or from another computer', async () => {
    const device = await start()
    for (const url of [await serve(image, 404), 'http://example.invalid/x.bin', 'no url']) {
      await command(device, `OtaUrl ${url}`)
      await command(device, 'Upgrade 1')
      await expect.poll(() => device.leftovers()).toBe(0)
    }
    expect([device.stored(), device.stats.boots]).toEqual([null, 1])
  })
})

describe('a device with a password', () => {
  it('asks for Basic on pages, and says in JSON what commands need', async () => {
    const device = await start({ password: 'secret' })
    const page = await call(device.target, '/up')
    expect([page.status, page.headers['www-authenticate']]).toEqual([401, 'Basic realm="Tasmota"'])
    const refused = await command(device, 'Status 2')
    expect([refused.status, refused.json]).toEqual([401, { WARNING: 'Need user=<username>&password=<password>' }])
    for (const query of ['user=admin&password=wrong', 'user=root&password=secret']) {
      expect((await call(device.target, `/cm?cmnd=Status%202&${query}`)).status).toBe(401)
    }
    expect((await call(device.target, '/cm?cmnd=Status%202&user=admin&password=secret')).status).toBe(200)
    const headers = basic('admin', 'secret')
    expect((await command(device, 'Status 2', { headers })).status).toBe(200)
    expect((await upload(device.target, image)).status).toBe(401)
    expect(device.stored()).toBeNull()
    expect((await upload(device.target, image, { headers })).text).toContain('Successful')
  })
})

describe('the Referer', () => {
  it.each([
    ['another host', 'http://example.invalid/up', false],
    ['its address', 'http://127.0.0.1/', true],
    ['its name', 'http://ESP32-1/up', true],
  ])('of %s', async (_what, Referer, isLetIn) => {
    const device = await start()
    const headers = { Referer }
    expect(await errorCodeOf(command(device, 'Status 2', { headers }))).toBe(isLetIn ? 'answered' : 'ECONNRESET')
    expect(await errorCodeOf(call(device.target, '/up', { headers }))).toBe(isLetIn ? 'answered' : 'ECONNRESET')
  })

  it('is wanted by newer firmware', async () => {
    const device = await start({ needsReferer: true })
    expect(await errorCodeOf(upload(device.target, image))).toBe('ECONNRESET')
    const answer = await upload(device.target, image, { headers: { Referer: `${device.target}/` } })
    expect(answer.text).toContain('Successful')
  })
})

describe('the fault', () => {
  it.each([
    ['file', 'Successful'],
    ['settings', 'too large'],
  ])('armed-elsewhere: the upload becomes a %s', async (type, text) => {
    const device = await start({ faults: [{ name: 'armed-elsewhere', ...{ type } }], clock: new ManualClock() })
    const answer = await upload(device.target, image)
    expect([answer.text.includes(text), device.stored()]).toEqual([true, null])
    expect((await upload(device.target, image)).text).toContain('Successful')
    expect(device.stored()).toEqual(image)
  })
})

testUpdateFaults({
  start: startTasmota,
  upload,
  success: 'Successful',
  failure: () => 'Failed',
  requestCount: 2,
  leavesUpdateOpen: false,
  ownFaults: ['upload-error', 'armed-elsewhere', 'remembers-abort', 'never-safeboot'],
  table: tasmotaFaults,
})

describe('the kind', () => {
  it('starts a device of a specification with its traits', async () => {
    const device = await tasmotaKind.start({
      ...tasmotaKind.traits['basic'],
      ...tasmotaKind.traits['vi'],
      identity: { id: 'esp32-7', name: 'esp32-7' },
      faults: [],
      flashDir: null,
      seed: 1,
    })
    const page = await call(device.target, '/up', { headers: basic('admin', 'secret') })
    expect(page.text).toContain('Nâng cấp')
    await device.close()
  })
})
