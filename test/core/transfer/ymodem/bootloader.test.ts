/** Whole jobs against a virtual bootloader: how it is made to ask, what its words come to. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import type { OptionValues } from '../../../../src/shared/option-spec.ts'
import { startVirtualYmodem } from '../../../../src/simulator/ymodem/virtual-ymodem.ts'
import type { NamedFault } from '../../../../src/simulator/faults/fault-table.ts'
import { demoImage, openBench, type Bench } from '../../../fakes/bench.ts'
import { suitePolicy } from '../../../conformance/suite-policy.ts'
import { closedAfterAll } from '../../../simulator/started-devices.ts'

const fault = (name: string, parameters: Readonly<Record<string, string | number>>): NamedFault => ({
  name,
  ...parameters,
})

type Bootloader = Awaited<ReturnType<typeof startVirtualYmodem>>
// Most of its time a test waits for silence: they do that together.
vi.setConfig({ maxConcurrency: 12 })

const started = closedAfterAll()
const quick = { pollMs: 50, blockMs: 1000, byteMs: 250, eraseMs: 0, programMs: 0 }
let bench: Bench
beforeAll(async () => {
  bench = await openBench({ retryPolicy: suitePolicy })
})
afterAll(async () => {
  await bench.close()
})

async function bootloader(options: Parameters<typeof startVirtualYmodem>[0] = {}): Promise<Bootloader> {
  return started(await startVirtualYmodem({ ...quick, ...options }))
}

async function send(device: Bootloader, options: OptionValues = {}, bytes = demoImage(5000)): Promise<JobSnapshot> {
  const order = { targets: [device.target], protocol: 'ymodem', options: { waitSeconds: 3, ...options } }
  const [job] = await bench.flash(order, bytes)
  if (job === undefined) throw new Error('no job')
  return job
}

describe.concurrent('a bootloader', () => {
  it.each(['ymodem-1k', 'ymodem-128'])('takes a file by %s, and its word is no proof', async variant => {
    const device = await bootloader()
    const job = await send(device, { variant })
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged', boardNow: 'unknown', unplug: 'safe' })
    expect(job.warnings.join()).toMatch(/cannot show/)
    expect(device.stored()).toEqual(demoImage(5000))
  })

  it.each(['xmodem-1k', 'xmodem-crc'])('takes a file by %s', async variant => {
    const device = await bootloader({ protocol: 'xmodem' })
    const job = await send(device, { variant })
    expect([job.verdict, job.error]).toEqual(['acknowledged', null])
    expect(device.stored()?.subarray(0, demoImage(5000).length)).toEqual(demoImage(5000))
  })

  it.each([
    ['again and again', { trigger: 'u' }, null],
    ['after its prompt', { trigger: 'u', waitFor: '/./' }, null],
    [
      'after a prompt that never comes',
      { trigger: 'u', waitFor: 'no such prompt', waitSeconds: 1 },
      'loader.no-answer',
    ],
  ])('with a menu is told what to do %s', async (_, options, code) => {
    const device = await bootloader({ hasMenu: true })
    const job = await send(device, options)
    expect([job.error?.code ?? null, device.stored() !== null]).toEqual([code, code === null])
  })

  it('that asks in another way is said to, and nothing is sent', async () => {
    const device = await bootloader({ protocol: 'xmodem', hasChecksum: true })
    const job = await send(device, { waitSeconds: 1 })
    expect(job).toMatchObject({ state: 'failed', boardNow: 'old-firmware', error: { code: 'loader.no-answer' } })
    expect(job.error?.message).toMatch(/variant xmodem/)
    expect(device.dataRequests()).toBe(0)
  })

  it('that says all is well is believed that much, and one that keeps silent is not', async () => {
    const device = await bootloader()
    const well = await send(device, { successText: '/program\\w* ok/i' })
    expect(well.verdict).toBe('acknowledged')
    expect(well.evidence.at(-1)).toMatchObject({ level: 'received', basis: 'device-said', method: 'success-text' })
    const silent = await send(await bootloader(), { successText: 'signature accepted' })
    expect(silent).toMatchObject({ state: 'finished', verdict: 'unproven', reason: 'not-answered' })
  })

  it('that says afterwards that something is wrong is heard', async () => {
    const job = await send(await bootloader({ faults: [fault('bad-final', { times: 0 })] }))
    expect(job).toMatchObject({ state: 'failed', boardNow: 'unknown', error: { code: 'device.refused' } })
    expect(job.error?.message).toMatch(/verify failed/)
  })

  it.each([
    { name: 'nak-block', n: 2 },
    { name: 'lost-ack', n: 2 },
    { name: 'can-at', n: 2 },
    { name: 'reboot', n: 3 },
    { name: 'cut', byte: 2000, ms: 5 },
  ])('gets the whole file in spite of $name', async fault => {
    const device = await bootloader({ faults: [fault] })
    const job = await send(device)
    expect([job.verdict, job.error]).toEqual(['acknowledged', null])
    expect(device.stored()).toEqual(demoImage(5000))
  })
})

it('an image that lies elsewhere than at the start of a flash needs its base stated', async () => {
  const device = await bootloader()
  const hex = ':020000040800F2\n:10400000000102030405060708090A0B0C0D0E0F38\n:00000001FF\n'
  const open = async (): Promise<string> => await bench.firmwareId(Buffer.from(hex), 'app.hex')
  const order = { targets: [device.target], protocol: 'ymodem' }
  const [refused] = await bench.flash({ ...order, firmwareId: await open(), options: { waitSeconds: 2 } })
  expect(refused).toMatchObject({ state: 'failed', error: { code: 'image.base-required' }, boardNow: 'old-firmware' })
  const [sent] = await bench.flash({ ...order, firmwareId: await open(), options: { waitSeconds: 2, base: 'lowest' } })
  expect([sent?.verdict, device.stored()?.length]).toEqual(['acknowledged', 16])
})
