import { createServer } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { arduinoOta } from '../../../../src/core/transfer/arduino-ota/protocol.ts'
import type { JobOrderRequest } from '../../../../src/shared/contract/commands.ts'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../../fakes/bench.ts'
import { HANG_UP, scriptDevice, type Script, type ScriptedDevice } from './scripted-device.ts'

let bench: Bench
const closers: (() => unknown)[] = []
const policy = { ...quickRetryPolicy, jobTries: 2, requestTimeoutMs: 600, completionFloorMs: 250, rebootTimeoutMs: 500 }
beforeEach(async () => {
  bench = await openBench({ protocols: [arduinoOta], retryPolicy: policy })
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await bench.close()
})

const image = demoImage(20 * 1024 + 300)

async function device(script: Script = {}): Promise<ScriptedDevice> {
  const scripted = await scriptDevice(script)
  closers.push(scripted.close)
  return scripted
}

async function flash(target: string, order: Partial<JobOrderRequest> = {}, bytes = image): Promise<JobSnapshot> {
  const [job] = await bench.flash({ targets: [target], protocol: 'arduino-ota', ...order }, bytes)
  if (job === undefined) throw new Error('no job')
  return job
}

const levels = (job: JobSnapshot): string[] => job.evidence.map(({ level, matches }) => `${level} ${String(matches)}`)

describe('an ArduinoOTA update', () => {
  it.each(['each', 'glued-end', 'in-two'] as const)(
    'sends the whole image to a device that counts %s, and shows that what arrived is ours',
    async counts => {
      const board = await device({ counts })
      const job = await flash(board.target)
      expect(job).toMatchObject({ state: 'finished', verdict: 'received', boardNow: 'unknown', unplug: 'safe' })
      expect(levels(job)).toEqual(['sent null', 'acknowledged null', 'received true'])
      expect(job.doneBytes).toBe(image.length)
      expect(Buffer.compare(board.received(), image)).toBe(0)
      expect(board.command()).toBe(0)
    },
  )

  it('invites in the words of the reference', async () => {
    const board = await device()
    await flash(board.target)
    expect(board.invitations()).toHaveLength(1)
    expect(board.invitations()[0]).toMatch(new RegExp(`^0 \\d{4,5} ${String(image.length)} [0-9a-f]{32}\\n$`))
  })

  it.each([
    ['md5', 1],
    ['pbkdf2-sha256', 1],
    ['pbkdf2-md5', 2],
  ] as const)('signs in with %s after %i invitations', async (auth, invitations) => {
    const board = await device({ password: 'correct horse', auth })
    const job = await flash(board.target, { secrets: { password: 'correct horse' } })
    expect(job.verdict).toBe('received')
    expect(board.invitations()).toHaveLength(invitations)
  })

  it.each(['md5', 'pbkdf2-sha256'] as const)('says with %s that the password is wrong, or missing', async auth => {
    const board = await device({ password: 'correct horse', auth })
    const wrong = await flash(board.target, { secrets: { password: 'wrong horse' } })
    expect(wrong).toMatchObject({ state: 'failed', error: { code: 'device.unauthorised' }, boardNow: 'old-firmware' })
    expect(JSON.stringify(wrong)).not.toContain('wrong horse')
    const missing = await flash(board.target)
    expect(missing.error?.message).toContain('none was given')
  })

  it('invites again when nothing is heard', async () => {
    const board = await device({ deafFor: 3 })
    expect((await flash(board.target)).verdict).toBe('received')
    expect(board.invitations()).toHaveLength(4)
  })

  it.each(['md5', 'pbkdf2-sha256', 'pbkdf2-md5'] as const)(
    'signs in with %s at a device whose challenge comes after the invitation was repeated, which made it forget it',
    async auth => {
      // An invitation is repeated after 60 ms.
      const board = await device({ password: 'secret', auth, answersAfterMs: 90 })
      const job = await flash(board.target, { secrets: { password: 'secret' } })
      expect(job).toMatchObject({ state: 'finished', verdict: 'received', attempts: 1 })
    },
  )

  it('signs in at a device that did not hear the first proof, and says so in the log', async () => {
    const board = await device({ password: 'secret', missesProofs: 1 })
    const job = await flash(board.target, { secrets: { password: 'secret' } })
    expect(job).toMatchObject({ verdict: 'received', attempts: 1 })
    expect(board.proofs()).toBe(2)
  })

  it('does not take a refusal for a wrong password while it is unclear which challenge was refused', async () => {
    // Its first challenge is answered while it waits for the answer to the second one.
    const board = await device({ password: 'secret', answersAfterMs: 150 })
    expect((await flash(board.target, { secrets: { password: 'secret' } })).verdict).toBe('received')
  })

  it('answers the newest challenge', async () => {
    const board = await device({ password: 'secret', asksAgain: 2 })
    expect((await flash(board.target, { secrets: { password: 'secret' } })).verdict).toBe('received')
    expect(board.invitations()).toHaveLength(1)
  })

  it('proves the password a few times only, whatever the device asks', async () => {
    await bench.reopen({ retryPolicy: { ...policy, requestTimeoutMs: 100, jobTries: 1 } })
    const board = await device({ password: 'secret', asksAgain: 10_000 })
    const job = await flash(board.target, { secrets: { password: 'secret' } })
    expect(job).toMatchObject({ state: 'failed', error: { code: 'network.timeout' }, boardNow: 'old-firmware' })
    expect(board.proofs()).toBeLessThanOrEqual(6)
  })

  it('takes a connection for the answer that was lost', async () => {
    const board = await device({ losesAnswer: true })
    expect((await flash(board.target)).verdict).toBe('received')
    expect(board.invitations()).toHaveLength(1)
  })

  it.each([
    ['counts on without end', '1024'],
    ['lets an error text drip in', 'ERROR'],
  ])('ends with a device that %s', async (_name, text) => {
    await bench.reopen({ retryPolicy: { ...policy, jobTries: 1 } })
    const board = await device({ finalWord: text, dripsFinalWord: true })
    const job = await flash(board.target)
    expect(job.verdict).toBe('unproven')
  })

  it('says that nobody answered after ten invitations', async () => {
    await bench.reopen({ retryPolicy: { ...policy, requestTimeoutMs: 100 } })
    const board = await device({ deafFor: 99 })
    const job = await flash(board.target)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'network.timeout' }, verdict: null })
    expect(board.invitations()).toHaveLength(10)
  })

  it('names the firewall when the device accepts and does not connect', async () => {
    await bench.reopen({ retryPolicy: { ...policy, requestTimeoutMs: 100 } })
    const board = await device({ noConnect: true })
    const job = await flash(board.target)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'device.no-connect-back' },
      boardNow: 'old-firmware',
      unplug: 'safe',
    })
    expect(job.error?.message).toContain('firewall')
    expect(board.invitations()).toHaveLength(1)
  })

  it('takes a connection from the invited device alone', async () => {
    await bench.reopen({ retryPolicy: { ...policy, requestTimeoutMs: 150 } })
    const board = await device({ connectsFrom: '127.0.0.7' })
    const job = await flash(board.target)
    expect(job.error?.code).toBe('device.no-connect-back')
    expect(job.error?.message).toContain('127.0.0.7')
    expect(board.received()).toHaveLength(0)
  })

  it('listens on the port that was chosen, and says when it is taken', async () => {
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    const address = taken.address()
    const listenPort = typeof address === 'object' && address !== null ? address.port : 0
    const board = await device()
    const busy = await flash(board.target, { options: { listenPort } })
    expect(busy.error?.code).toBe('network.port-busy')
    await new Promise(resolve => taken.close(resolve))
    const job = await flash(board.target, { options: { listenPort } })
    expect(job.verdict).toBe('received')
    expect(board.invitations().at(-1)).toContain(`0 ${String(listenPort)} `)
  })

  it.each([
    ['refuses the invitation', { refusal: 'ERR: ERROR[4]: Not Enough Space' }, 'device.no-space'],
    ['answers nonsense', { refusal: 'AUTH 1234' }, 'device.bad-answer'],
    ['refuses in the middle', { saysAt: { bytes: 3000, text: '1024ERROR[1]: Flash Write Failed' } }, 'device.rejected'],
    ['refuses at the end', { finalWord: 'Wrong Magic Byte\r\n' }, 'device.refused-image'],
    [
      'refuses at the end, glued to the last count',
      { counts: 'glued-end', finalWord: 'ERROR[5]: Bad Size Given' },
      'device.rejected',
    ],
  ] as const)('ends with the old firmware and the cause when a device %s', async (_name, script, code) => {
    const board = await device(script)
    const job = await flash(board.target)
    expect(job).toMatchObject({ state: 'failed', error: { code }, boardNow: 'old-firmware', unplug: 'safe' })
  })

  it('starts over with a new invitation after a connection that broke', async () => {
    const board = await device({ cutAt: 12_000 })
    const { jobIds } = await bench.station.engine.start({
      firmwareId: await bench.firmwareId(image),
      targets: [board.target],
      protocol: 'arduino-ota',
    })
    await bench.until(jobIds[0] ?? '', job => job.doneBytes > 0)
    board.setScript({})
    const job = await bench.ended(jobIds[0] ?? '')
    expect(job).toMatchObject({ state: 'finished', verdict: 'received' })
    expect(board.invitations().length).toBeGreaterThanOrEqual(2)
    expect(Buffer.compare(board.received(), image)).toBe(0)
  })

  it('gives up after the tries of the policy', async () => {
    const board = await device({ cutAt: 12_000 })
    const job = await flash(board.target)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'network.reset' },
      boardNow: 'old-firmware',
      unplug: 'safe',
    })
    expect(board.invitations()).toHaveLength(policy.jobTries)
  })

  it('gives up on a device that shows no sign of life', async () => {
    await bench.reopen({ retryPolicy: { ...policy, jobTries: 1, requestTimeoutMs: 100 } })
    const board = await device({ counts: 'silent' })
    const job = await flash(board.target)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'network.timeout' }, boardNow: 'old-firmware' })
  })

  it('does not send again when the final word was lost', async () => {
    const board = await device({ finalWord: HANG_UP })
    const job = await flash(board.target)
    expect(job).toMatchObject({
      verdict: 'unproven',
      reason: 'outcome-unknown',
      boardNow: 'unknown',
      unplug: 'keep-powered',
    })
    expect(board.invitations()).toHaveLength(1)
  })

  it('does not know what runs when the final word was lost and the device then refuses the second try', async () => {
    const board = await device({ finalWord: HANG_UP })
    const { jobId, reason } = await flash(board.target)
    expect(reason).toBe('outcome-unknown')
    board.setScript({ refusal: 'ERR: ERROR[4]: Not Enough Space' })
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'failed', boardNow: 'unknown', unplug: 'safe' })
  })

  it('does not believe a device that is done before it has the image', async () => {
    const board = await device({ saysAt: { bytes: 3000, text: '1024OK' } })
    const job = await flash(board.target)
    expect(job).toMatchObject({ verdict: 'unproven', reason: 'outcome-unknown', boardNow: 'unknown' })
    expect(levels(job)).toEqual([])
  })

  it('writes a file system with its own command, and no program as one', async () => {
    const board = await device()
    const files = new Uint8Array(8192).fill(0x5a)
    const job = await flash(board.target, { options: { writes: 'filesystem' } }, files)
    expect(job).toMatchObject({ verdict: 'received', boardNow: 'unknown' })
    expect(board.command()).toBe(100)
    const program = await flash(board.target, { options: { writes: 'filesystem' } })
    expect(program).toMatchObject({ state: 'failed', error: { code: 'image.wrong-kind' } })
    expect((await flash(board.target, {}, files)).error?.code).toBe('image.wrong-kind')
    expect(board.invitations()).toHaveLength(1)
  })

  it('refuses what cannot be proven, and touches nothing in a dry run or to find out what a device speaks', async () => {
    const board = await device()
    expect((await flash(board.target, { require: 'stored' })).error?.code).toBe('require.unreachable-level')
    expect((await flash(board.target, { dryRun: true })).boardNow).toBe('old-firmware')
    const [job] = await bench.flash({ targets: [board.target] }, image)
    expect(job?.error?.code).toBe('protocol.not-detected')
    expect(job?.error?.message).toContain('name the protocol')
    expect(board.invitations()).toHaveLength(0)
  })

  it('ends when it is cancelled, while it invites and while it sends', async () => {
    const board = await device({ deafFor: 99 })
    const start = async (bytes: Uint8Array): Promise<string> => {
      const firmwareId = await bench.firmwareId(bytes)
      const order = { firmwareId, targets: [board.target], protocol: 'arduino-ota' }
      return (await bench.station.engine.start(order)).jobIds[0] ?? ''
    }
    const invited = new Promise(resolve => {
      const stop = bench.watchLog((_jobId, { code }) => {
        if (code !== 'device.invited') return
        stop()
        resolve(null)
      })
    })
    const inviting = await start(image)
    await invited
    void bench.station.engine.cancel([inviting])
    expect(await bench.ended(inviting)).toMatchObject({ state: 'cancelled', boardNow: 'old-firmware', unplug: 'safe' })
    board.setScript({})
    const large = demoImage(3 * 1024 * 1024)
    const sending = await start(large)
    await bench.until(sending, job => job.doneBytes > 0)
    void bench.station.engine.cancel([sending])
    expect(await bench.ended(sending)).toMatchObject({ state: 'cancelled', boardNow: 'old-firmware', unplug: 'safe' })
    expect(board.received().length).toBeLessThan(large.length)
  })

  it('proves what runs by telemetry beside it', async () => {
    const board = await device()
    const elfSha256 = Buffer.from(image.subarray(0xb0, 0xd0)).toString('hex')
    const server = createServer((_request, response) => {
      const isNew = board.received().length === image.length
      const app = { name: 'demo', version: isNew ? '2.1.1' : '1.0.0', elf_sha256: isNew ? elfSha256 : 'ab'.repeat(32) }
      response.end(
        JSON.stringify({ device: { mac: 'a0:b7:65:0f:12:cd', chip: 'ESP32' }, boot_count: isNew ? 8 : 7, app }),
      )
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const job = await flash(board.target, {
      options: { telemetryUrl: `http://127.0.0.1:${String(port)}/telemetry` },
      accept: ['other-project'],
    })
    expect(job).toMatchObject({ verdict: 'proven', provenLevel: 'running', boardNow: 'new-firmware', unplug: 'safe' })
  })
})
