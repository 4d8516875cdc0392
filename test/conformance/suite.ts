/**
 * What every transfer protocol owes its users, held against virtual devices and, with FLASHPROOF_TEST_HOST or
 * FLASHPROOF_TEST_PORT, against a board. The harnesses are spread over several test files, so that these run beside each other.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evidenceLevels, type JobSnapshot } from '../../src/shared/contract/models.ts'
import { parseOptions } from '../../src/shared/option-spec.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../../src/core/discovery/target.ts'
import { systemClock } from '../../src/core/clock.ts'
import { transferProtocols } from '../../src/core/transfer/index.ts'
import type { TransferProtocol } from '../../src/core/transfer/transfer-protocol.ts'
import type { NamedFault } from '../../src/simulator/faults/fault-table.ts'
import { seededRandom } from '../../src/simulator/random.ts'
import { openBench, type Bench } from '../fakes/bench.ts'
import { harnesses, hardwareHarnesses } from './harnesses/index.ts'
import type { TransferDevice, TransferHarness } from './harnesses/transfer-harness.ts'
import { patientPolicy, suitePolicy } from './suite-policy.ts'
import { falseReds, tooHighFacts, truthOf, untrueEnd } from './true-end.ts'
import { watchTruth } from './watch-truth.ts'

/** Describes the suite for every `parts`-th harness, beginning with number `part` from 0. */
export function describeSuite(part: number, parts: number): void {
  const onHardware = part === 0 ? hardwareHarnesses(process.env) : []
  if (part === 0 && onHardware.length === 0) {
    console.info('neither FLASHPROOF_TEST_HOST nor FLASHPROOF_TEST_PORT is set: the suite runs on virtual boards alone')
  }
  const places = [
    ...harnesses
      .filter((_harness, index) => index % parts === part)
      .map(harness => [`${nameOf(harness)} on virtual boards`, harness] as const),
    ...onHardware.map(harness => [`${nameOf(harness)} on the board under test`, harness] as const),
  ]
  describe.each(places)('%s', (_name, harness) => {
    describeHarness(harness)
  })
}

function describeHarness(harness: TransferHarness): void {
  const protocol = protocolOf(harness)
  const { descriptor } = protocol
  let bench: Bench
  beforeEach(async () => {
    bench = await openBench({ retryPolicy: suitePolicy })
  })
  afterEach(async () => {
    await bench.close()
  })

  async function order(
    device: TransferDevice,
    image: Uint8Array,
    more: { readonly require?: (typeof evidenceLevels)[number]; readonly fileName?: string } = {},
  ): Promise<string> {
    const { fileName = harness.fileName, ...rest } = more
    const firmwareId = await bench.firmwareId(image, fileName)
    const { jobIds } = await bench.station.engine.start({
      firmwareId,
      targets: [device.target],
      protocol: harness.protocolId,
      options: { ...harness.options, ...device.options },
      secrets: { ...harness.secrets },
      accept: [...(harness.accept ?? [])],
      ...rest,
    })
    return jobIds[0] ?? ''
  }

  const start = (device: TransferDevice, image = harness.image()): Promise<string> => order(device, image)
  const deviceWith = (...faults: readonly NamedFault[]): Promise<TransferDevice> => harness.device(bench, { faults })

  function expectTrueEnd(job: JobSnapshot, device: TransferDevice, image: Uint8Array): void {
    expect(untrueEnd(job, truthOf(harness, device, image))).toEqual([])
    expect(tooHighFacts(harness, job)).toEqual([])
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
    const examples = ['http://h', 'serial:/dev/x', 'tcp://h:1', 'rfc2217://h:1', 'udp://h:1', 'pull://eth0/x'].map(
      text => parseTarget(text),
    )
    const accepted = examples.filter(target => isEndpoint(target) && protocol.accepts(target)).map(({ kind }) => kind)
    expect(accepted.sort()).toEqual([...descriptor.endpoints].sort())
  })

  it('knows its device by reading only, or says that no reading can tell', async () => {
    const device = await deviceWith()
    const before = device.stored()
    const result = await protocol.probe(endpointOf(device), {
      signal: new AbortController().signal,
      clock: systemClock,
      timeoutMs: 5000,
    })
    expect(result.isMatch).toBe(harness.isRecognised)
    if (!result.isMatch) expect(result.notes).not.toEqual([])
    expect(device.stored()).toEqual(before)
    expectUntouched(device)
  })

  it('uploads, and shows exactly what the device proved', async () => {
    await bench.reopen({ retryPolicy: patientPolicy })
    const device = await deviceWith()
    const image = harness.image()
    const jobId = await start(device, image)
    const job = await bench.ended(jobId)
    const { state, verdict, doneBytes, totalBytes, error } = job
    expect({ state, verdict, doneBytes, error }).toEqual({
      state: 'finished',
      verdict: harness.best,
      doneBytes: totalBytes,
      error: null,
    })
    expectTrueEnd(job, device, image)
    const { isStored, isActive } = truthOf(harness, device, image)
    if (isStored !== undefined) expect(isStored || isActive === true).toBe(true)
    const snapshots = bench.snapshots.filter(snapshot => snapshot.jobId === jobId)
    expect(snapshots.filter(snapshot => snapshot.verdict === 'proven' && snapshot.state !== 'finished')).toEqual([])
    const progress = snapshots.map(snapshot => snapshot.doneBytes)
    expect(progress).toEqual([...progress].sort((left, right) => left - right))
  })

  it('stops when it is cancelled, and leaves the device clean', async () => {
    const device = await deviceWith(harness.breaks.always)
    const jobId = await start(device)
    await bench.until(jobId, snapshot => snapshot.doneBytes > 0 || isOver(snapshot))
    await bench.station.engine.cancel([jobId]).catch(() => undefined)
    const job = await bench.ended(jobId)
    // A whole board may be done before the cancel; then its end must be true all the same.
    if (job.state === 'cancelled') {
      expect(job.error?.code).toBe('job.cancelled')
      expect(harness.boardAfterCancel).toContain(job.boardNow)
    }
    expectTrueEnd(job, device, harness.image())
    if (!harness.keepsParts && device.leftovers() !== undefined) expect(device.leftovers()).toBe(0)
  })

  it('goes on after a broken link', async () => {
    const device = await deviceWith(harness.breaks.once)
    const image = harness.image()
    const job = await bench.ended(await start(device, image))
    expect([job.state, job.verdict, job.error]).toEqual(['finished', harness.best, null])
    expectTrueEnd(job, device, image)
    if (!harness.keepsParts) return
    const whole = await deviceWith()
    await bench.ended(await start(whole, image))
    const [broken, unbroken] = [device.dataRequests(), whole.dataRequests()]
    if (broken !== undefined && unbroken !== undefined) {
      expect(broken - unbroken).toBeLessThanOrEqual(harness.mostRepeated ?? 2)
    }
  })

  it('goes on in another process', async () => {
    const device = await deviceWith(harness.breaks.once)
    const image = harness.image()
    const jobId = await start(device, image)
    await bench.until(jobId, snapshot => snapshot.retries > 0 || snapshot.attempts > 1 || isOver(snapshot))
    await bench.reopen()
    const stopped = bench.station.engine.locate(jobId).snapshot
    if (stopped.state === 'finished') return
    expect(stopped.state).toBe('interrupted')
    await bench.station.engine.resume({ jobIds: [jobId], secrets: { ...harness.secrets } })
    const job = await bench.ended(jobId)
    expect([job.state, job.verdict, job.error]).toEqual(['finished', harness.best, null])
    expectTrueEnd(job, device, image)
    const requests = device.dataRequests()
    if (requests !== undefined && harness.keepsParts) {
      expect(requests).toBeLessThanOrEqual(harness.chunkCount(image.length) + 8)
    }
  })

  for (const refused of harness.refused) {
    it(`refuses ${refused.name} before the first byte`, async () => {
      const device = await deviceWith()
      const before = device.stored()
      const job = await bench.ended(
        await order(device, refused.image(), refused.fileName === undefined ? {} : { fileName: refused.fileName }),
      )
      expect(job).toMatchObject({
        state: 'failed',
        error: { code: refused.code },
        boardNow: 'old-firmware',
        verdict: null,
      })
      expect(device.stored()).toEqual(before)
      expectUntouched(device)
    })
  }

  const unreachable = evidenceLevels.filter(level => descriptor.reach[level] === 'no')
  it.each(unreachable)('refuses to require “%s”, which it cannot reach, before the first byte', async level => {
    const device = await deviceWith()
    const job = await bench.ended(await order(device, harness.image(), { require: level }))
    expect([job.state, job.error?.code, job.boardNow]).toEqual(['failed', 'require.unreachable-level', 'old-firmware'])
    expectUntouched(device)
  })

  const swept = harness.cuts(harness.sweptBytes)
  it.runIf(swept.length > 0)(`goes on after each of ${String(swept.length)} cuts`, { timeout: 60_000 }, async () => {
    const image = harness.image(harness.sweptBytes)
    const problems: string[] = []
    await inTurns(swept, async cut => {
      const device = await deviceWith(cut.fault)
      const job = await bench.ended(await start(device, image))
      const truth = truthOf(harness, device, image)
      const found = [
        ...untrueEnd(job, truth),
        ...falseReds(harness, job, truth, cut.mayEndUnknown === true),
        ...tooHighFacts(harness, job),
      ]
      problems.push(...found.map(problem => `${cut.name}: ${problem}`))
    })
    expect(problems).toEqual([])
  })

  const faults = Object.entries(harness.faults)
  it.runIf(faults.length > 0)(
    `tells the truth with each of ${String(faults.length)} faults`,
    { timeout: 60_000 },
    async () => {
      const image = harness.image()
      const problems: string[] = []
      await inTurns(faults, async ([name, { kind, draw, mayEndUnknown }]) => {
        const random = seededRandom(7, `${harness.protocolId} ${name}`)
        const chunkCount = harness.chunkCount(image.length)
        const fault = draw({ random, chunkCount, sizeBytes: image.length })
        const device = await deviceWith(fault)
        const watch = watchTruth(bench, harness, device, image)
        const job = await bench.ended(await start(device, image))
        watch.stop()
        const truth = truthOf(harness, device, image)
        const found = [
          ...watch.problems,
          ...untrueEnd(job, truth),
          ...(kind === 'passes' ? falseReds(harness, job, truth, mayEndUnknown === true) : []),
          ...tooHighFacts(harness, job),
        ]
        problems.push(...found.map(problem => `${JSON.stringify(fault)}: ${problem}`))
      })
      expect(problems).toEqual([])
    },
  )

  it('stops when another board answers at the address', async () => {
    const device = await deviceWith()
    if (device.swapBoard === undefined) return
    device.swapBoard()
    const job = await bench.ended(await start(device))
    // What was sent to the first board is nothing that was proven of the second; of nothing there is no verdict.
    const verdict = device.dataRequests() === 0 ? null : 'unproven'
    expect(job).toMatchObject({ state: 'failed', boardNow: 'unknown' })
    expect(['unproven', verdict]).toContain(job.verdict)
    expect(job.error?.code).toBe('device.identity-changed')
    expect(device.stored()).toBeNull()
  })
}

function protocolOf(harness: TransferHarness): TransferProtocol {
  const found = transferProtocols.find(({ descriptor }) => descriptor.id === harness.protocolId)
  if (found === undefined) throw new Error(`there is no protocol ${harness.protocolId}`)
  return found
}

export function nameOf({ protocolId, variant }: TransferHarness): string {
  return variant === undefined ? protocolId : `${protocolId} (${variant})`
}

function expectUntouched(device: TransferDevice): void {
  if (device.dataRequests() !== undefined) expect(device.dataRequests()).toBe(0)
}

function endpointOf({ target }: TransferDevice): Endpoint {
  const endpoint = parseTarget(target)
  if (isEndpoint(endpoint)) return endpoint
  throw new Error(`${target} is no endpoint`)
}

function isOver({ state }: JobSnapshot): boolean {
  return ['finished', 'failed', 'cancelled', 'interrupted'].includes(state)
}

/** A few at once: each waits more than it works. */
async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: 12 }, worker))
}
