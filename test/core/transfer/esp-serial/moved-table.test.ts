/** Boards and sets whose partition table is not at 0x8000, because their bootloader needs the room. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildEspImage } from '../../../../src/core/formats/esp-image/build-image.ts'
import { buildOtaData } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable, type Partition } from '../../../../src/core/formats/esp-image/partition-table.ts'
import { inspectSource } from '../../../../src/core/formats/inspect.ts'
import { sourceFromBytes } from '../../../../src/core/formats/file-source.ts'
import { readBoard } from '../../../../src/core/transfer/esp-serial/board.ts'
import { readOptions } from '../../../../src/core/transfer/esp-serial/options.ts'
import { makePlan, type Plan } from '../../../../src/core/transfer/esp-serial/plan.ts'
import { startVirtualEspSerial } from '../../../../src/simulator/esp-serial/virtual-esp-serial.ts'
import type { OptionValues } from '../../../../src/shared/option-spec.ts'
import { patientPolicy } from '../../../conformance/suite-policy.ts'
import { openBench, type Bench } from '../../../fakes/bench.ts'
import { FakeEspBoard } from '../../../fakes/fake-esp-board.ts'
import { bootloader, merge } from '../../formats/esp-image/esp-files.ts'
import { fieldBoard, firmware, layout } from './boards.ts'

const MOVED_TO = 0x1_0000
const moved: readonly Partition[] = layout
  .filter(({ label }) => label !== 'spiffs')
  .map(partition => ({ ...partition, offset: partition.offset + 0x1_0000 - (partition.type === 'app' ? 0 : 0x2000) }))
const OTA_DATA = moved.find(({ subtype }) => subtype === 'ota')?.offset ?? 0
const [FIRST_SLOT = 0, SECOND_SLOT = 0] = moved.filter(({ type }) => type === 'app').map(({ offset }) => offset)

/** Longer than the room in front of 0x8000. */
function longBootloader(): Buffer {
  const address = 0x3fff_0018
  const segments = [{ address, bytes: Buffer.alloc(40_000, 0x33) }]
  return Buffer.from(buildEspImage({ chip: 'ESP32', segments, entryAddress: address }))
}

function movedBoard(): FakeEspBoard {
  const board = new FakeEspBoard({})
  board.put(0x1000, longBootloader())
  board.put(MOVED_TO, buildPartitionTable(moved))
  board.put(OTA_DATA, buildOtaData())
  board.put(FIRST_SLOT, firmware(1))
  return board
}

function movedSet(): Buffer {
  return merge([
    [0x1000, longBootloader()],
    [MOVED_TO, buildPartitionTable(moved)],
    [OTA_DATA, buildOtaData()],
    [FIRST_SLOT, firmware(2)],
  ])
}

async function plan(board: FakeEspBoard, bytes: Uint8Array, options: OptionValues = {}): Promise<Plan> {
  const { inspection, image, format } = inspectSource(sourceFromBytes('fw.bin', bytes))
  const { fileName } = inspection
  const asked = { fileName, isAddressed: format.isAddressed, segments: image.segments, inspection }
  return makePlan(asked, await readBoard(board), readOptions(options), null)
}

const places = ({ writes }: Plan): string[] =>
  writes.map(({ region, offset }) => `${region.place} ${offset.toString(16)}`)
const codes = ({ judgements }: Plan): string[] =>
  judgements.map(judgement => (judgement.kind === 'refusal' ? judgement.error.code : judgement.code))

describe('a board with its partition table at another place', () => {
  const hex = (address: number): string => address.toString(16)

  it('takes an application into the slot that does not run', async () => {
    expect(places(await plan(movedBoard(), firmware(2)))).toEqual([
      `app1 ${hex(SECOND_SLOT)}`,
      `otadata ${hex(OTA_DATA + 0x1000)}`,
    ])
  })

  it('takes a table alone there', async () => {
    const table = await plan(movedBoard(), buildPartitionTable(moved))
    expect(places(table)).toEqual([`partition table ${hex(MOVED_TO)}`])
    expect(codes(table)).toEqual([])
  })

  it('is looked for with one question where nothing was ever written', async () => {
    const board = new FakeEspBoard({})
    await readBoard(board)
    expect(board.md5Commands).toBe(1)
  })

  it('is asked about before the table is lost', async () => {
    const lost = await plan(movedBoard(), Buffer.alloc(64, 3), { address: '0x10000', mode: 'raw' })
    expect(codes(lost)).toEqual(['change-partition-table'])
    expect(lost.boardAfter).toBe('not-bootable')
    // There, at the usual place, lies a part of its bootloader.
    const broken = await plan(movedBoard(), Buffer.alloc(64, 3), { address: '0x8000', mode: 'raw' })
    expect(codes(broken)).toEqual(['overwrite-start'])
  })

  it('is taken for one without a table where two lie about, or one that is damaged', async () => {
    const two = movedBoard()
    two.put(0x1_9000, buildPartitionTable(layout))
    await expect(plan(two, firmware(2))).rejects.toMatchObject({ code: 'image.address-needed' })
    const damaged = movedBoard()
    damaged.put(MOVED_TO + 20, Buffer.from('other'))
    await expect(plan(damaged, firmware(2))).rejects.toMatchObject({ code: 'image.address-needed' })
  })

  it('is known by it also while its bootloader is half written, so that its settings stay', async () => {
    const half = movedBoard()
    half.put(0x1000, Buffer.alloc(0x1000, 0xff))
    const settings = moved.find(({ label }) => label === 'nvs')
    half.put(settings?.offset ?? 0, Buffer.alloc(0x3000, 0x5a))
    expect((await plan(half, movedSet())).leftAlone.map(({ place }) => place)).toContain('nvs')
  })

  it('is asked about a table for the usual place, where its own was not recognised', async () => {
    const damaged = movedBoard()
    damaged.put(MOVED_TO + 20, Buffer.from('other'))
    const table = await plan(damaged, buildPartitionTable(layout))
    expect(codes(table)).toContain('change-partition-table')
    expect(codes(await plan(new FakeEspBoard({}), buildPartitionTable(layout)))).toEqual([])
  })
})

describe('a set with its partition table at another place', () => {
  const set = movedSet()

  it('goes to a new board, and is known to start there', async () => {
    const fresh = await plan(new FakeEspBoard({}), set)
    expect(fresh.boardAfter).toBe('new-firmware')
    expect(codes(fresh)).toEqual([])
    expect(fresh.writes.map(({ region }) => region.what).slice(-3)).toEqual([
      'bootloader',
      'partition-table',
      'otadata',
    ])
  })

  it('says that the table moves where the board has it at the usual place', async () => {
    const other = await plan(fieldBoard(), set)
    expect(codes(other)).toContain('change-partition-table')
    const question = other.judgements.find(judgement => judgement.kind === 'question')
    expect(question?.text.en).toContain('0x00008000 → 0x00010000')
    expect(other.boardAfter).toBe('new-firmware')
  })

  it('is not believed without the bootloader that looks there', async () => {
    const board = fieldBoard()
    const stray = await plan(board, buildPartitionTable(moved), { address: '0x1c0000', mode: 'raw' })
    expect(codes(stray)).not.toContain('change-partition-table')
    expect(stray.writes.map(({ region }) => region.what)).toEqual(['app'])
  })
})

describe('a virtual board with a moved table', () => {
  let bench: Bench
  beforeEach(async () => {
    bench = await openBench({ retryPolicy: patientPolicy })
  })
  afterEach(async () => {
    await bench.close()
  })

  it('is written, restarts and runs the new application', async () => {
    const times = { timeScale: 0, bootMs: 0, confirmMs: 0 }
    const board = await startVirtualEspSerial({ ...times, tableOffset: MOVED_TO })
    try {
      const path = join(bench.home, 'app.bin')
      writeFileSync(path, firmware(7, { sizeBytes: 40_000 }))
      const { firmwareId } = await bench.station.firmware.open({ path })
      const order = { firmwareId, targets: [board.target], protocol: 'esp-serial', accept: ['other-project'] }
      const [job] = await bench.flash(order)
      expect(job).toMatchObject({ verdict: 'proven', provenLevel: 'running', boardNow: 'new-firmware' })
      expect(Buffer.compare(board.activeImage() ?? Buffer.alloc(0), firmware(7, { sizeBytes: 40_000 }))).toBe(0)
    } finally {
      await board.close()
    }
  })
})

it('has a bootloader at hand that fits in front of the usual table', () => {
  expect(bootloader().length).toBeLessThan(0x7000)
  expect(longBootloader().length).toBeGreaterThan(0x7000)
})
