import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobOrderRequest } from '../../../../src/shared/contract/commands.ts'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../../../../src/core/discovery/target.ts'
import { stm32Bridge } from '../../../../src/core/transfer/stm32-bridge/protocol.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../../fakes/bench.ts'
import {
  DONE,
  sha256,
  startScriptedGateway,
  stm32Image,
  type GatewayScript,
  type ScriptedGateway,
} from './scripted-gateway.ts'

let bench: Bench
const gateways: ScriptedGateway[] = []
beforeEach(async () => {
  bench = await openBench({
    protocols: [stm32Bridge],
    retryPolicy: { ...quickRetryPolicy, requestTimeoutMs: 400, rebootTimeoutMs: 400 },
  })
})
afterEach(async () => {
  await bench.close()
  for (const gateway of gateways.splice(0)) await gateway.close()
})

async function gatewayWith(script: GatewayScript = {}): Promise<ScriptedGateway> {
  const gateway = await startScriptedGateway(script)
  gateways.push(gateway)
  return gateway
}

async function start(
  gateway: ScriptedGateway,
  bytes = stm32Image(),
  more: Partial<JobOrderRequest> = {},
  fileName = 'motor.bin',
): Promise<string> {
  const firmwareId = await bench.firmwareId(bytes, fileName)
  const { jobIds } = await bench.station.engine.start({
    firmwareId,
    targets: [gateway.target],
    protocol: 'stm32-bridge',
    ...more,
  })
  return jobIds[0] ?? ''
}

async function flash(
  gateway: ScriptedGateway,
  bytes?: Uint8Array,
  more?: Partial<JobOrderRequest>,
  fileName?: string,
): Promise<JobSnapshot> {
  return await bench.ended(await start(gateway, bytes, more, fileName))
}

function endpointOf({ target }: ScriptedGateway): Endpoint {
  const endpoint = parseTarget(target)
  if (!isEndpoint(endpoint)) throw new Error('no endpoint')
  return endpoint
}

/** Intel HEX of bytes at an address below 64 KiB of one upper half. */
function intelHex(address: number, bytes: Uint8Array): Uint8Array {
  const record = (offset: number, type: number, data: readonly number[]): string => {
    const all = [data.length, offset >> 8, offset & 0xff, type, ...data]
    const sum = -all.reduce((total, byte) => total + byte, 0) & 0xff
    return `:${Buffer.from([...all, sum])
      .toString('hex')
      .toUpperCase()}\n`
  }
  const upper = address >>> 16
  let text = record(0, 4, [upper >> 8, upper & 0xff])
  for (let at = 0; at < bytes.length; at += 16) {
    text += record((address & 0xffff) + at, 0, [...bytes.subarray(at, at + 16)])
  }
  return Buffer.from(text + record(0, 1, []))
}

describe('stm32-bridge to a gateway of the seed', () => {
  it('ends with the device’s word and says that the proof is an 8-bit sum', async () => {
    const gateway = await gatewayWith()
    const image = stm32Image(20_000)
    const job = await flash(gateway, image, { options: { stm32: 'STM32F103C8' } })
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'acknowledged',
      required: 'acknowledged',
      boardNow: 'unknown',
      unplug: 'safe',
      doneBytes: 20_000,
      completion: 'succeeded',
      cannotUndo: null,
    })
    expect(job.evidence.map(({ level, method }) => `${level} ${method}`)).toEqual([
      'sent byte-count',
      'acknowledged stm32-sum8',
    ])
    expect(job.evidence[1]?.value).toContain('8-bit sum 0x')
    expect(job.warnings.join(' ')).toContain('8-bit sum')
    expect(job.relay).toMatchObject({ state: 'done', doneBytes: 20_000, totalBytes: 20_000, usualMs: 27_500 })
    expect(gateway.stored).toEqual(image)
    expect(gateway.requests.filter(request => request.startsWith('POST'))).toEqual(['POST /upload', 'POST /download'])
  })

  it('sends the head of the part with the first write, below 2048 bytes, and a boundary of WebKit’s shape', async () => {
    const gateway = await gatewayWith()
    await flash(gateway)
    expect(gateway.contentType).toMatch(/^multipart\/form-data; boundary=----WebKitFormBoundary[A-Za-z0-9]{16}$/)
    const first = Buffer.from(gateway.firstRead ?? new Uint8Array()).toString('latin1')
    const headEnd = first.indexOf('\r\n\r\n')
    expect(headEnd).toBeGreaterThan(0)
    expect(headEnd).toBeLessThan(2044)
    expect(first).toContain('filename="motor.bin"')
  })

  it.each([0x0a, 0x0d, 0x20, 0x09])('keeps an image whole whose last byte is 0x%s', async last => {
    const gateway = await gatewayWith()
    const image = stm32Image(8000, last)
    await flash(gateway, image)
    expect(gateway.stored?.subarray(0, 8000)).toEqual(image)
    expect(gateway.stored?.length).toBe(8008)
  })

  it('converts HEX here and sends a BIN', async () => {
    const gateway = await gatewayWith()
    const image = stm32Image(4096)
    const job = await flash(gateway, intelHex(0x0800_0000, image), {}, 'motor.hex')
    expect(job.verdict).toBe('acknowledged')
    expect(gateway.stored).toEqual(image)
    expect(Buffer.from(gateway.firstRead ?? []).toString('latin1')).toContain('filename="motor.bin"')
  })

  it('shows the second leg as a clock that is never full, and says what a cancel cannot undo', async () => {
    const gateway = await gatewayWith({ download: [{ afterMs: 80 }] })
    const jobId = await start(gateway)
    await bench.ended(jobId)
    const running = bench.snapshots.filter(({ relay }) => relay?.state === 'running')
    expect(running.length).toBeGreaterThan(2)
    expect(running.every(({ relay }) => relay?.doneBytes === null)).toBe(true)
    expect(running.every(({ boardNow, unplug }) => boardNow === 'unknown' && unplug === 'keep-powered')).toBe(true)
    expect(running.at(-1)?.cannotUndo?.en).toMatch(/Keep both powered until \d\d:\d\d/)
    expect(running.at(-1)?.cannotUndo?.vi).toMatch(/đến \d\d:\d\d/)
  })
})

describe('what the gateway answers', () => {
  it.each([
    ['Firmware file not found. Please upload firmware first.', 404, 'relay.not-stored', 'old-firmware', null],
    ['STM32 not ready for firmware update', 500, 'relay.not-ready', 'old-firmware', null],
    ['STM32 rejected firmware length (FW_ERR)', 500, 'relay.length-refused', 'unknown', 1],
    ['STM32 length response timeout', 500, 'relay.broke-off', 'unknown', 1],
    ['STM32 did not acknowledge data byte', 500, 'relay.broke-off', 'unknown', 1],
    ['Checksum verification timeout', 500, 'relay.broke-off', 'unknown', 1],
    ['Firmware transfer failed - checksum error', 500, 'relay.sum-differs', 'unknown', 1],
    ['Firmware transfer failed - checksum error', 200, 'relay.sum-differs', 'unknown', 1],
    ['Done', 200, 'relay.broke-off', 'unknown', 1],
    ['something else went wrong', 500, 'relay.broke-off', 'unknown', 1],
  ] as const)('“%s” with %i is %s, and leaves %s', async (text, status, code, boardNow, downloads) => {
    const gateway = await gatewayWith({ download: [{ status, text }] })
    const job = await flash(gateway)
    expect(job).toMatchObject({ state: 'failed', verdict: 'unproven', boardNow, unplug: 'safe' })
    expect(job.error).toMatchObject({ code })
    expect(job.error?.message).toContain(text)
    expect(job.relay?.state).toBe('failed')
    if (downloads !== null) expect(gateway.downloads).toBe(downloads)
  })

  it('a file that got lost before the STM32 was asked is sent again', async () => {
    const gateway = await gatewayWith({
      download: [{ status: 404, text: 'Firmware file not found. Please upload firmware first.' }, {}],
    })
    const job = await flash(gateway)
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged', attempts: 2 })
    expect(gateway.downloads).toBe(2)
  })

  it('a broken upload is sent again', async () => {
    const gateway = await gatewayWith({
      upload: [
        { status: 200, text: '', cut: true },
        { status: 500, text: 'Failed to write' },
        { status: 200, text: 'BIN file uploaded successfully' },
      ],
    })
    const job = await flash(gateway)
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged', retries: 2 })
    expect(gateway.downloads).toBe(1)
  })

  it.each([
    [500, 'Memory allocation failed', 'device.no-space'],
    [200, 'HEX file uploaded and converted to BIN successfully', 'image.not-transferable'],
    [404, 'Nothing matches the given URI', 'device.not-speaking'],
    [401, 'no', 'device.unauthorised'],
  ] as const)(
    'an upload that is answered %i “%s” ends the job with %s before the STM32',
    async (status, text, code) => {
      const gateway = await gatewayWith({ upload: [{ status, text }] })
      const job = await flash(gateway)
      expect(job).toMatchObject({ state: 'failed', error: { code }, boardNow: 'old-firmware', unplug: 'safe' })
      expect(gateway.downloads).toBe(0)
    },
  )
})

describe('a link that breaks while the STM32 is written', () => {
  it('is an unknown outcome with a time until which power stays on, and no second order', async () => {
    const gateway = await gatewayWith({ download: [{ cut: true }] })
    const job = await flash(gateway)
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'unproven',
      reason: 'outcome-unknown',
      boardNow: 'unknown',
      unplug: 'keep-powered',
      relay: { state: 'unknown', doneBytes: null },
    })
    expect(job.warnings.join(' ')).toMatch(/powered until \d\d:\d\d/)
    expect(gateway.downloads).toBe(1)
  })

  it('asks before a resume orders the writing again', async () => {
    const gateway = await gatewayWith({ download: [{ cut: true }, {}] })
    const jobId = await start(gateway)
    await bench.ended(jobId)
    await bench.reopen()
    await bench.station.engine.resume({ jobIds: [jobId] })
    const refused = await bench.ended(jobId)
    expect(refused).toMatchObject({
      state: 'failed',
      error: { code: 'job.decision-needed', details: { accept: 'repeat-download' } },
      boardNow: 'unknown',
      unplug: 'keep-powered',
    })
    expect(gateway.downloads).toBe(1)
    await bench.reopen()
    await bench.station.engine.resume({ jobIds: [jobId], accept: ['repeat-download'] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(gateway.downloads).toBe(2)
  })

  it('is settled by a gateway that has a status', async () => {
    const gateway = await gatewayWith({
      download: [{ cut: true }],
      status: held => statusOf(held, held.downloads > 0 ? 'done' : 'idle'),
    })
    const job = await flash(gateway)
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged', relay: { state: 'done' } })
    expect(gateway.downloads).toBe(1)
  })

  it('is settled as a failure by a gateway whose status names one', async () => {
    const gateway = await gatewayWith({
      download: [{ cut: true }],
      status: held =>
        statusOf(held, held.downloads > 0 ? 'error' : 'idle', 'Firmware transfer failed - checksum error'),
    })
    expect(await flash(gateway)).toMatchObject({ state: 'failed', error: { code: 'relay.sum-differs' } })
  })

  it('is not settled, in a later run either, by a status that said done before the order', async () => {
    const gateway = await gatewayWith({ download: [{ cut: true }], status: held => statusOf(held, 'done') })
    const jobId = await start(gateway)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'unproven', reason: 'outcome-unknown' })
    await bench.reopen()
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'failed', error: { code: 'job.decision-needed' } })
    expect(gateway.downloads).toBe(1)
  })

  it('is settled in a later run by a status that was telling', async () => {
    let state = 'idle'
    const gateway = await gatewayWith({
      download: [{ cut: true }],
      status: held => statusOf(held, held.downloads === 0 ? 'idle' : state),
    })
    const jobId = await start(gateway)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'unproven', reason: 'outcome-unknown' })
    state = 'done'
    await bench.reopen()
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'acknowledged' })
    expect(gateway.downloads).toBe(1)
  })

  it('a cancel while the status is looked at leaves nothing on show as if it still ran', async () => {
    const gateway = await gatewayWith({
      download: [{ cut: true }],
      status: held => statusOf(held, held.downloads > 0 ? 'sending' : 'idle'),
    })
    const jobId = await start(gateway)
    await bench.until(jobId, () => gateway.requests.filter(line => line.endsWith('/status')).length > 3)
    await bench.station.engine.cancel([jobId])
    expect(await bench.ended(jobId)).toMatchObject({
      state: 'cancelled',
      boardNow: 'unknown',
      unplug: 'keep-powered',
      relay: { state: 'unknown' },
    })
    const asked = gateway.requests.length
    await bench.reopen()
    expect(gateway.requests.length).toBe(asked)
  })

  it('stays unknown where the status is about another file', async () => {
    const gateway = await gatewayWith({
      download: [{ cut: true }],
      status: held =>
        held.downloads > 0 ? { ...statusOf(held, 'done'), sha256: 'ab'.repeat(32) } : statusOf(held, 'idle'),
    })
    expect(await flash(gateway)).toMatchObject({ verdict: 'unproven', reason: 'outcome-unknown' })
  })

  it('a cancel ends honestly: the outcome is not known', async () => {
    const gateway = await gatewayWith({ download: [{ afterMs: 60_000 }] })
    const jobId = await start(gateway)
    await bench.until(jobId, ({ relay }) => relay?.state === 'running')
    await bench.station.engine.cancel([jobId])
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({
      verdict: 'unproven',
      reason: 'outcome-unknown',
      boardNow: 'unknown',
      unplug: 'keep-powered',
    })
  })
})

describe('a gateway that has a status', () => {
  it('fills the second bar with what the STM32 took', async () => {
    let asked = 0
    const gateway = await gatewayWith({
      download: [{ afterMs: 120 }],
      status: held => ({
        ...statusOf(held, held.downloads > 0 ? 'sending' : 'idle'),
        bytes: held.downloads > 0 ? Math.min(20_000, ++asked * 800) : 0,
      }),
    })
    const job = await flash(gateway)
    expect(job.verdict).toBe('acknowledged')
    const counts = bench.snapshots.flatMap(({ relay }) => (relay?.state === 'running' ? [relay.doneBytes ?? -1] : []))
    expect(Math.max(...counts)).toBeGreaterThan(0)
    expect(counts).toEqual([...counts].sort((left, right) => left - right))
  })

  it('is stopped before the STM32 when it holds other bytes', async () => {
    const gateway = await gatewayWith({ status: held => ({ ...statusOf(held, 'idle'), sha256: 'cd'.repeat(32) }) })
    const job = await flash(gateway)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'device.rejected' }, boardNow: 'old-firmware' })
    expect(gateway.downloads).toBe(0)
  })

  it('is known by reading; another web page is not', async () => {
    const ask = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 1000 }
    const known = await gatewayWith({ status: held => statusOf(held, 'idle') })
    expect((await stm32Bridge.probe(endpointOf(known), ask)).isMatch).toBe(true)
    const seed = await gatewayWith()
    const result = await stm32Bridge.probe(endpointOf(seed), ask)
    expect([result.isMatch, result.notes.length]).toEqual([false, 1])
    expect([...known.requests, ...seed.requests]).toEqual(['GET /status', 'GET /status'])
  })
})

describe('an image that must not go out', () => {
  async function refusal(bytes: Uint8Array, more: Partial<JobOrderRequest> = {}, name = 'motor.bin'): Promise<unknown> {
    const gateway = await gatewayWith()
    const job = await flash(gateway, bytes, more, name)
    expect(gateway.requests.filter(request => request.startsWith('POST'))).toEqual([])
    expect(job).toMatchObject({ state: 'failed', boardNow: 'old-firmware', verdict: null })
    return job.error?.code
  }

  it('is one for an Espressif chip', async () => {
    expect(await refusal(demoImage())).toBe('image.wrong-kind')
  })

  it('is one with a boundary inside', async () => {
    const image = stm32Image()
    image.set(Buffer.from('x------WebKitFormBoundaryABC'), 9000)
    expect(await refusal(image)).toBe('image.not-transferable')
  })

  it('is one that is larger than the stated maximum', async () => {
    expect(await refusal(stm32Image(140_000))).toBe('image.too-large')
    expect(await refusal(stm32Image(9000), { options: { maximumBytes: 8192 } }, 'other.bin')).toBe('image.too-large')
  })

  it('is one whose base is another than the stated one', async () => {
    const hex = intelHex(0x0800_4000, stm32Image(512))
    expect(await refusal(hex, { options: { flashBase: '0x08003000' } }, 'motor.hex')).toBe('option.invalid')
  })

  it('is one whose base is neither the start of flash nor stated', async () => {
    const firmwareId = await bench.firmwareId(intelHex(0x0800_4000, stm32Image(512)), 'motor.hex')
    const gateway = await gatewayWith()
    const order = { firmwareId, targets: [gateway.target], protocol: 'stm32-bridge' }
    await expect(bench.station.engine.start(order)).rejects.toMatchObject({ code: 'image.base-required' })
    const { jobIds } = await bench.station.engine.start({ ...order, options: { flashBase: '0x08004000' } })
    expect(await bench.ended(jobIds[0] ?? '')).toMatchObject({ verdict: 'acknowledged' })
  })

  it('is none that only looks unusual: it is said instead', async () => {
    const gateway = await gatewayWith()
    const job = await flash(
      gateway,
      Uint8Array.from({ length: 2000 }, (_, index) => (index * 31) & 0xff),
    )
    expect(job.verdict).toBe('acknowledged')
    expect(job.warnings.join(' ')).toContain('vector table')
    expect(job.warnings.join(' ')).toContain('Which STM32')
  })

  it('is refused where more is required than a sum of eight bits can give', async () => {
    const gateway = await gatewayWith()
    const job = await flash(gateway, stm32Image(), { require: 'received' })
    expect(job.error?.code).toBe('require.unreachable-level')
    expect(gateway.stored).toBeNull()
  })
})

it('refuses a name that the gateway would take for Intel HEX', () => {
  const options = { fileName: 'motor.hex' }
  expect(() => {
    stm32Bridge.validate({ options, fileName: 'motor.bin' })
  }).toThrow(expect.objectContaining({ code: 'option.invalid' }))
})

it('reviews by the same judgements, and touches nothing', async () => {
  const gateway = await gatewayWith()
  const firmwareId = await bench.firmwareId(demoImage(), 'app.bin')
  const { inspection } = bench.station.firmware.get(firmwareId)
  const review = await stm32Bridge.review(
    {
      endpoint: endpointOf(gateway),
      image: { fileName: 'app.bin', sizeBytes: 65_536, inspection, segments: [] },
      options: {},
      requiredLevel: null,
    },
    { signal: new AbortController().signal, clock: systemClock, timeoutMs: 1000 },
  )
  expect(
    review.judgements.map(judgement => (judgement.kind === 'refusal' ? judgement.error.code : judgement.code)),
  ).toEqual(['cannot-prove', 'image.wrong-kind', 'base-not-known', 'stm32-not-stated'])
  expect(gateway.requests.every(request => request.startsWith('GET '))).toBe(true)
  expect(DONE).toContain('checksum')
})

function statusOf(gateway: ScriptedGateway, state: string, error: string | null = null): object {
  const { stored } = gateway
  return {
    state,
    bytes: state === 'done' ? (stored?.length ?? 0) : 0,
    total: stored?.length ?? 0,
    error: state === 'error' ? error : null,
    sha256: stored === null ? '' : sha256(stored),
  }
}
