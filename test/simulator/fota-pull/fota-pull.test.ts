import { afterEach, describe, expect, it } from 'vitest'
import { buildDemoFirmware } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import { decodeBase64 } from '../../../src/simulator/fota-pull/base64.ts'
import {
  chunkMac,
  isSameMac,
  keyFromText,
  PRACTICE_PSK,
} from '../../../src/simulator/fota-pull/chunk-authentication.ts'
import { fotaPullKind } from '../../../src/simulator/fota-pull/kind.ts'
import {
  startVirtualFotaPull,
  type FotaPullOptions,
  type VirtualFotaPull,
} from '../../../src/simulator/fota-pull/virtual-fota-pull.ts'
import { buildTestImage } from '../test-image.ts'
import { ReleaseServer, type Release } from './release-server.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(thing => thing.close()))
})

const { instant } = fotaPullKind.traits
/** No two chunks are alike. */
const image = buildDemoFirmware({ sizeBytes: 5500, version: '1.0.7', seed: 1, projectName: 'thermostat' })
const CHUNKS = Math.ceil(image.length / 1024)
const inOrder = Array.from({ length: CHUNKS }, (_, index) => index)
const release: Release = { image, version: '1.0.7' }

async function start(
  options: FotaPullOptions = {},
  served: Release | null = release,
): Promise<{ device: VirtualFotaPull; server: ReleaseServer }> {
  const device = await startVirtualFotaPull({ ...instant, ...options })
  const server = new ReleaseServer(served)
  open.push(device, server)
  await server.listen(device.port)
  return { device, server }
}

describe('the authentication of a chunk', () => {
  const key = keyFromText(PRACTICE_PSK)

  it('is that of the reference vectors', () => {
    const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index & 0xff)
    const hello = new TextEncoder().encode('hello')
    const name = { version: '1.0.7', number: 3 }
    expect(chunkMac(key, 'chunk', name, hello)).toBe('53c40272a70c15ca4ee0af4df1f155fd6c41e00ce2307d8987ecd4bb36a7e990')
    expect(chunkMac(key, 'bound', name, hello)).toBe('30adfb57dd9606f8655cd5818cacd710556f2123720436ca10f6a75cffec561d')
    expect(chunkMac(key, 'chunk', name, bytes)).toBe('b7461b582e6d4e287bcc2f9f853344bc3fcbf7dd4e5c87e4fab2b4fcd50c7c05')
  })

  it('takes 64 hex digits as 32 bytes and any other text as itself', () => {
    expect(key).toHaveLength(32)
    expect(keyFromText('practice').toString()).toBe('practice')
  })

  it('compares letter by letter, capitals included', () => {
    expect(isSameMac('ab', 'ab')).toBe(true)
    expect(isSameMac('ab', 'AB')).toBe(false)
    expect(isSameMac('ab', 'abc')).toBe(false)
  })

  it('reads base64 like the device: strange characters are skipped, the first = ends it', () => {
    expect(Buffer.from(decodeBase64('aGVs\r\n bG8=aGVsbG8=')).toString()).toBe('hello')
    expect(decodeBase64('====')).toHaveLength(0)
    expect(Buffer.from(decodeBase64(Buffer.from(image).toString('base64')))).toEqual(Buffer.from(image))
  })
})

describe('a device that pulls', () => {
  it('waits until somebody serves, pulls in order, restarts and reports', async () => {
    const { device, server } = await start({ reportEveryChunks: 2 })
    await server.untilStatus('boot_status', 'success')
    expect(server.chunks).toEqual(inOrder)
    expect([...server.deviceIds]).toEqual(['esp32-1'])
    expect(device.target).toBe(`pull://127.0.0.1:${String(device.port)}/esp32-1`)
    expect(server.statuses).toEqual([
      { chunk_received: 2, total_chunks: CHUNKS, progress: expect.closeTo(200 / CHUNKS) },
      { chunk_received: 4, total_chunks: CHUNKS, progress: expect.closeTo(400 / CHUNKS) },
      expect.objectContaining({ chunk_received: 6 }),
      {
        chunk_received: CHUNKS,
        total_chunks: CHUNKS,
        progress: 100,
        verified: true,
        boot_status: 'pending_reboot',
        new_version: '1.0.7',
      },
      { boot_status: 'success', boot_count: 0, new_version: '1.0.7', rollback: false },
    ])
    expect(device.activeImage()).toEqual(image)
    expect(device.stored()).toEqual(image)
    expect(device.dataRequests()).toBe(CHUNKS)
  })

  it('asks for nothing more once it runs the version of the manifest, and asks whether to go back', async () => {
    const { server } = await start({ firmware: { version: '1.0.7' } })
    await server.until(() => server.requests.length >= 5)
    expect(new Set(server.requests)).toEqual(
      new Set(['GET /api/inverter/fota/rollback-status', 'GET /api/inverter/fota/manifest']),
    )
  })

  it.each([
    ['with MACs that are bound to version and number', {}, { macMode: 'bound' }],
    ['with the words of the seed’s text', { wording: 'text' }, {}],
    ['without a Device-ID', { sendsDeviceId: false }, {}],
    ['with a check of the whole', { checksHash: true }, {}],
    ['without security, whatever the MAC is', { acceptsAnything: true }, { chunk: withOtherMac }],
    ['of chunks of 16 KiB', {}, { chunkBytes: 16384 }],
  ] as const)('installs %s', async (_name, options, changes) => {
    const { device, server } = await start(options, { ...release, ...changes })
    await server.untilStatus('boot_status', 'success')
    expect(device.activeImage()).toEqual(image)
    const parameter = 'wording' in options ? 'chunk' : 'chunk_number'
    expect(server.requests).toContain(`GET /api/inverter/fota/chunk?${parameter}=0`)
    expect(server.deviceIds.size).toBe('sendsDeviceId' in options ? 0 : 1)
  })

  it.each([
    ['a MAC of something else', { chunk: withOtherMac }, 'HMAC verification failed'],
    ['another number', { chunk: answer => ({ ...answer, chunk_number: 9 }) }, 'Invalid chunk response'],
    ['no data', { chunk: ({ data: _data, ...answer }) => answer }, 'Invalid chunk response'],
    ['too much base64', { chunkBytes: 19_000, image: buildTestImage({ dataBytes: 40_000 }) }, 'Invalid base64 length'],
    ['an image that does not hold together', { image: image.subarray(0, 4096) }, 'Could Not Activate The Firmware'],
    ['something that is no application', { image: new Uint8Array(3000) }, 'Wrong Magic Byte'],
  ] as readonly (readonly [string, Partial<Release>, string])[])(
    'refuses %s, says so, and goes on running what it ran',
    async (_name, changes, error) => {
      const { device, server } = await start({}, { ...release, ...changes })
      await server.untilStatus('verified', false)
      expect(server.statuses.at(-1)?.['error']).toContain(error)
      expect(device.activeImage()).toBeNull()
      expect(device.stored()).toBeNull()
      expect(device.leftovers()).toBe(0)
    },
  )

  it('finds a whole that is another by its SHA-256 only where it is built to look', async () => {
    const other = { ...release, manifest: { hash: 'ab'.repeat(32) } }
    const careful = await start({ checksHash: true }, other)
    await careful.server.untilStatus('verified', false)
    expect(careful.server.statuses.at(-1)?.['error']).toBe('SHA-256 mismatch')
    const seed = await start({}, other)
    await seed.server.untilStatus('boot_status', 'success')
  })

  it('falls silent after a chunk that it could not have where it is the seed’s, until it restarts', async () => {
    const { device, server } = await start(
      { ...fotaPullKind.traits['seed'] },
      { ...release, chunk: (answer, number) => (number === 2 ? {} : answer) },
    )
    await server.until(() => server.chunks.includes(2))
    server.release = release
    await device.reboot()
    await server.untilStatus('boot_status', 'success')
    expect(server.chunks).toEqual([0, 1, 2, ...inOrder])
    expect(server.statuses.map(status => status['boot_status'])).toEqual(['pending_reboot', 'success'])
  })

  it('begins again with chunk 0 after it lost power in the middle', async () => {
    const { device, server } = await start({ faults: [named('reboot', { chunk: 3 })] })
    await server.untilStatus('boot_status', 'success')
    expect(server.chunks).toEqual([0, 1, 2, ...inOrder])
    expect(device.activeImage()).toEqual(image)
  })

  it('goes back when it is told to, and says that it did', async () => {
    const { device, server } = await start()
    await server.untilStatus('boot_status', 'success')
    server.rollback = 'customer complained'
    await server.untilStatus('rollback', true)
    expect(server.statuses.at(-1)).toEqual({
      boot_status: 'failed',
      boot_count: 1,
      rollback: true,
      error: 'customer complained',
    })
    expect(device.activeImage()).toBeNull()
    const asked = server.chunks.length
    await server.until(() => server.requests.filter(line => line.endsWith('/manifest')).length > 5)
    expect(server.chunks).toHaveLength(asked)
  })

  it('says what is wrong when it is told to go back and has nowhere to go', async () => {
    const { server } = await start({}, null)
    server.rollback = 'asked for'
    await server.untilStatus('error', 'No rollback partition available')
    expect(server.chunks).toEqual([])
  })
})

describe('a device that pulls one plain image', () => {
  it.each([
    ['in ranges', { style: 'range' }, 2],
    ['in ranges after a question for the first byte', { style: 'range', lengthBy: 'first-byte' }, 3],
    ['at once', { style: 'plain' }, 1],
  ] as const)('does so %s, restarts, and does not pull it again', async (_name, options, requests) => {
    const large = buildTestImage({ version: '3.0.0', dataBytes: 20_000 })
    const { device, server } = await start(options, { image: large, version: '3.0.0' })
    await device.nextBoot()
    expect(device.activeImage()).toEqual(large)
    expect(server.requests.filter(line => line === 'GET /firmware.bin')).toHaveLength(requests)
    let boots = 0
    void device.nextBoot().then(() => boots++)
    const before = server.requests.length
    await server.until(() => server.requests.length >= before + 6)
    expect(boots).toBe(0)
    expect(server.statuses).toEqual([])
    expect(device.refusedImage()).toBeNull()
  })

  it('asks again for a range whose connection broke', async () => {
    const { device, server } = await start({
      style: 'range',
      rangeBytes: 1024,
      faults: [named('cut', { chunk: 2, at: 'in-body' })],
    })
    await device.nextBoot()
    expect(device.activeImage()).toEqual(image)
    expect(server.requests.filter(line => line.startsWith('GET')).length).toBeGreaterThan(CHUNKS)
  })
})

it('asks for ranges behind the end, and takes 416 for what it says', async () => {
  const { device, server } = await start({ style: 'range', rangeBytes: 1024, faults: [named('asks-beyond-end')] })
  await device.nextBoot()
  expect(device.activeImage()).toEqual(image)
  expect(server.ranges.filter(line => line.endsWith('416'))).toEqual(
    [CHUNKS, CHUNKS + 1].map(index => `bytes=${String(index * 1024)}-${String(index * 1024 + 1023)} 416`),
  )
})

describe('a faulty device', () => {
  it.each([
    [named('cut', { chunk: 2, at: 'before-request' }), inOrder],
    [named('cut', { chunk: 2, at: 'in-body' }), [0, 1, 2, ...inOrder.slice(2)]],
    [named('cut', { chunk: 2 }), [0, 1, 2, ...inOrder.slice(2)]],
    [named('reset-at-byte', { byte: 2000 }), [0, 1, ...inOrder.slice(1)]],
    [named('repeats', { chunk: 1 }), [0, 1, ...inOrder.slice(1)]],
    [named('asks-beyond-end', { count: 2 }), [...inOrder, CHUNKS, CHUNKS + 1]],
    [named('slow', { ms: 1 }), inOrder],
  ])('with %j gets there all the same', async (fault, chunks) => {
    const { device, server } = await start({ faults: [fault] })
    await server.untilStatus('boot_status', 'success')
    expect(server.chunks).toEqual(chunks)
    expect(device.activeImage()).toEqual(image)
  })

  it('says what came of its restart until somebody heard it', async () => {
    const { server } = await start({ faults: [named('cut', { chunk: 'complete', times: 3 })] })
    // Three answers are lost: to the report of the pending restart, and twice to the one after it.
    await server.until(() => server.statuses.filter(status => status['boot_status'] === 'success').length === 3)
    const before = server.requests.length
    await server.until(() => server.requests.length >= before + 6)
    expect(server.statuses.filter(status => status['boot_status'] === 'pending_reboot')).toHaveLength(1)
    expect(server.statuses.filter(status => status['boot_status'] === 'success')).toHaveLength(3)
  })

  it('reports the restart to a server that was away meanwhile', async () => {
    const { device, server } = await start({ bootMs: 20 })
    await server.untilStatus('boot_status', 'pending_reboot')
    server.close()
    await device.nextBoot()
    const next = new ReleaseServer(release)
    open.push(next)
    await next.listen(device.port)
    await next.untilStatus('boot_status', 'success')
    expect(next.chunks).toEqual([])
  })

  it.each([
    [named('reorders', { chunk: 1 }), 'Could Not Activate The Firmware'],
    [named('repeats', { chunk: 1, writes: 'twice' }), 'Could Not Activate The Firmware'],
    [named('wrong-psk'), 'HMAC verification failed'],
    [named('mixed-version'), 'Could Not Activate The Firmware'],
  ])('with %j comes to nothing and says why', async (fault, error) => {
    const { device, server } = await start({ faults: [fault] })
    await server.untilStatus('verified', false)
    expect(server.statuses.at(-1)?.['error']).toContain(error)
    expect(device.activeImage()).toBeNull()
  })

  it('that mixes versions is found out at its first chunk by MACs that are bound to the version', async () => {
    const { server } = await start({ faults: [named('mixed-version')] }, { ...release, macMode: 'bound' })
    await server.untilStatus('verified', false)
    expect(server.statuses.at(-1)?.['error']).toContain('chunk 0: HMAC verification failed')
  })

  it('that stalls asks for no chunk more', async () => {
    const { device, server } = await start({ faults: [named('stalls', { chunk: 2 })] })
    await server.until(() => server.chunks.length === 2)
    await device.reboot()
    await server.until(() => server.chunks.length === 4)
    expect(server.chunks).toEqual([0, 1, 0, 1])
  })

  it('that never asks asks for nothing', async () => {
    const { device, server } = await start({ faults: [named('never-asks')] })
    await device.reboot()
    expect(server.requests).toEqual([])
  })

  it('that never reports runs the image in silence', async () => {
    const { device, server } = await start({ faults: [named('no-status')] })
    await device.nextBoot()
    expect(device.activeImage()).toEqual(image)
    expect(server.statuses).toEqual([])
  })

  it.each([
    [named('liar'), '1.0.7', false],
    [named('old-version'), '1.0.0', true],
    [named('stores-garbage'), '1.0.7', true],
  ])('with %j reports success and runs what it ran', async (fault, version, restarts) => {
    const { device, server } = await start({ faults: [fault] })
    let hasRestarted = false
    void device.nextBoot().then(() => (hasRestarted = true))
    await server.untilStatus('boot_status', 'success')
    expect(server.statuses.at(-1)).toMatchObject({ boot_status: 'success', new_version: version, rollback: false })
    expect(hasRestarted).toBe(restarts)
    expect(device.activeImage()).toBeNull()
  })

  it.each([named('rollback', { ms: 20 }), named('bad-self-check')])(
    'with %j says that it went back, and does not pull the same again',
    async fault => {
      const { device, server } = await start({ faults: [fault], confirmMs: 1000 })
      await server.untilStatus('rollback', true)
      expect(server.statuses.at(-1)).toMatchObject({ boot_status: 'failed', boot_count: 1 })
      expect(device.activeImage()).toBeNull()
      const asked = server.chunks.length
      await server.until(() => server.requests.slice(-4).filter(line => line.endsWith('/manifest')).length === 2)
      expect(server.chunks).toHaveLength(asked)
    },
  )

  it('whose new firmware does not stay up reports each boot, and at the third that it goes back', async () => {
    const { device, server } = await start({ faults: [named('boot-loops')] })
    await server.untilStatus('rollback', true)
    await device.nextBoot()
    expect(server.statuses.slice(-3)).toEqual([
      { boot_status: 'failed', boot_count: 1 },
      { boot_status: 'failed', boot_count: 2 },
      { boot_status: 'failed', boot_count: 3, rollback: true, error: 'Boot count exceeded after update' },
    ])
    expect(device.activeImage()).toBeNull()
    const asked = server.chunks.length
    await server.until(() => server.requests.slice(-4).filter(line => line.endsWith('/manifest')).length === 2)
    expect(server.chunks).toHaveLength(asked)
  })

  it('with the Device-ID of another names itself so, in requests and in its address', async () => {
    const { device, server } = await start({ faults: [named('other-device-id')] })
    await server.untilStatus('boot_status', 'success')
    expect([...server.deviceIds]).toEqual(['esp32-other'])
    expect(device.target).toMatch(/\/esp32-1$/)
  })

  it('with a hostile name sends it where a header can carry it', async () => {
    const { server } = await start({ faults: [named('hostile-name')] })
    await server.untilStatus('boot_status', 'success')
    expect([...server.deviceIds]).toEqual(['esp32-1'])
    expect(server.statuses.at(-1)?.['new_version']).toContain('\u001b')
  })
})

function withOtherMac(answer: Record<string, unknown>): Record<string, unknown> {
  return { ...answer, mac: '0'.repeat(64), hmac: '0'.repeat(64) }
}

function named(name: string, parameters: object = {}): { readonly name: string } {
  return { name, ...parameters }
}
