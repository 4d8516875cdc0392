import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { asFlashproofError } from '../../../../src/shared/errors.ts'
import { espChips } from '../../../../src/core/formats/esp-image/chips.ts'
import { buildOtaData, buildOtaRecord } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable, type Partition } from '../../../../src/core/formats/esp-image/partition-table.ts'
import { inspectSource } from '../../../../src/core/formats/inspect.ts'
import { readBoard } from '../../../../src/core/transfer/esp-serial/board.ts'
import { readOptions } from '../../../../src/core/transfer/esp-serial/options.ts'
import { makePlan, type Plan, type PlanImage } from '../../../../src/core/transfer/esp-serial/plan.ts'
import type { OptionValues } from '../../../../src/shared/option-spec.ts'
import { FakeEspBoard } from '../../../fakes/fake-esp-board.ts'
import { sourceFromBytes } from '../../../../src/core/formats/file-source.ts'
import { bootloader, esp8266Image, merge } from '../../formats/esp-image/esp-files.ts'
import { factoryOnly, fieldBoard, firmware, layout, SLOT_0, SLOT_1 } from './boards.ts'

async function plan(
  board: FakeEspBoard,
  bytes: Uint8Array,
  options: OptionValues = {},
  more: { fileName?: string; earlierPath?: string } = {},
): Promise<Plan> {
  const { inspection, image, format } = inspectSource(sourceFromBytes(more.fileName ?? 'fw.bin', bytes))
  const asked: PlanImage = {
    fileName: inspection.fileName,
    isAddressed: format.isAddressed,
    segments: image.segments,
    inspection,
  }
  return makePlan(asked, await readBoard(board), readOptions(options), more.earlierPath ?? null)
}

async function refusal(...parts: Parameters<typeof plan>): Promise<string> {
  try {
    await plan(...parts)
    return 'taken'
  } catch (thrown) {
    return asFlashproofError(thrown).code
  }
}

const places = ({ writes }: Plan): string[] =>
  writes.map(({ region, offset }) => `${region.place} ${offset.toString(16)}`)

describe('a plan', () => {
  it('takes every image on its own chip and refuses it on every other one', async () => {
    const image = (name: string): Uint8Array =>
      name === 'ESP8266'
        ? esp8266Image([
            [0x4010_0000, Buffer.alloc(512, 1)],
            [0x3ffe_8000, Buffer.alloc(512, 2)],
          ])
        : firmware(2, { chip: name, sizeBytes: 4096 })
    const wrong: string[] = []
    let pairs = 0
    for (const boardChip of espChips) {
      const board = fieldBoard({ chip: 'ESP32' })
      const asChip = Object.assign(Object.create(Object.getPrototypeOf(board) as object) as FakeEspBoard, board, {
        facts: { ...board.facts, chip: boardChip },
      })
      for (const imageChip of espChips) {
        for (const mode of [{}, { address: '0x110000' }]) {
          const code = await refusal(asChip, image(imageChip.name), mode)
          const wanted = boardChip === imageChip ? 'taken' : 'image.wrong-chip'
          pairs++
          if (code !== wanted) wrong.push(`${imageChip.name} on ${boardChip.name} ${JSON.stringify(mode)}: ${code}`)
        }
      }
    }
    expect(wrong).toEqual([])
    expect(pairs).toBe(2 * espChips.length ** 2)
  })

  it('refuses an image of a chip that nobody knows, and one of another revision', async () => {
    const unknown = withHeader(image => image.writeUInt16LE(77, 12))
    expect(await refusal(fieldBoard(), unknown)).toBe('image.wrong-chip')
    expect(await refusal(fieldBoard(), unknown, { address: '0x110000', mode: 'raw' })).toBe('image.wrong-chip')
    const newer = withHeader(image => image.writeUInt16LE(300, 15))
    expect(await refusal(fieldBoard({ revision: 100 }), newer)).toBe('image.wrong-chip')
    expect(await refusal(fieldBoard({ revision: 300 }), newer)).toBe('taken')
    const older = withHeader(image => image.writeUInt16LE(199, 17))
    expect(await refusal(fieldBoard({ revision: 300 }), older)).toBe('image.wrong-chip')
  })

  it('chooses the slot that does not run', async () => {
    const board = fieldBoard()
    expect(places(await plan(board, firmware(2)))).toEqual(['app1 110000', 'otadata f000'])
    board.put(SLOT_1, firmware(3))
    board.put(0xf000, buildOtaRecord(2))
    expect(places(await plan(board, firmware(2)))).toEqual(['app0 10000', 'otadata e000'])
    // The newest record is of an app that did not start: the other one counts.
    board.put(0xf000, buildOtaRecord(2, 'aborted'))
    expect(places(await plan(board, firmware(2)))).toEqual(['app1 110000', 'otadata f000'])
  })

  it('writes the trial state where the board’s bootloader knows trials', async () => {
    const board = fieldBoard()
    board.put(0xe000, buildOtaData(1, 'valid'))
    const { writes } = await plan(board, firmware(2))
    expect(writes.at(-1)?.bytes.subarray(0, 32)).toEqual(buildOtaRecord(2, 'new'))
    const plain = await plan(fieldBoard(), firmware(2))
    expect(plain.writes.at(-1)?.bytes.subarray(0, 32)).toEqual(buildOtaRecord(2))
  })

  it('goes on in the slot of an earlier try, also when the board was switched over already', async () => {
    const board = fieldBoard()
    board.put(SLOT_1, firmware(2))
    board.put(0xf000, buildOtaRecord(2))
    const again = await plan(board, firmware(2), {}, { earlierPath: 'ota_1' })
    expect(places(again)).toEqual(['app1 110000'])
    expect(again.judgements).toEqual([])
  })

  it('takes a slot that is named, and names those there are for one that is not', async () => {
    const board = fieldBoard()
    expect(places(await plan(board, firmware(2), { slot: 'ota_0' }))).toEqual(['app0 10000'])
    expect(places(await plan(board, firmware(2), { slot: 'active' }))).toEqual(['app0 10000'])
    expect(await refusal(board, firmware(2), { slot: 'ota_5' })).toBe('option.invalid')
    const withFactory: Partition[] = [
      ...layout.slice(0, 4),
      { label: 'factory', type: 'app', subtype: 'factory', offset: 0x21_0000, sizeBytes: 0x10_0000 },
    ]
    const started = await plan(fieldBoard({ partitions: withFactory }), firmware(2), { slot: 'ota_0' })
    expect(places(started)).toEqual(['app0 10000', 'otadata e000'])
  })

  it('erases the choice of the slot for the factory app', async () => {
    const withFactory: Partition[] = [
      ...layout.slice(0, 4),
      { label: 'factory', type: 'app', subtype: 'factory', offset: 0x21_0000, sizeBytes: 0x10_0000 },
    ]
    const board = fieldBoard({ partitions: withFactory })
    board.put(0xe000, buildOtaData())
    const { writes } = await plan(board, firmware(2), { slot: 'factory' })
    expect(writes.at(-1)).toMatchObject({ offset: 0xe000, isCritical: false })
    expect(writes.at(-1)?.bytes).toEqual(new Uint8Array(0x2000).fill(0xff))
  })

  it('puts single files at their own places', async () => {
    const board = fieldBoard()
    expect(places(await plan(board, bootloader()))).toEqual(['bootloader 1000'])
    expect(places(await plan(board, buildPartitionTable(factoryOnly)))).toEqual(['partition table 8000'])
    expect(places(await plan(board, buildOtaData(2)))).toEqual(['otadata e000'])
    const raw = Buffer.alloc(8192, 3)
    expect(await refusal(board, raw)).toBe('image.address-needed')
    const files = await plan(board, raw, { address: '0x210000' })
    expect(places(files)).toEqual(['spiffs 210000'])
    expect(files).toMatchObject({ boardAfter: 'old-firmware', writes: [{ isCritical: false }] })
  })

  it('writes a set with addresses from what nothing starts from to what everything starts from', async () => {
    const board = fieldBoard()
    const set = hex([
      [0x1000, bootloader()],
      [0x8000, buildPartitionTable(layout)],
      [0xe000, buildOtaData()],
      [SLOT_0, firmware(2)],
      [0x21_0000, Buffer.alloc(100, 5)],
    ])
    const made = await plan(board, set, {}, { fileName: 'set.hex' })
    expect(places(made)).toEqual([
      'spiffs 210000',
      'app0 10000',
      'bootloader 1000',
      'partition table 8000',
      'otadata e000',
    ])
    expect(made.writes.map(({ isCritical }) => isCritical)).toEqual([false, true, true, true, false])
    expect(made.targetPath).toBe('flash')
  })

  it('makes the one app of a set start, where the board would start another', async () => {
    const board = fieldBoard()
    board.put(SLOT_1, firmware(3))
    board.put(0xf000, buildOtaRecord(2))
    const made = await plan(board, hex([[SLOT_0, firmware(2)]]), {}, { fileName: 'app.hex' })
    expect(places(made)).toEqual(['app0 10000', 'otadata e000'])
    expect(made.boardAfter).toBe('new-firmware')
    const raw = await plan(board, firmware(2), { address: '0x10000' })
    expect(raw).toMatchObject({ boardAfter: 'old-firmware', judgements: [{ code: 'other-slot-starts' }] })
  })

  it('refuses what does not fit into the flash, a slot or a chip', async () => {
    const small = fieldBoard({ flashBytes: 2 * 1024 * 1024, partitions: factoryOnly })
    expect(
      await refusal(
        small,
        merge([
          [0, bootloader()],
          [0x1f_ffff, Buffer.alloc(2)],
        ]),
        { address: '0x0', mode: 'raw' },
      ),
    ).toBe('image.outside-flash')
    const table = await plan(small, buildPartitionTable(layout))
    expect(table.judgements).toMatchObject([{ kind: 'refusal', error: { code: 'image.outside-flash' } }])
    const long = hex([[SLOT_0, firmware(2, { sizeBytes: 0x10_1000 })]])
    expect(await refusal(fieldBoard(), long, {}, { fileName: 'long.hex' })).toBe('image.too-large')
  })
})

/** An app whose header was changed before its hash was made. */
function withHeader(change: (image: Buffer) => unknown): Buffer {
  const image = firmware(2, { sizeBytes: 4096 })
  change(image)
  image.set(createHash('sha256').update(image.subarray(0, -32)).digest(), image.length - 32)
  return image
}

describe('what a plan keeps whole', () => {
  it('calls the app that runs written over, wherever a new table has its place', async () => {
    const board = fieldBoard()
    board.put(SLOT_1, firmware(3))
    board.put(0xf000, buildOtaRecord(2))
    const huge: Partition[] = [
      ...layout.slice(0, 2),
      { label: 'app0', type: 'app', subtype: 'ota_0', offset: SLOT_0, sizeBytes: 0x30_0000 },
    ]
    const short = hex([
      [0x8000, buildPartitionTable(huge)],
      [SLOT_0, firmware(4)],
    ])
    const beside = await plan(board, short, {}, { fileName: 'short.hex' })
    expect(beside.writes.find(({ region }) => region.what === 'app')?.isCritical).toBe(false)
    const long = merge([
      [0x1000, bootloader()],
      [0x8000, buildPartitionTable(huge)],
      [SLOT_0, firmware(4, { sizeBytes: 0x18_0000 })],
    ])
    const over = await plan(board, long)
    expect(over.writes.find(({ region }) => region.what === 'app')?.isCritical).toBe(true)
  })

  it('writes whole sectors alone, also where a partition ends inside one', async () => {
    const odd: Partition[] = [
      { label: 'cfg', type: 'data', subtype: 'nvs', offset: 0x9000, sizeBytes: 0x1800 },
      { label: 'factory', type: 'app', subtype: 'factory', offset: SLOT_0, sizeBytes: 0x10_0000 },
    ]
    const set = merge([
      [0x1000, bootloader()],
      [0x8000, buildPartitionTable(odd)],
      [0x9000, Buffer.alloc(0x3000, 4)],
      [SLOT_0, firmware(4)],
    ])
    const { writes } = await plan(fieldBoard(), set)
    expect(writes.filter(({ offset }) => offset % 4096 !== 0)).toEqual([])
    expect(writes.find(({ region }) => region.place === 'cfg')?.bytes.length).toBe(0x2000)
  })

  it('asks before the table goes with what is none', async () => {
    const codes = async (...parts: Parameters<typeof plan>): Promise<string[]> =>
      (await plan(...parts)).judgements.flatMap(judgement => (judgement.kind === 'question' ? [judgement.code] : []))
    const board = fieldBoard()
    const long = Buffer.concat([bootloader(), Buffer.alloc(0x8000, 4)])
    expect(await codes(board, long)).toEqual(['change-partition-table'])
    const other = Buffer.alloc(0x1000, 4)
    expect(await codes(board, other, { address: '0x8000' })).toEqual(['change-partition-table'])
    const app = await plan(board, firmware(2), { address: '0x8000', mode: 'raw' })
    expect(app).toMatchObject({ boardAfter: 'not-bootable' })
    expect(await codes(new FakeEspBoard(), long)).toEqual([])
    expect(await codes(board, bootloader())).toEqual([])
  })

  it('asks before bytes that are no program go over what the board starts from, and says what becomes of it', async () => {
    const told = async (...parts: Parameters<typeof plan>): Promise<[string[], string]> => {
      const { judgements, boardAfter } = await plan(...parts)
      return [judgements.flatMap(judgement => (judgement.kind === 'question' ? [judgement.code] : [])), boardAfter]
    }
    const bytes = Buffer.from(Array.from({ length: 1024 }, (_byte, at) => at & 0xff))
    const board = fieldBoard()
    expect(await told(board, bytes, { address: '0x1000' })).toEqual([['overwrite-start'], 'not-bootable'])
    expect(await told(board, bytes, { address: '0x5000' })).toEqual([['overwrite-start'], 'unknown'])
    expect(await told(board, bytes, { address: '0x10000' })).toEqual([['overwrite-start'], 'not-bootable'])
    expect(await told(board, bytes, { address: '0x20000' })).toEqual([['overwrite-start'], 'unknown'])
    expect(await told(board, bytes, { address: '0x118000' })).toEqual([[], 'old-firmware'])
    const withOther = fieldBoard()
    withOther.put(SLOT_1, firmware(3))
    expect(await told(withOther, bytes, { address: '0x10000' })).toEqual([['overwrite-start'], 'unknown'])
    const empty = new FakeEspBoard()
    expect(await told(empty, bytes, { address: '0x1000' })).toEqual([[], 'not-bootable'])
    // What an encrypted flash holds cannot be told; writing to it is asked about by itself.
    const security = {
      isSecureBootEnabled: false,
      isSecureDownloadMode: false,
      isFlashEncrypted: true,
      flags: ['FLASH_CRYPT_CNT'],
    }
    expect(await told(fieldBoard({ security }), bytes, { address: '0x1000' })).toEqual([[], 'unknown'])
  })

  it('asks before an app alone goes over the one that runs, also where its address is named', async () => {
    const codes = async (...parts: Parameters<typeof plan>): Promise<string[]> =>
      (await plan(...parts)).judgements.flatMap(judgement => (judgement.kind === 'question' ? [judgement.code] : []))
    const board = fieldBoard()
    expect(await codes(board, firmware(2), { address: '0x10000' })).toEqual(['overwrite-running-app'])
    expect(await codes(board, firmware(2), { address: '0x110000' })).toEqual([])
    expect(await codes(board, hex([[SLOT_0, firmware(2)]]), {}, { fileName: 'app.hex' })).toEqual([
      'overwrite-running-app',
    ])
    const set = merge([
      [0x1000, bootloader()],
      [0x8000, buildPartitionTable(layout)],
      [SLOT_0, firmware(4)],
    ])
    expect(await codes(board, set)).toEqual([])
  })

  it('promises new firmware only where all that starts it is there', async () => {
    const after = async (...parts: Parameters<typeof plan>): Promise<string> => (await plan(...parts)).boardAfter
    const empty = new FakeEspBoard()
    const set = [
      [0x1000, bootloader()],
      [0x8000, buildPartitionTable(layout)],
      [SLOT_0, firmware(4)],
    ] as const
    expect(await after(empty, merge([...set]))).toBe('new-firmware')
    expect(await after(empty, bootloader())).toBe('unknown')
    expect(await after(empty, buildPartitionTable(layout))).toBe('unknown')
    expect(await after(empty, hex(set.slice(1)), {}, { fileName: 'no-bootloader.hex' })).toBe('unknown')
    expect(await after(fieldBoard(), bootloader())).toBe('new-firmware')
    const moved: Partition[] = [
      ...layout.slice(0, 2),
      { label: 'factory', type: 'app', subtype: 'factory', offset: 0x20_0000, sizeBytes: 0x10_0000 },
    ]
    const withoutChoice = fieldBoard()
    withoutChoice.put(0xe000, new Uint8Array(0x2000).fill(0xff))
    expect(await after(withoutChoice, buildPartitionTable(moved))).toBe('unknown')
    const old = new FakeEspBoard({ chip: 'ESP8266' })
    const program = esp8266Image([
      [0x4010_0000, Buffer.alloc(512, 1)],
      [0x3ffe_8000, Buffer.alloc(512, 2)],
    ])
    expect(await after(old, program)).toBe('new-firmware')
  })
})

/** Pieces as an Intel HEX file. */
function hex(pieces: readonly (readonly [number, Uint8Array])[]): Buffer {
  const lines: string[] = []
  const record = (type: number, address: number, data: Uint8Array): void => {
    const bytes = Buffer.from([data.length, address >> 8, address & 0xff, type, ...data, 0])
    bytes[bytes.length - 1] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff
    lines.push(`:${bytes.toString('hex').toUpperCase()}`)
  }
  for (const [start, bytes] of pieces) {
    let upper = -1
    for (let at = 0; at < bytes.length; at += 16) {
      const address = start + at
      if (address >>> 16 !== upper) {
        upper = address >>> 16
        record(4, 0, Buffer.from([upper >> 8, upper & 0xff]))
      }
      record(0, address & 0xffff, bytes.subarray(at, at + 16))
    }
  }
  record(1, 0, Buffer.alloc(0))
  return Buffer.from(`${lines.join('\r\n')}\r\n`)
}
