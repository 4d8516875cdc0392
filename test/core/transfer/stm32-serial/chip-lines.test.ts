/** What is around the flash: lines at BOOT0 and NRST, rates, pauses, older and odd loaders, edges of banks. */
import { describe, expect, it } from 'vitest'
import { isEndpoint, parseTarget } from '../../../../src/core/discovery/target.ts'
import { openByteLink } from '../../../../src/core/links/open-byte-link.ts'
import { openBench } from '../../../fakes/bench.ts'
import { suitePolicy } from '../../../conformance/suite-policy.ts'
import { ChipBench, fault, flashAt, FLASH_START, program, type Chip } from './chip-bench.ts'

const KIB = 1024
const chips = new ChipBench()

const linesOf = (device: Chip): string[] =>
  device.lineHistory.map(({ dtr, rts }) => `D${dtr ? '1' : '0'} R${rts ? '1' : '0'}`)

/** How long each reset was, in milliseconds. */
const resetsOf = ({ lineHistory }: Chip): number[] =>
  lineHistory
    .filter(({ rts }, index) => rts !== (lineHistory[index - 1]?.rts ?? false))
    .flatMap(({ rts, atMs }, index, changes) => (rts ? [(changes[index + 1]?.atMs ?? 0) - atMs] : []))

describe.concurrent('lines at BOOT0 and NRST', () => {
  it.each([
    // RFC 2217 has a command for each line: where both change, the one that is asserted is first.
    ['dtr-boot0-rts-nrst-inverted', false, ['D1 R0', 'D1 R1', 'D1 R0', 'D1 R1', 'D0 R1', 'D0 R0']],
    ['dtr-boot0-rts-nrst', true, ['D0 R1', 'D0 R0', 'D1 R0', 'D1 R1', 'D1 R0', 'D0 R0']],
  ] as const)('bring the chip into its loader and its program out of it: %s', async (entry, hasLowBoot0, expected) => {
    const device = await chips.chip({ isWired: true, hasLowBoot0 })
    const job = await chips.flash(device, program(2000), { options: { entry, start: 'auto' } })
    expect([job.verdict, job.error, job.warnings]).toEqual(['proven', null, []])
    expect(linesOf(device)).toEqual(expected)
    const resets = resetsOf(device)
    expect(resets.length).toBe(2)
    for (const resetMs of resets) expect(resetMs).toBeGreaterThanOrEqual(95)
    expect(device.state()).toBe('application')
    expect(chips.logOf(job.jobId)).toContain('program.reset')
    // The program runs now, and the lines alone bring the loader back.
    expect((await chips.flash(device, program(2000, 2), { options: { entry } })).verdict).toBe('proven')
    expect(device.state()).toBe('loader')
  })
})

/** Protects units of the flash, as another program did it some day: 0x63. */
async function protect(device: Chip, units: readonly number[]): Promise<void> {
  const endpoint = parseTarget(device.target)
  if (!isEndpoint(endpoint) || endpoint.kind !== 'rfc2217') throw new Error('no line')
  const waiting = { timeoutMs: 5000, usedFor: 'a test' }
  const link = await openByteLink(endpoint, { baudRate: 115_200, parity: 'even' }, waiting)
  const say = async (...bytes: readonly number[]): Promise<void> => {
    await link.write(Uint8Array.from(bytes), waiting)
    expect(Array.from(await link.read(1, waiting))).toEqual([0x79])
  }
  await say(0x7f)
  await say(0x63, 0x9c)
  const numbers = [units.length - 1, ...units]
  await say(
    ...numbers,
    numbers.reduce((sum, byte) => sum ^ byte, 0),
  )
  await link.close()
}

describe.concurrent('write protection', () => {
  it.each([
    ['f103', 1, 4 * KIB, 8 * KIB],
    // It restarts after each change of its protection.
    ['l412', 2, 4 * KIB, 8 * KIB],
    // Where no look falls after an erase: the read-back finds it.
    ['f103', 10, 40 * KIB, 48 * KIB],
  ] as const)('of an %s, unit %i, is taken away after the decision alone', async (product, unit, offset, sizeBytes) => {
    const device = await chips.chip({ product })
    await chips.flash(device, program(sizeBytes))
    await device.reboot()
    await protect(device, [unit])
    const before = Uint8Array.from(device.flash())
    const wanted = program(sizeBytes, 9)
    const plain = await chips.flash(device, wanted)
    expect([plain.state, plain.error?.code, plain.boardNow]).toEqual(['failed', 'loader.protected', 'unknown'])
    const options = { removeProtection: true }
    const unasked = await chips.flash(device, wanted, { options })
    expect([unasked.state, unasked.error?.code, unasked.error?.details['accept']]).toEqual([
      'failed',
      'job.decision-needed',
      'remove-write-protection',
    ])
    expect([unasked.boardNow, unasked.unplug]).toEqual(['unknown', 'safe'])
    expect(flashAt(device, FLASH_START + offset, KIB)).toEqual(before.subarray(offset, offset + KIB))
    const job = await chips.flash(device, wanted, { options, accept: ['remove-write-protection'] })
    expect([job.verdict, job.error, job.doneBytes]).toEqual(['proven', null, wanted.length])
    expect(job.evidence.map(({ level }) => level)).toEqual(['sent', 'acknowledged', 'stored'])
    expect(flashAt(device, FLASH_START, wanted.length)).toEqual(wanted)
  })
})

describe('a cable that is pulled after a write protection was taken away', () => {
  // In the pages before the one that is partly used, while that one is erased, and while its rest is written back.
  it.each([300, 40_000, 50_300, 50_700])('at byte %i costs nothing of what lies beside the image', async byte => {
    const device = await chips.chip({ product: 'f103' })
    await chips.flash(device, program(48 * KIB, 5))
    await device.reboot()
    await protect(device, [10])
    const before = flashAt(device, FLASH_START, 48 * KIB).slice()
    const wanted = program(47 * KIB + 100, 9)
    const stop = chips.bench.watchLog((_jobId, { code }) => {
      if (code === 'loader.unprotect') device.setFaults([fault('cut', { byte, ms: 5 })])
    })
    const order = { options: { removeProtection: true }, accept: ['remove-write-protection'] }
    const job = await chips.flash(device, wanted, order)
    stop()
    expect([job.verdict, job.error, job.attempts, job.doneBytes]).toEqual(['proven', null, 2, wanted.length])
    const now = flashAt(device, FLASH_START, 48 * KIB)
    expect(now.subarray(0, wanted.length)).toEqual(wanted)
    expect(now.subarray(wanted.length)).toEqual(before.subarray(wanted.length))
  })
})

describe.concurrent('a pause', () => {
  it('waits at a block’s edge, and repeats nothing', async () => {
    const { bench } = chips
    const device = await chips.chip({ timeScale: 0.1 })
    const wanted = program(30_000)
    const firmwareId = await bench.firmwareId(wanted)
    const { jobIds } = await bench.station.engine.start({
      firmwareId,
      targets: [device.target],
      protocol: 'stm32-serial',
      options: { start: 'none' },
    })
    const [jobId = ''] = jobIds
    await bench.until(jobId, ({ doneBytes }) => doneBytes > 5000)
    bench.station.engine.pause([jobId])
    const paused = await bench.until(jobId, ({ state }) => state === 'paused')
    expect(paused.doneBytes).toBeLessThan(wanted.length)
    const sent = device.dataRequests()
    expect(sent).toBeLessThan(Math.ceil(wanted.length / 256))
    await bench.station.engine.resume({ jobIds, secrets: {} })
    const job = await bench.ended(jobId)
    expect([job.verdict, job.error, device.dataRequests()]).toEqual(['proven', null, Math.ceil(wanted.length / 256)])
    expect(flashAt(device, FLASH_START, wanted.length)).toEqual(wanted)
  })
})

describe.concurrent('a loader', () => {
  it.each([
    ['that says nothing to an address that is none', 'f103', 'network.timeout'],
    ['that refuses an address that is none', 'g071', 'loader.refused'],
  ] as const)('%s fails the job, and stays in step', async (_, product, code) => {
    const device = await chips.chip({ product })
    const bench = await openBench({ retryPolicy: { ...suitePolicy, requestTimeoutMs: 250, jobTries: 1 } })
    try {
      const before = Uint8Array.from(device.flash())
      // Behind the flash that this chip has.
      const options = { base: '0x08020000', flashBytes: 256 * KIB, start: 'none' }
      const order = { targets: [device.target], protocol: 'stm32-serial', accept: ['no-vector-table'] }
      const [job] = await bench.flash({ ...order, options }, new Uint8Array(600).fill(0x5a))
      expect([job?.state, job?.verdict, job?.error?.code, job?.boardNow]).toEqual([
        'failed',
        null,
        code,
        'old-firmware',
      ])
      expect(Buffer.compare(device.flash(), before)).toBe(0)
    } finally {
      await bench.close()
    }
    expect((await chips.flash(device, program(3000))).verdict).toBe('proven')
  })

  it('that acknowledges twice when it wakes is understood', async () => {
    const device = await chips.chip({ product: 'l412' })
    const job = await chips.flash(device, program(5000))
    expect([job.verdict, job.error]).toEqual(['proven', null])
    expect(chips.logOf(job.jobId)).not.toContain('loader.resync')
    expect(flashAt(device, FLASH_START, 5000)).toEqual(program(5000))
  })

  it('that is awake at 57600 baud is found there', async () => {
    const device = await chips.chip()
    await chips.flash(device, program(600), { options: { baudRate: 57_600 } })
    const job = await chips.flash(device, program(600, 2))
    expect([job.verdict, job.error]).toEqual(['proven', null])
    expect(chips.logOf(job.jobId)).toContain('loader.connect')
    expect(flashAt(device, FLASH_START, 600)).toEqual(program(600, 2))
  })
})

describe.concurrent('pages and sectors', () => {
  it.each([
    ['the last sector of a bank and the first of the next', 'h743', 0x0810_0000 - 300, 0x080e_0000, 256 * KIB],
    ['a small sector and the large one behind it', 'f407', 0x0801_0000 - 300, 0x0800_c000, 80 * KIB],
    ['two small sectors', 'f407', 0x0800_8000 - 300, 0x0800_4000, 32 * KIB],
  ] as const)('%s of an %s keep the rest of what they held', async (_, product, base, from, sizeBytes) => {
    const firmware = new Uint8Array(from - FLASH_START + sizeBytes + 4096).fill(0xff)
    for (let at = 64; at < firmware.length; at += 5000) firmware.fill((at / 5000) & 0x7f, at, at + 100)
    const device = await chips.chip({ product, firmware })
    const wanted = Uint8Array.from({ length: 600 }, (_byte, index) => (index * 11) & 0xff)
    const job = await chips.flash(device, wanted, {
      options: { base: `0x${base.toString(16).padStart(8, '0')}` },
      accept: ['no-vector-table'],
    })
    expect([job.verdict, job.error]).toEqual(['proven', null])
    const expected = Uint8Array.from(firmware)
    expected.set(wanted, base - FLASH_START)
    expect(Buffer.compare(flashAt(device, FLASH_START, firmware.length), expected)).toBe(0)
  })

  it('are erased 255 at once at most where a list of 256 would mean the whole chip', async () => {
    const firmware = new Uint8Array(512 * KIB).fill(0x33)
    // The command for the whole chip is refused once: its pages are named.
    const device = await chips.chip({
      product: 'f103-high',
      firmware,
      faults: [fault('nack', { command: '43', at: 1 })],
    })
    const job = await chips.flash(device, program(4 * KIB), { options: { eraseAll: true }, accept: ['erase-all'] })
    expect([job.verdict, job.error]).toEqual(['proven', null])
    expect(chips.logOf(job.jobId)).toContain('flash.page-list')
    const flash = device.flash()
    expect(Buffer.compare(flash.subarray(0, 4 * KIB), program(4 * KIB))).toBe(0)
    expect(new Set(flash.subarray(4 * KIB))).toEqual(new Set([0xff]))
  })
})
