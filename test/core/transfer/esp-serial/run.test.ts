import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobOrderRequest } from '../../../../src/shared/contract/commands.ts'
import type { JobLogLine, JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { FlashproofError } from '../../../../src/shared/errors.ts'
import { activeOtaRecord, buildOtaRecord, readOtaRecords } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable } from '../../../../src/core/formats/esp-image/partition-table.ts'
import { createEspSerial } from '../../../../src/core/transfer/esp-serial/create-protocol.ts'
import { seededRandom } from '../../../../src/simulator/random.ts'
import { openBench, type Bench } from '../../../fakes/bench.ts'
import { FakeEspBoard } from '../../../fakes/fake-esp-board.ts'
import { bootloader, esp8266Image, merge } from '../../formats/esp-image/esp-files.ts'
import { factoryOnly, fieldBoard, firmware, layout, SLOT_0, SLOT_1 } from './boards.ts'

const TARGET = 'rfc2217://127.0.0.1:9'
const PROJECT = ['other-project']

describe('esp-serial', () => {
  let bench: Bench
  let board: FakeEspBoard
  let lines: JobLogLine[]

  beforeEach(async () => {
    board = fieldBoard()
    bench = await openBench({ protocols: [createEspSerial(request => board.connect(request))] })
    lines = []
    bench.watchLog((_job, line) => lines.push(line))
  })
  afterEach(async () => {
    await bench.close()
  })

  async function flash(
    bytes: Uint8Array,
    more: Partial<JobOrderRequest> & { fileName?: string } = {},
  ): Promise<JobSnapshot> {
    const { fileName, ...order } = more
    const firmwareId = await bench.firmwareId(bytes, fileName)
    const [job] = await bench.flash({
      firmwareId,
      targets: [TARGET],
      protocol: 'esp-serial',
      accept: PROJECT,
      ...order,
    })
    if (job === undefined) throw new Error('no job')
    return job
  }
  const inFlash = (offset: number, bytes: Uint8Array): boolean =>
    Buffer.compare(board.flash.subarray(offset, offset + bytes.length), bytes) === 0
  const texts = (code: string): string[] => lines.filter(line => line.code === code).map(({ text }) => text)

  describe('an application', () => {
    it('goes to the slot that does not run, is proven, and only then chosen', async () => {
      const old = board.flash.slice(SLOT_0, SLOT_0 + 0x10_0000)
      const image = firmware(2)
      const job = await flash(image)
      expect(job).toMatchObject({ state: 'finished', verdict: 'proven', provenLevel: 'running', error: null })
      expect(job).toMatchObject({
        boardNow: 'new-firmware',
        unplug: 'safe',
        versionBefore: '1.0.1',
        versionAfter: '1.0.2',
      })
      expect(job.doneBytes).toBe(image.length)
      expect(inFlash(SLOT_1, image)).toBe(true)
      expect(inFlash(SLOT_0, old)).toBe(true)
      const writes = board.commands.filter(command => command.startsWith('write'))
      expect(writes.at(-1)).toBe('write 0xf000 0x1000')
      expect(activeOtaRecord(readOtaRecords(board.flash, 0xe000))).toMatchObject({ sector: 1, sequence: 2 })
      const facts = job.evidence.map(({ level, method, matches }) => [level, method, matches])
      expect(facts).toContainEqual(['stored', 'flash-md5', true])
      expect(facts).toContainEqual(['running', 'elf-sha256', true])
      expect(board.starts).toBe(1)
    })

    it('says while it is written that the old firmware is whole', async () => {
      await flash(firmware(2))
      const seen = bench.snapshots.filter(({ state }) => state === 'transferring').map(({ boardNow }) => boardNow)
      expect(new Set(seen)).toEqual(new Set(['old-firmware', 'unknown']))
      expect(bench.snapshots.some(({ boardNow }) => boardNow === 'not-bootable')).toBe(false)
    })

    it('is not sent again where it lies already', async () => {
      const image = firmware(2)
      await flash(image)
      board.writtenBytes = 0
      // Now ota_1 runs, so the next one goes to ota_0; the one after that finds its sectors in ota_1.
      await flash(firmware(3))
      board.writtenBytes = 0
      board.md5Commands = 0
      const job = await flash(image)
      expect(job).toMatchObject({ verdict: 'proven', boardNow: 'new-firmware' })
      expect(board.writtenBytes).toBe(4096)
      expect(board.md5Commands).toBeLessThan(8)
    })

    it('asks before it writes over the only slot, and says meanwhile that the board cannot start', async () => {
      board = fieldBoard({ partitions: factoryOnly })
      const refused = await flash(firmware(2))
      expect(refused.error).toMatchObject({ code: 'job.decision-needed', details: { accept: 'overwrite-running-app' } })
      expect(board.writtenBytes).toBe(0)
      const job = await flash(firmware(2), { accept: [...PROJECT, 'overwrite-running-app'] })
      expect(job).toMatchObject({ verdict: 'proven', boardNow: 'new-firmware' })
      expect(bench.snapshots.some(({ boardNow, unplug }) => boardNow === 'not-bootable' && unplug === 'safe')).toBe(
        false,
      )
      expect(bench.snapshots.some(({ boardNow }) => boardNow === 'not-bootable')).toBe(true)
      expect(inFlash(SLOT_0, firmware(2))).toBe(true)
    })

    it.each([
      ['of another chip', () => firmware(2, { chip: 'ESP32-C3' }), 'image.wrong-chip'],
      ['larger than the slot', () => firmware(2, { sizeBytes: 0x10_1000 }), 'image.too-large'],
      ['that is damaged', () => flipped(firmware(2)), 'image.corrupt'],
    ])('%s is refused before anything is erased', async (_name, image, code) => {
      const before = board.flash.slice()
      const job = await flash(image())
      expect(job).toMatchObject({ state: 'failed', error: { code }, boardNow: 'old-firmware', verdict: null })
      expect(Buffer.compare(board.flash, before)).toBe(0)
      expect(board.starts).toBe(1)
    })

    it('over what the board starts from is no program, and is asked about by that', async () => {
      const noise = Buffer.from(Array.from({ length: 1024 }, (_byte, at) => at & 0xff))
      const before = board.flash.slice()
      const job = await flash(noise, { options: { address: '0x1000' }, accept: ['not-firmware'] })
      expect(job.error).toMatchObject({ code: 'job.decision-needed', details: { accept: 'overwrite-start' } })
      expect(board.flash).toEqual(before)
    })

    it('wants a full set where the board has no partition table', async () => {
      board.flash.fill(0xff)
      const job = await flash(firmware(2))
      expect(job.error).toMatchObject({ code: 'image.address-needed' })
    })

    it('that the bootloader does not start is never called running', async () => {
      board = fieldBoard({
        bootLog: () =>
          'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\nI (1) app_init: ELF file SHA256:  000000000\nI (1) app_init: App version: 9\n',
      })
      const job = await flash(firmware(2))
      expect(job).toMatchObject({ verdict: 'unproven', reason: 'contradicted', boardNow: 'unknown' })
    })

    it('that crashes at its start is proven in flash and no higher', async () => {
      const crash = "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\n"
      board = fieldBoard({ bootLog: () => `rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n${crash}` })
      const job = await flash(firmware(2))
      expect(job).toMatchObject({ verdict: 'proven', provenLevel: 'stored' })
      expect(job.warnings.join()).toContain('LoadProhibited')
    })

    it('that nothing starts any more leaves a board that will not start, although its flash is right', async () => {
      const failed = 'E (31) boot: No bootable app partitions in the partition table\n'
      board = fieldBoard({ bootLog: () => `rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n${failed}` })
      const job = await flash(firmware(2))
      expect(job).toMatchObject({ verdict: 'proven', provenLevel: 'stored', boardNow: 'not-bootable' })
      expect(job.warnings.join()).toContain('No bootable app partitions')
    })

    it('stays healthy, where that is asked for', async () => {
      const job = await flash(firmware(2), { require: 'confirmed' })
      expect(job).toMatchObject({ verdict: 'proven', provenLevel: 'confirmed' })
    })
  })

  describe('flash that does not take it', () => {
    it('is written again where it differs', async () => {
      board.flipAt = SLOT_1 + 0x2_0123
      const job = await flash(firmware(2))
      expect(job).toMatchObject({ verdict: 'proven', retries: 1 })
      expect(inFlash(SLOT_1, firmware(2))).toBe(true)
      expect(board.commands).toContain('write 0x130000 0x1000')
    })

    it('is proven of nobody when another board hashed it on a line that never broke', async () => {
      board.swappedMac = '24:6f:28:00:00:02'
      const job = await flash(firmware(2))
      expect(job).toMatchObject({ state: 'failed', error: { code: 'device.identity-changed' }, boardNow: 'unknown' })
      expect(job.verdict).not.toBe('proven')
      expect(job.evidence.filter(({ level }) => level === 'stored')).toEqual([])
    })

    it('ends red when a sector never takes it, with the old firmware whole', async () => {
      board.stuckAt = SLOT_1 + 0x2_0123
      const job = await flash(firmware(2))
      expect(job).toMatchObject({ state: 'failed', error: { code: 'loader.flash-differs' }, boardNow: 'old-firmware' })
      expect(job).toMatchObject({ verdict: 'unproven', reason: 'contradicted' })
      expect(job.error?.details).toMatchObject({ differsAt: ['0x00130000'] })
      expect(activeOtaRecord(readOtaRecords(board.flash, 0xe000))).toMatchObject({ sequence: 1 })
    })
  })

  describe('a merged image', () => {
    const spiffs = Buffer.alloc(4096, 0x77)
    const mergedImage = (seed: number): Buffer =>
      merge([
        [0x1000, bootloader()],
        [0x8000, buildPartitionTable(layout)],
        [SLOT_0, firmware(seed)],
        [0x3f_ffff, Buffer.from([0xff])],
      ])

    it('leaves settings and files alone where it has only filler for them', async () => {
      board.put(0x21_0000, spiffs)
      const job = await flash(mergedImage(4))
      expect(job).toMatchObject({ verdict: 'proven', boardNow: 'new-firmware' })
      expect(job.warnings.join()).toContain('“nvs”, “spiffs”')
      expect(inFlash(0x9000, Buffer.alloc(0x3000, 0x5a))).toBe(true)
      expect(inFlash(0x21_0000, spiffs)).toBe(true)
      expect(inFlash(SLOT_0, firmware(4))).toBe(true)
      // No choice of a slot in the file: the one of before would start another app.
      expect(inFlash(0xe000, Buffer.alloc(0x2000, 0xff))).toBe(true)
    })

    it('is written with its filler when that is ticked', async () => {
      board.put(0x21_0000, spiffs)
      await flash(mergedImage(4), { options: { writeFill: true } })
      expect(Buffer.compare(board.flash, mergedImage(4))).toBe(0)
    })

    it('with another partition table is a decision of its own, and can keep a copy first', async () => {
      const other = merge([
        [0x1000, bootloader()],
        [0x8000, buildPartitionTable(factoryOnly)],
        [SLOT_0, firmware(4)],
      ])
      const before = board.flash.slice()
      const refused = await flash(other)
      expect(refused.error).toMatchObject({
        code: 'job.decision-needed',
        details: { accept: 'change-partition-table' },
      })
      expect(refused.error?.message).toContain('− spiffs')
      expect(Buffer.compare(board.flash, before)).toBe(0)
      const job = await flash(other, {
        accept: [...PROJECT, 'change-partition-table'],
        options: { backup: 'flash' },
      })
      expect(job).toMatchObject({ verdict: 'proven' })
      expect(inFlash(0x8000, buildPartitionTable(factoryOnly))).toBe(true)
      const kept = readFileSync(join(bench.home, 'backups', job.jobId, 'flash.bin'))
      expect(Buffer.compare(kept, before)).toBe(0)
      expect(texts('backup.kept')).toHaveLength(1)
    })

    it('goes to a new board whole, bootloader and table last', async () => {
      board.flash.fill(0xff)
      const job = await flash(mergedImage(4))
      expect(job).toMatchObject({ verdict: 'proven', boardNow: 'new-firmware' })
      expect(Buffer.compare(board.flash, mergedImage(4))).toBe(0)
      const writes = board.commands.filter(command => command.startsWith('write')).map(text => text.split(' ')[1])
      expect(writes.at(-1)).toBe('0x8000')
      expect(writes.at(-2)).toBe('0x1000')
    })
  })

  describe('the chip’s protection', () => {
    const security = {
      isSecureBootEnabled: true,
      isSecureDownloadMode: false,
      isFlashEncrypted: false,
      flags: ['SECURE_BOOT_EN'],
    }

    it('refuses unsigned firmware by its own error, and can be overridden', async () => {
      board = fieldBoard({ security })
      const refused = await flash(firmware(2))
      expect(refused.error).toMatchObject({ code: 'loader.protected', details: { accept: 'write-protected-chip' } })
      const job = await flash(firmware(2), { accept: [...PROJECT, 'write-protected-chip'] })
      expect(job.decisions).toContainEqual(expect.objectContaining({ code: 'write-protected-chip', answer: 'accept' }))
    })

    it('without MD5 is never green: acknowledged, then running by the program’s own word', async () => {
      const abilities = { hasMd5: false, canReadFlash: false, canCompress: false, canErase: false, blockBytes: 0x400 }
      board = fieldBoard({ abilities, revision: null })
      const image = firmware(2)
      const withoutPlace = await flash(image)
      expect(withoutPlace.error?.code).toBe('image.address-needed')
      const job = await flash(image, { options: { address: '0x10000' } })
      expect(job).toMatchObject({ state: 'finished', verdict: 'running', provenLevel: null, required: 'acknowledged' })
      expect(job.evidence.some(({ level }) => level === 'stored')).toBe(false)
      const tooMuch = await flash(image, { options: { address: '0x10000' }, require: 'stored' })
      expect(tooMuch.error?.code).toBe('require.unreachable-level')
    })
  })

  describe('erasing', () => {
    it('the chip is asked for in words, and refused for what would leave nothing to start', async () => {
      const accept = [...PROJECT, 'erase-chip']
      const refused = await flash(firmware(2), { options: { erase: 'chip' }, accept })
      expect(refused.error).toMatchObject({ code: 'option.invalid' })
      const full = merge([
        [0x1000, bootloader()],
        [0x8000, buildPartitionTable(layout)],
        [SLOT_0, firmware(4)],
      ])
      const unasked = await flash(full, { options: { erase: 'chip' } })
      expect(unasked.error).toMatchObject({ details: { accept: 'erase-chip' } })
      const job = await flash(full, { options: { erase: 'chip' }, accept })
      expect(job).toMatchObject({ verdict: 'proven' })
      expect(board.commands).toContain('erase chip')
    })

    it('a region erases the whole slot, and nothing else', async () => {
      board.flash.fill(0, SLOT_1, SLOT_1 + 0x10_0000)
      await flash(firmware(2), { options: { erase: 'region' }, accept: [...PROJECT, 'erase-region'] })
      // The choice of the slot is no place for it: until the app is proven, the old one must start.
      expect(board.commands.filter(command => command.startsWith('erase'))).toEqual(['erase 0x110000 0x100000'])
      expect(bench.snapshots.some(({ boardNow }) => boardNow === 'not-bootable')).toBe(false)
      expect(inFlash(SLOT_1 + 200_704, Buffer.alloc(4096, 0xff))).toBe(true)
      expect(inFlash(0x9000, Buffer.alloc(0x3000, 0x5a))).toBe(true)
    })
  })

  describe('a pulled cable', () => {
    it('costs only what is missing, wherever it is pulled, and never a false green', async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const random = seededRandom(seed, 'cables')
        board = fieldBoard()
        const image = firmware(2)
        let isPulled = false
        const pullAt = random.integer(16)
        board.onBlock = block => {
          if (isPulled || block < pullAt) return
          isPulled = true
          throw new FlashproofError('serial.unplugged', 'pulled')
        }
        const job = await flash(image)
        expect([seed, job.state, job.verdict]).toEqual([seed, 'finished', 'proven'])
        expect(inFlash(SLOT_1, image)).toBe(true)
        // A block that was on the line, and its sectors, may go twice.
        expect(board.writtenBytes).toBeLessThan(image.length + 4096 + 2 * 0x8000)
      }
    })

    it('while the bootloader is written says that the board cannot start', async () => {
      const set = merge([
        [0x1000, Buffer.concat([bootloader('ESP32')])],
        [0x8000, buildPartitionTable(layout)],
        [SLOT_0, firmware(4)],
      ])
      board.onBlock = () => {
        throw new FlashproofError('serial.unplugged', 'pulled')
      }
      const job = await flash(set)
      expect(job).toMatchObject({
        state: 'failed',
        boardNow: 'not-bootable',
        unplug: 'keep-powered',
        verdict: 'unproven',
      })
    })
  })

  it('never takes a board that was switched over for the old one, when it cannot be reached any more', async () => {
    board.startProgram = () => {
      board.connect = () => Promise.reject(new FlashproofError('serial.unplugged', 'gone'))
      return Promise.reject(new FlashproofError('serial.unplugged', 'pulled'))
    }
    const job = await flash(firmware(2))
    expect(job).toMatchObject({ state: 'failed', boardNow: 'new-firmware', unplug: 'safe' })
  })

  it('says what a board starts now only where its flash tells', async () => {
    const dryRun = async (image: Uint8Array): Promise<string> => {
      const job = await flash(image, { dryRun: true, options: { address: '0x0', mode: 'raw' } })
      return `${job.boardNow} ${job.unplug}`
    }
    const image = esp8266Image([[0x4010_0000, Buffer.alloc(512, 1)]])
    board = new FakeEspBoard({ chip: 'ESP8266' })
    expect(await dryRun(image)).toBe('not-bootable safe')
    board.put(0, image)
    expect(await dryRun(image)).toBe('old-firmware safe')
    // Its table lies elsewhere, or is encrypted.
    board = new FakeEspBoard()
    board.put(0x1000, bootloader())
    expect(await dryRun(Buffer.alloc(64, 1))).toBe('unknown safe')
    // The bootloader takes another slot than the one that is chosen.
    board = fieldBoard()
    board.put(0xf000, buildOtaRecord(2))
    expect(await dryRun(Buffer.alloc(64, 1))).toBe('unknown safe')
  })

  it('finds a rate that the line keeps, and remembers it', async () => {
    board.highestBaud = 921_600
    await flash(firmware(2))
    const first = board.commands.filter(command => command.startsWith('baud'))
    expect(first).toEqual(['baud 460800', 'baud 921600', 'baud 1500000'])
    board.commands.length = 0
    await flash(firmware(3))
    expect(board.commands.filter(command => command.startsWith('baud'))).toEqual(['baud 921600'])
  })

  it('goes down where blocks have to be sent again and again, and stays where one had to', async () => {
    board.onBlock = () => {
      if (board.baudRate > 230_400) board.repeats += 2
    }
    await flash(firmware(2))
    expect(board.commands.filter(command => command.startsWith('baud'))).toEqual(['baud 460800', 'baud 230400'])
    board.commands.length = 0
    let isFaulty = true
    board.onBlock = () => {
      if (isFaulty) board.repeats += 1
      isFaulty = false
    }
    await flash(firmware(3))
    expect(board.commands.filter(command => command.startsWith('baud'))).toEqual(['baud 230400'])
  })

  it('keeps a fast rate where a block in 300 KB has to be sent again, however long its parts are', async () => {
    board.highestBaud = 2_000_000
    let next = 0
    board.onBlock = () => {
      if (board.baudRate < 2_000_000 || board.writtenBytes < next) return
      next = board.writtenBytes + 300_000
      board.repeats += 1
    }
    for (let seed = 2; seed < 6; seed++) await flash(firmware(seed, { sizeBytes: 1_040_000 }))
    expect(board.baudRate).toBe(2_000_000)
  })

  it('says of each block what it fills, so that silence is not waited out for a whole part', async () => {
    board.highestBaud = 2_000_000
    const files = Buffer.from(firmware(2, { sizeBytes: 1_000_000 })).fill(0x20, 0, 1000)
    // Shrinks well: one of its blocks fills much.
    files.fill(0x20, 300_000, 700_000)
    await flash(files, { options: { address: '0x210000' } })
    const said = board.statedBytes
    expect(said.length).toBeGreaterThan(5)
    expect(said.filter(({ stated, filled }) => stated !== filled)).toEqual([])
  })

  it('waits at a block’s edge, and asks the board again who it is before it goes on', async () => {
    const image = firmware(2)
    let jobId = ''
    board.onBlock = block => {
      if (block === 3) bench.station.engine.pause([jobId])
    }
    const firmwareId = await bench.firmwareId(image)
    const started = await bench.station.engine.start({
      firmwareId,
      targets: [TARGET],
      protocol: 'esp-serial',
      accept: PROJECT,
    })
    jobId = started.jobIds[0] ?? ''
    await bench.until(jobId, ({ state }) => state === 'paused')
    expect(board.connections).toBe(1)
    await bench.station.engine.resume({ jobIds: [jobId], secrets: {} })
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ state: 'finished', verdict: 'proven', attempts: 1 })
    expect(board.connections).toBe(2)
  })

  it('sends nothing in a dry run', async () => {
    const before = board.flash.slice()
    const job = await flash(firmware(2), { dryRun: true })
    expect(job.state).toBe('finished')
    expect(Buffer.compare(board.flash, before)).toBe(0)
    expect(board.starts).toBe(1)
  })
})

function flipped(image: Buffer): Buffer {
  image[image.length >> 1] = (image[image.length >> 1] ?? 0) ^ 1
  return image
}
