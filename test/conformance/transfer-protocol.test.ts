/**
 * What every transfer protocol of THE LIST owes. A protocol is added with one line there and one harness; without a
 * harness this file fails. With FLASHPROOF_TEST_HOST the suite runs on that board too.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evidenceLevels, type JobSnapshot } from '../../src/shared/contract/models.ts'
import { parseOptions } from '../../src/shared/option-spec.ts'
import { isEndpoint, parseTarget } from '../../src/core/discovery/target.ts'
import { systemClock } from '../../src/core/clock.ts'
import { transferProtocols } from '../../src/core/transfer/index.ts'
import type { TransferProtocol } from '../../src/core/transfer/transfer-protocol.ts'
import { openBench, type Bench } from '../fakes/bench.ts'
import { harnesses, hardwareHarnesses } from './harnesses/index.ts'
import type { TransferDevice, TransferHarness } from './harnesses/transfer-harness.ts'

const onHardware = hardwareHarnesses(process.env)
if (onHardware.length === 0) console.info('FLASHPROOF_TEST_HOST is not set: the suite runs on virtual boards alone')

function protocolOf(harness: TransferHarness): TransferProtocol {
  const found = transferProtocols.find(({ descriptor }) => descriptor.id === harness.protocolId)
  if (found === undefined) throw new Error(`there is no protocol ${harness.protocolId}`)
  return found
}

describe('THE LIST of transfer protocols', () => {
  it('has unique ids', () => {
    const ids = transferProtocols.map(({ descriptor }) => descriptor.id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it.each(transferProtocols.map(({ descriptor }) => descriptor.id))('%s has a harness', id => {
    expect(harnesses.map(harness => harness.protocolId)).toContain(id)
  })
})

const places = [
  ...harnesses.map(harness => [`${harness.protocolId} on virtual boards`, harness] as const),
  ...onHardware.map(harness => [`${harness.protocolId} on the board under test`, harness] as const),
]

describe.each(places)('%s', (_name, harness) => {
  const protocol = protocolOf(harness)
  const { descriptor } = protocol
  let bench: Bench
  beforeEach(async () => {
    bench = await openBench()
  })
  afterEach(async () => {
    await bench.close()
  })

  async function start(device: TransferDevice, image = harness.image()): Promise<string> {
    const firmwareId = await bench.firmwareId(image)
    const { jobIds } = await bench.station.engine.start({
      firmwareId,
      targets: [device.target],
      protocol: harness.protocolId,
      options: { ...harness.options },
    })
    return jobIds[0] ?? ''
  }

  function expectTrueEnd(job: JobSnapshot, device: TransferDevice, image: Uint8Array): void {
    const stored = device.stored()
    if (job.verdict === 'proven') {
      if (stored !== undefined) expect(stored).toEqual(image)
      expect([job.boardNow, job.reason, job.error]).toEqual(['new-firmware', null, null])
    } else {
      // What is not proven says what is missing.
      expect(job.reason !== null || job.warnings.length > 0 || job.error !== null).toBe(true)
      expect(job.boardNow).not.toBe('new-firmware')
    }
  }

  it('describes itself: labels in both languages, endpoints, reach of every level, profiles that its options take', () => {
    expect(descriptor.label.en).not.toBe('')
    expect(descriptor.label.vi).not.toBe('')
    expect(descriptor.endpoints.length).toBeGreaterThan(0)
    expect(Object.keys(descriptor.reach).sort()).toEqual([...evidenceLevels].sort())
    for (const option of descriptor.options) {
      expect([option.key, option.label.en !== '', option.label.vi !== '']).toEqual([option.key, true, true])
    }
    const keys = descriptor.options.map(option => option.key)
    expect(new Set(keys).size).toBe(keys.length)
    for (const profile of descriptor.profiles)
      expect(() => parseOptions(descriptor.options, profile.values)).not.toThrow()
    expect(() => parseOptions(descriptor.options, {})).not.toThrow()
  })

  it('accepts its own kind of endpoint and no other', () => {
    const examples = ['http://h', 'serial:/dev/x', 'tcp://h:1', 'udp://h:1', 'pull://eth0/x'].map(text =>
      parseTarget(text),
    )
    const accepted = examples.filter(target => isEndpoint(target) && protocol.accepts(target)).map(({ kind }) => kind)
    expect(accepted.sort()).toEqual([...descriptor.endpoints].sort())
  })

  it('knows its device by reading only', async () => {
    const device = await harness.device(bench, 'none')
    const endpoint = parseTarget(device.target)
    if (!isEndpoint(endpoint)) throw new Error('no endpoint')
    const before = device.stored()
    const result = await protocol.probe(endpoint, {
      signal: new AbortController().signal,
      clock: systemClock,
      timeoutMs: 5000,
    })
    expect(result.isMatch).toBe(true)
    expect(device.stored()).toEqual(before)
    if (device.dataRequests() !== undefined) expect(device.dataRequests()).toBe(0)
  })

  it('uploads, and proves it or names what is missing', async () => {
    const device = await harness.device(bench, 'none')
    const image = harness.image()
    const job = await bench.ended(await start(device, image))
    expect(job.state).toBe('finished')
    expect(job.doneBytes).toBe(image.length)
    expectTrueEnd(job, device, image)
    const early = bench.snapshots.filter(snapshot => snapshot.verdict === 'proven' && snapshot.state !== 'finished')
    expect(early).toEqual([])
  })

  it('stops when it is cancelled, and leaves the old firmware', async () => {
    const device = await harness.device(bench, 'always')
    const jobId = await start(device)
    await bench.until(jobId, snapshot => snapshot.doneBytes > 0)
    void bench.station.engine.cancel([jobId])
    const job = await bench.ended(jobId)
    // A whole board may be done before the cancel; then its end must be true all the same.
    if (job.state === 'cancelled') {
      expect(job).toMatchObject({
        verdict: null,
        boardNow: 'old-firmware',
        unplug: 'safe',
        error: { code: 'job.cancelled' },
      })
    } else expectTrueEnd(job, device, harness.image())
  })

  it('goes on after a broken link with what is missing', async () => {
    const device = await harness.device(bench, 'once')
    const image = harness.image()
    const job = await bench.ended(await start(device, image))
    expect(job.state).toBe('finished')
    expectTrueEnd(job, device, image)
    const whole = await harness.device(bench, 'none')
    await bench.ended(await start(whole, image))
    const [broken, unbroken] = [device.dataRequests(), whole.dataRequests()]
    if (broken !== undefined && unbroken !== undefined) expect(broken - unbroken).toBeLessThanOrEqual(1)
  })

  it('goes on in another process with what is missing', async () => {
    const device = await harness.device(bench, 'once')
    const image = harness.image()
    const jobId = await start(device, image)
    await bench.until(jobId, snapshot => snapshot.retries > 0 || snapshot.state === 'finished')
    await bench.reopen()
    const stopped = bench.station.engine.locate(jobId).snapshot
    if (stopped.state !== 'finished') {
      expect(stopped).toMatchObject({ state: 'interrupted', boardNow: 'old-firmware', unplug: 'safe' })
      await bench.station.engine.resume({ jobIds: [jobId] })
      expectTrueEnd(await bench.ended(jobId), device, image)
    }
    const requests = device.dataRequests()
    if (requests !== undefined) expect(requests).toBeLessThanOrEqual(image.length / 1024 + 2)
  })

  it('touches nothing with an image that is refused', async () => {
    const { refused } = harness
    if (refused === null) return
    const device = await harness.device(bench, 'none')
    const before = device.stored()
    const job = await bench.ended(await start(device, refused.image()))
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: refused.code },
      boardNow: 'old-firmware',
      verdict: null,
    })
    expect(device.stored()).toEqual(before)
    if (device.dataRequests() !== undefined) expect(device.dataRequests()).toBe(0)
  })

  it('stops when another board answers at the address', async () => {
    const device = await harness.device(bench, 'none')
    if (device.swapBoard === undefined) return
    device.swapBoard()
    const job = await bench.ended(await start(device))
    expect(job).toMatchObject({ state: 'failed', verdict: 'unproven', boardNow: 'unknown' })
    expect(job.error?.code).toBe('device.identity-changed')
    expect(device.stored()).toBeNull()
  })
})
