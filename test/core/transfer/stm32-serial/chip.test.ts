/** Whole jobs against a virtual STM32: what is kept, what is refused, what is asked, what a protection comes to. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { stm32Serial } from '../../../../src/core/transfer/stm32-serial/protocol.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { isEndpoint, parseTarget } from '../../../../src/core/discovery/target.ts'
import { seededRandom } from '../../../../src/simulator/random.ts'
import { demoImage } from '../../../fakes/bench.ts'
import { ChipBench, fault, flashAt, FLASH_START, program } from './chip-bench.ts'

const chips = new ChipBench()

describe.concurrent('the pages of a chip', () => {
  it('keep what the image does not fill, byte for byte', async () => {
    const device = await chips.chip()
    const settings = Uint8Array.from({ length: 700 }, (_, index) => (index * 3) & 0xff)
    const first = await chips.flash(device, settings, { options: { base: '0x08000A00' }, accept: ['no-vector-table'] })
    expect(first.verdict).toBe('proven')
    const before = Uint8Array.from(device.flash())
    const wanted = program(2 * 1024 + 300)
    const job = await chips.flash(device, wanted)
    expect([job.verdict, job.error]).toEqual(['proven', null])
    expect(flashAt(device, FLASH_START, wanted.length)).toEqual(wanted)
    expect(flashAt(device, FLASH_START + 0x0a00, 700)).toEqual(settings)
    expect(flashAt(device, FLASH_START + 0xc00, 8192)).toEqual(before.subarray(0xc00, 0xc00 + 8192))
    const kept = join(chips.bench.home, 'backups', job.jobId, 'page-0x08000800.bin')
    expect(Uint8Array.from(readFileSync(kept))).toEqual(before.subarray(0x800, 0xc00))
  })

  it('keep it also where the write breaks off between erasing and writing back', async () => {
    const device = await chips.chip()
    const settings = new Uint8Array(256).fill(0x5a)
    await chips.flash(device, settings, { options: { base: '0x08000700' }, accept: ['no-vector-table'] })
    // After the erase, in the first block of the only page.
    device.setFaults([fault('cut', { byte: 250, ms: 5 })])
    const wanted = program(1024 + 100)
    const job = await chips.flash(device, wanted)
    expect([job.verdict, job.attempts > 1]).toEqual(['proven', true])
    expect(flashAt(device, FLASH_START, wanted.length)).toEqual(wanted)
    expect(flashAt(device, FLASH_START + 0x700, 256)).toEqual(settings)
  })

  it.each([1250, 1500, 1700])('keep it where it breaks off at byte %d, and pages are looked at first', async byte => {
    const device = await chips.chip()
    const settings = new Uint8Array(256).fill(0x5a)
    await chips.flash(device, settings, { options: { base: '0x08000700' }, accept: ['no-vector-table'] })
    device.setFaults([fault('cut', { byte, ms: 5 })])
    const wanted = program(1024 + 100)
    const job = await chips.flash(device, wanted, { options: { skipUnchanged: true } })
    expect([job.verdict, job.attempts > 1]).toEqual(['proven', true])
    expect(flashAt(device, FLASH_START, wanted.length)).toEqual(wanted)
    expect(flashAt(device, FLASH_START + 0x700, 256)).toEqual(settings)
  })

  it('are never called the old firmware once all of them may be erased', async () => {
    const device = await chips.chip()
    await chips.flash(device, program(2048, 3))
    // In the answer to the erase; the chip does not come back.
    device.setFaults([fault('cut', { byte: 24, ms: 60_000 })])
    const job = await chips.flash(device, program(1024), { options: { eraseAll: true }, accept: ['erase-all'] })
    expect(flashAt(device, FLASH_START, 4)).toEqual(new Uint8Array(4).fill(0xff))
    expect(job).toMatchObject({ state: 'failed', boardNow: 'not-bootable', unplug: 'safe' })
  })

  it('are not written again where they are right already, if so wanted', async () => {
    const device = await chips.chip()
    const wanted = program(8 * 1024)
    await chips.flash(device, wanted)
    const before = device.dataRequests()
    const changed = Uint8Array.from(wanted)
    changed[5000] = 0x99
    const job = await chips.flash(device, changed, { options: { skipUnchanged: true } })
    expect([job.verdict, device.dataRequests() - before]).toEqual(['proven', 4])
    expect(flashAt(device, FLASH_START, changed.length)).toEqual(changed)
  })

  const samples = process.env['FLASHPROOF_SAMPLES']
  it.skipIf(samples === undefined)('hold a real HEX file of two programs, each byte', async () => {
    const device = await chips.chip()
    const folder = samples ?? ''
    const firmwareId = (await chips.bench.station.firmware.open({ path: join(folder, 'stm32f103-both.hex') }))
      .firmwareId
    const [job] = await chips.bench.flash({ targets: [device.target], protocol: 'stm32-serial', firmwareId })
    expect([job?.verdict, job?.error]).toEqual(['proven', null])
    const boot = readFileSync(join(folder, 'stm32f103-bootloader.bin'))
    const sketch = readFileSync(join(folder, 'stm32f103-sketch.bin'))
    expect(Buffer.compare(flashAt(device, FLASH_START, boot.length), boot)).toBe(0)
    expect(Buffer.compare(flashAt(device, FLASH_START + 0x2000, sketch.length), sketch)).toBe(0)
    expect(job?.totalBytes).toBe(boot.length + sketch.length)
  })

  it('are all erased first where that was typed, by a list of pages where the chip knows no other way', async () => {
    for (const product of ['f103', 'l073'] as const) {
      const device = await chips.chip({ product })
      await chips.flash(device, new Uint8Array(256).fill(0x33), {
        options: { base: '0x08008000' },
        accept: ['no-vector-table'],
      })
      const refused = await chips.flash(device, program(1024), { options: { eraseAll: true } })
      expect([refused.state, refused.error?.code, refused.boardNow]).toEqual([
        'failed',
        'job.decision-needed',
        'old-firmware',
      ])
      expect(flashAt(device, FLASH_START + 0x8000, 256)).toEqual(new Uint8Array(256).fill(0x33))
      const job = await chips.flash(device, program(1024), { options: { eraseAll: true }, accept: ['erase-all'] })
      expect([product, job.verdict, job.error]).toEqual([product, 'proven', null])
      const erased = flashAt(device, FLASH_START + 0x8000, 256)
      expect(new Set(erased).size).toBe(1)
      expect(erased).not.toEqual(new Uint8Array(256).fill(0x33))
    }
  })
})

describe.concurrent('an image', () => {
  it.each([
    ['larger than the flash', () => program(1024), { base: '0x0801FF00' }, 'image.outside-flash', true],
    ['built for another place', () => program(4096), { base: '0x08010000' }, 'image.address-needed', false],
    ['for an Espressif chip', () => demoImage(), {}, 'image.wrong-kind', false],
    ['without a vector table', () => new Uint8Array(2000).fill(7), {}, 'job.decision-needed', false],
  ] as const)('%s is refused before anything is erased', async (_, bytes, options, code, isLoose) => {
    const device = await chips.chip()
    const wrong = isLoose ? new Uint8Array(1024).fill(0xa5) : bytes()
    const job = await chips.flash(device, wrong, { options, accept: isLoose ? ['no-vector-table'] : [] })
    expect([job.state, job.error?.code, job.boardNow]).toEqual(['failed', code, 'old-firmware'])
    expect(new Set(device.flash()).size).toBe(1)
  })

  it('goes to a chip that is not known once its flash was stated', async () => {
    const device = await chips.chip({ product: 'unknown' })
    const unknown = await chips.flash(device, program(1024))
    expect(unknown.error).toMatchObject({
      code: 'loader.unknown-chip',
      details: { options: ['flashBytes', 'pageBytes'] },
    })
    const options = { flashBytes: 64 * 1024, pageBytes: 2048 }
    expect((await chips.flash(device, program(1024), { options })).verdict).toBe('proven')
  })
})

describe.concurrent('a protection', () => {
  it('that acknowledges writes without effect is named with its page', async () => {
    const device = await chips.chip({ faults: [fault('write-protected', { page: 2 })] })
    const job = await chips.flash(device, program(5000))
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'loader.protected', details: { page: 2 } },
      // Which other pages are protected too nobody tells: perhaps nothing was erased at all.
      boardNow: 'unknown',
      unplug: 'safe',
    })
    expect(job.evidence.filter(fact => fact.level === 'stored')).toEqual([])
  })

  it('that keeps old content is found right after the erase', async () => {
    const device = await chips.chip()
    await chips.flash(device, program(5000))
    device.setFaults([fault('write-protected', { page: 4 })])
    const job = await chips.flash(device, program(5000, 9))
    expect(job.error).toMatchObject({ code: 'loader.protected', details: { protection: 'write', page: 4 } })
    expect(chips.logOf(job.jobId)).toContain('loader.found')
    expect(chips.logOf(job.jobId)).not.toContain('flash.differs')
  })

  it('is no word for a bit that is worn out', async () => {
    const device = await chips.chip({ faults: [fault('stuck-bit', { address: FLASH_START + 0x700, bit: 2 })] })
    const wanted = program(5000)
    wanted[0x700] = 0xff
    const job = await chips.flash(device, wanted)
    expect(job.error).toMatchObject({ code: 'loader.flash-differs', details: { address: '0x08000700' } })
  })

  it('against reading is left alone, unless its removal was asked for and typed', async () => {
    const device = await chips.chip({ isReadProtected: true })
    const plain = await chips.flash(device, program(1024))
    expect(plain).toMatchObject({
      state: 'failed',
      boardNow: 'old-firmware',
      error: { code: 'loader.protected', details: { protection: 'readout' } },
    })
    const unasked = await chips.flash(device, program(1024), { options: { removeProtection: true } })
    expect(unasked).toMatchObject({
      state: 'failed',
      boardNow: 'old-firmware',
      error: { code: 'job.decision-needed', details: { accept: 'wipe-protected-chip' } },
    })
    const wiped = await chips.flash(device, program(1024), {
      options: { removeProtection: true },
      accept: ['wipe-protected-chip'],
    })
    expect([wiped.verdict, wiped.error]).toEqual(['proven', null])
    expect(flashAt(device, FLASH_START, 1024)).toEqual(program(1024))
  })
})

describe.concurrent('the conversation', () => {
  const commands = ['00', '02', '11', '21', '31', '43'] as const
  it.each(commands)('goes on after a NACK to command %s', async command => {
    for (const name of ['nack', 'double-nack']) {
      const faults = name === 'nack' ? [] : [{ name }]
      const device = await chips.chip({ faults: [fault('nack', { command, at: 1 }), ...faults] })
      const job = await chips.flash(device, program(3000), { options: { start: 'go' } })
      expect([command, job.state, job.verdict, job.error]).toEqual([command, 'finished', 'proven', null])
    }
  })

  it('goes on after NACKs to the extended erase, and at every write', async () => {
    for (let write = 1; write <= 6; write++) {
      const device = await chips.chip({
        product: 'g071',
        faults: [fault('nack', { command: write % 2 ? '31' : '44', at: Math.ceil(write / 2) })],
      })
      expect((await chips.flash(device, program(1500))).verdict).toBe('proven')
    }
  })

  it('survives a cable that is pulled at seeded moments, and writes only what is missing', async () => {
    const random = seededRandom(11, 'pulled cables')
    const wanted = program(6000)
    for (let round = 0; round < 12; round++) {
      const byte = random.integer(6600)
      const device = await chips.chip({ faults: [fault('cut', { byte, ms: 2 })] })
      const job = await chips.flash(device, wanted)
      expect([byte, job.verdict, job.error]).toEqual([byte, 'proven', null])
      expect(flashAt(device, FLASH_START, wanted.length)).toEqual(wanted)
      // At most the page that was under way is written twice.
      expect([byte, device.dataRequests() <= 24 + 4]).toEqual([byte, true])
    }
  })

  it('says what to do where no loader answers', async () => {
    const device = await chips.chip({ hasSilentApp: true })
    await chips.flash(device, program(600), { options: { start: 'go' } })
    const job = await chips.flash(device, program(600), { options: { baudRate: 57_600 } })
    // The program that was started does not listen.
    expect(job).toMatchObject({ state: 'failed', error: { code: 'loader.no-answer' }, boardNow: 'old-firmware' })
  })
})

describe.concurrent('a look', () => {
  const reading = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 1000 }

  it('knows the chip, and asks nothing of a raw TCP line', async () => {
    const device = await chips.chip()
    const endpoint = parseTarget(device.target)
    if (!isEndpoint(endpoint)) throw new Error('no endpoint')
    expect(await stm32Serial.probe(endpoint, reading)).toMatchObject({
      isMatch: true,
      identity: { chip: 'STM32F10x medium density' },
    })
    const raw = parseTarget('tcp://127.0.0.1:1')
    if (!isEndpoint(raw)) throw new Error('no endpoint')
    expect(await stm32Serial.probe(raw, reading)).toMatchObject({ isMatch: false })
  })

  it('leaves no backup and no mark', async () => {
    const device = await chips.chip()
    const job = await chips.flash(device, program(600), { dryRun: true })
    expect([job.state, job.verdict, device.dataRequests()]).toEqual(['finished', null, 0])
    expect(existsSync(join(chips.bench.home, 'backups', job.jobId))).toBe(false)
  })
})
