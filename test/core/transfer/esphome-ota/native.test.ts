import { createServer } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { esphomeOta } from '../../../../src/core/transfer/esphome-ota/protocol.ts'
import type { JobOrderRequest } from '../../../../src/shared/contract/commands.ts'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../../fakes/bench.ts'
import { scriptDevice, type Script, type ScriptedDevice } from './scripted-device.ts'

let bench: Bench
const closers: (() => unknown)[] = []
const policy = { ...quickRetryPolicy, jobTries: 2, requestTimeoutMs: 400, completionFloorMs: 250, rebootTimeoutMs: 600 }
beforeEach(async () => {
  bench = await openBench({ protocols: [esphomeOta], retryPolicy: policy })
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await bench.close()
})

const image = demoImage(5 * 8192 + 100)

async function device(script: Script = {}): Promise<ScriptedDevice> {
  const scripted = await scriptDevice(script)
  closers.push(scripted.close)
  return scripted
}

async function flash(target: string, order: Partial<JobOrderRequest> = {}, bytes = image): Promise<JobSnapshot> {
  const [job] = await bench.flash({ targets: [target], protocol: 'esphome-ota', ...order }, bytes)
  if (job === undefined) throw new Error('no job')
  return job
}

const levels = (job: JobSnapshot): string[] => job.evidence.map(({ level, matches }) => `${level} ${String(matches)}`)

describe('an update over ESPHome’s native service', () => {
  it.each([1, 2])(
    'sends the whole image in version %i and shows that the MD5 of what arrived is ours',
    async version => {
      const board = await device({ version })
      const job = await flash(board.target)
      expect(job).toMatchObject({ state: 'finished', verdict: 'received', boardNow: 'unknown', unplug: 'safe' })
      expect(levels(job)).toEqual(['sent null', 'acknowledged null', 'received true'])
      expect(job.doneBytes).toBe(image.length)
      expect(Buffer.compare(board.received(), image)).toBe(0)
      expect(board.features()).toBe(0x02)
      expect(board.wasThanked()).toBe(true)
      expect(job.warnings.join(' ')).toContain('does not say what it runs')
    },
  )

  it.each(['md5', 'sha256'] as const)('signs in with %s', async auth => {
    const board = await device({ password: 'correct horse', auth })
    const job = await flash(board.target, { secrets: { password: 'correct horse' } })
    expect(job.verdict).toBe('received')
  })

  it('says that the password is wrong, and that one is missing, without trying again', async () => {
    const board = await device({ password: 'correct horse' })
    const wrong = await flash(board.target, { secrets: { password: 'wrong horse' } })
    expect(wrong).toMatchObject({ state: 'failed', error: { code: 'device.unauthorised' }, boardNow: 'old-firmware' })
    expect(JSON.stringify(wrong)).not.toContain('wrong horse')
    const missing = await flash(board.target)
    expect(missing).toMatchObject({ state: 'failed', error: { code: 'device.unauthorised' } })
    expect(missing.error?.message).toContain('none was given')
    expect(board.connections()).toBe(2)
  })

  it('takes a device that offers compression for one that does not', async () => {
    const board = await device({ featureByte: 0x46 })
    expect((await flash(board.target)).verdict).toBe('received')
    expect(Buffer.compare(board.received(), image)).toBe(0)
  })

  it('shows only acknowledged blocks as progress, and never all before the end', async () => {
    const board = await device()
    const shown: number[] = []
    bench.watch(({ doneBytes, state }) => {
      if (state === 'transferring') shown.push(doneBytes)
    })
    await flash(board.target)
    expect(shown.every(doneBytes => doneBytes % 8192 === 0 || doneBytes === image.length)).toBe(true)
    expect([...shown].sort((left, right) => left - right)).toEqual(shown)
  })

  it.each([
    ['refuses to prepare its flash', { says: { prepare: 0x89 } }, 'device.no-space'],
    ['takes no signature', { says: { end: 0x8d } }, 'device.refused-image'],
    ['does not know the greeting', { says: { greeting: 0x80 } }, 'device.not-speaking'],
    ['is something else', { says: { greeting: 0x48 } }, 'device.not-speaking'],
    ['speaks a version of the future', { version: 3 }, 'device.not-speaking'],
    ['refuses in the middle of the data', { refuseAt: { bytes: 9000, byte: 0x8a } }, 'device.no-space'],
    [
      'refuses in the middle of the data of version 1',
      { version: 1, refuseAt: { bytes: 9000, byte: 0x8a } },
      'device.no-space',
    ],
  ] as const)('ends with the old firmware and the cause when a device %s', async (_name, script, code) => {
    const board = await device(script)
    const job = await flash(board.target)
    expect(job).toMatchObject({ state: 'failed', error: { code }, boardNow: 'old-firmware', unplug: 'safe' })
    expect(job.verdict === null || job.verdict === 'unproven').toBe(true)
    expect(board.connections()).toBe(1)
  })

  it('starts over on a new connection after one that broke, and after damage on the way', async () => {
    const board = await device({ cutAt: 3 * 8192 })
    const jobId = (
      await bench.station.engine.start({
        firmwareId: await bench.firmwareId(image),
        targets: [board.target],
        protocol: 'esphome-ota',
      })
    ).jobIds[0]
    await bench.until(jobId ?? '', job => job.doneBytes > 0)
    board.setScript({})
    const job = await bench.ended(jobId ?? '')
    expect(job).toMatchObject({ state: 'finished', verdict: 'received' })
    expect(board.connections()).toBeGreaterThanOrEqual(2)
    expect(Buffer.compare(board.received(), image)).toBe(0)
  })

  it('gives up after the tries of the policy, with the old firmware', async () => {
    const board = await device({ cutAt: 3 * 8192 })
    const job = await flash(board.target)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'network.reset' },
      boardNow: 'old-firmware',
      unplug: 'safe',
    })
    expect(board.connections()).toBe(policy.jobTries)
  })

  it('does not send again when the last byte was lost, and says that the outcome is unknown', async () => {
    const board = await device({ loseEnd: true })
    const job = await flash(board.target)
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'unproven',
      reason: 'outcome-unknown',
      boardNow: 'unknown',
    })
    // The restart was seen, so nothing is being written any more.
    expect(job.unplug).toBe('safe')
    expect(levels(job)).toEqual(['sent null'])
  })

  it('says to keep the power on when the answer is lost and the device does not come back', async () => {
    await bench.reopen({ retryPolicy: { ...policy, completionFloorMs: 60 } })
    const board = await device({ silentAt: 'end' })
    board.restartsAfterSuccess = false
    const jobId = (
      await bench.station.engine.start({
        firmwareId: await bench.firmwareId(image),
        targets: [board.target],
        protocol: 'esphome-ota',
      })
    ).jobIds[0]
    await bench.until(jobId ?? '', job => job.state === 'rebooting')
    board.close()
    const job = await bench.ended(jobId ?? '')
    expect(job).toMatchObject({
      verdict: 'unproven',
      reason: 'outcome-unknown',
      boardNow: 'unknown',
      unplug: 'keep-powered',
    })
  })

  it.each(['greeting', 'prepare'] as const)('gives up on a device that falls silent at the %s', async silentAt => {
    await bench.reopen({ retryPolicy: { ...policy, jobTries: 1, requestTimeoutMs: 100, completionFloorMs: 60 } })
    const board = await device({ silentAt })
    const job = await flash(board.target)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'network.timeout' },
      boardNow: 'old-firmware',
      unplug: 'safe',
    })
  })

  it('says that nobody listens', async () => {
    const board = await device()
    board.close()
    expect((await flash(board.target)).error?.code).toBe('network.refused')
  })

  it('refuses what cannot be proven, and an image that is none, before it connects', async () => {
    const board = await device()
    const job = await flash(board.target, { require: 'stored' })
    expect(job).toMatchObject({ state: 'failed', error: { code: 'require.unreachable-level' } })
    const other = await flash(board.target, {}, new Uint8Array(4096).fill(7))
    expect(other).toMatchObject({ state: 'failed', error: { code: 'image.wrong-kind' }, boardNow: 'old-firmware' })
    expect(board.connections()).toBe(0)
  })

  it('takes any image for a platform whose images are not known, and says so', async () => {
    const board = await device()
    const job = await flash(board.target, { options: { platform: 'other' } }, new Uint8Array(4096).fill(7))
    expect(job.verdict).toBe('received')
    expect(job.warnings.join(' ')).toContain('not checked')
  })

  it('touches nothing in a dry run', async () => {
    const board = await device()
    const job = await flash(board.target, { dryRun: true })
    expect(job).toMatchObject({ state: 'finished', boardNow: 'old-firmware' })
    expect(board.connections()).toBe(0)
  })

  it('ends between two blocks when it is cancelled', async () => {
    const board = await device()
    const large = demoImage(400 * 8192)
    const { jobIds } = await bench.station.engine.start({
      firmwareId: await bench.firmwareId(large),
      targets: [board.target],
      protocol: 'esphome-ota',
    })
    const jobId = jobIds[0] ?? ''
    await bench.until(jobId, job => job.doneBytes > 0)
    void bench.station.engine.cancel([jobId])
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ state: 'cancelled', boardNow: 'old-firmware', unplug: 'safe', verdict: null })
    expect(board.received().length).toBeLessThan(large.length)
  })

  it('never sends the greeting to find out what a device speaks', async () => {
    const board = await device()
    const [job] = await bench.flash({ targets: [board.target] }, image)
    expect(job?.error?.code).toBe('protocol.not-detected')
    expect(job?.error?.message).toContain('name the protocol')
    expect(board.connections()).toBe(0)
  })
})

describe('telemetry beside the service', () => {
  /** Tells another image and another boot once the transfer is over. */
  async function telemetry(isNew: () => boolean): Promise<string> {
    const server = createServer((_request, response) => {
      const app = isNew()
        ? { version: '2.1.1', elf_sha256: elfSha256 }
        : { version: '1.0.0', elf_sha256: 'ab'.repeat(32) }
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({
          device: { mac: 'a0:b7:65:0f:12:cd', chip: 'ESP32' },
          boot_count: isNew() ? 8 : 7,
          app: { name: 'demo', ...app },
        }),
      )
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const address = server.address()
    return `:${String(typeof address === 'object' && address !== null ? address.port : 0)}/telemetry`
  }
  // The ELF hash in the application descriptor: at 0xb0 of the image.
  const elfSha256 = Buffer.from(image.subarray(0xb0, 0xd0)).toString('hex')

  it('proves what runs by its image hash after the restart', async () => {
    const board = await device()
    const telemetryUrl = await telemetry(() => board.wasThanked())
    const job = await flash(board.target, { options: { telemetryUrl }, accept: ['other-project'] })
    expect(job).toMatchObject({ verdict: 'proven', provenLevel: 'running', boardNow: 'new-firmware', unplug: 'safe' })
    expect(job.versionBefore).toBe('1.0.0')
    expect(job.versionAfter).toBe('2.1.1')
  })

  it('makes up for a lost last byte', async () => {
    const board = await device({ loseEnd: true })
    const telemetryUrl = await telemetry(() => board.received().length === image.length)
    const job = await flash(board.target, { options: { telemetryUrl }, accept: ['other-project'] })
    expect(job).toMatchObject({ verdict: 'proven', provenLevel: 'running', boardNow: 'new-firmware' })
  })

  it('sends again to a device that goes on in the same boot, and ends with the old firmware', async () => {
    const board = await device({ loseEnd: true })
    board.restartsAfterSuccess = false
    const telemetryUrl = await telemetry(() => false)
    const job = await flash(board.target, { options: { telemetryUrl }, accept: ['other-project'] })
    expect(job).toMatchObject({ state: 'failed', verdict: 'unproven', boardNow: 'old-firmware', unplug: 'safe' })
    expect(board.connections()).toBe(policy.jobTries)
  })

  it.each([
    ['http://127.0.0.9/telemetry', 'another host'],
    ['telemetry', 'no address'],
    ['http://user:word@127.0.0.1/telemetry', 'no address'],
    ['ftp://127.0.0.1/telemetry', 'no address'],
  ])('refuses %s', async (telemetryUrl, why) => {
    const board = await device()
    let message = ''
    try {
      message = (await flash(board.target, { options: { telemetryUrl } })).error?.message ?? ''
    } catch (error) {
      message = String(error)
    }
    expect(message).toContain(why)
    expect(board.connections()).toBe(0)
  })
})
