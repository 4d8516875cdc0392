/** The whole way over a virtual serial port: sets of files, slots, pulled cables. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { buildOtaData } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable } from '../../../../src/core/formats/esp-image/partition-table.ts'
import { parseTarget, isEndpoint } from '../../../../src/core/discovery/target.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { espSerial } from '../../../../src/core/transfer/esp-serial/protocol.ts'
import {
  startVirtualEspSerial,
  type VirtualEspSerial,
} from '../../../../src/simulator/esp-serial/virtual-esp-serial.ts'
import { openBench, type Bench } from '../../../fakes/bench.ts'
import { pullCables } from '../../../conformance/cable-pulling.ts'
import { patientPolicy, suitePolicy } from '../../../conformance/suite-policy.ts'
import { bootloader } from '../../formats/esp-image/esp-files.ts'
import { firmware, layout } from './boards.ts'
import { espCableBoard } from './cable-board.ts'

const instant = { timeScale: 0, bootMs: 0, confirmMs: 0 } as const

interface SetFile {
  readonly name: string
  readonly offset: number
  readonly bytes: Uint8Array
}

/** FLASHPROOF_SAMPLES names a folder with a set that others built. */
function setFiles(): SetFile[] {
  const folder = process.env['FLASHPROOF_SAMPLES']
  const read = (name: string, made: Uint8Array): Uint8Array =>
    folder === undefined ? made : readFileSync(join(folder, name))
  if (folder === undefined) console.info('FLASHPROOF_SAMPLES names no folder: a set of generated files is written')
  return [
    { name: 'esp32-bootloader.bin', offset: 0x1000, made: bootloader() },
    { name: 'esp32-partitions.bin', offset: 0x8000, made: buildPartitionTable(layout) },
    { name: 'esp32-boot-app0.bin', offset: 0xe000, made: buildOtaData() },
    { name: 'esp32-app.bin', offset: 0x1_0000, made: firmware(2, { sizeBytes: 600_000 }) },
  ].map(({ name, offset, made }) => ({ name, offset, bytes: read(name, made) }))
}

describe('esp-serial over a virtual port', () => {
  let bench: Bench
  const boards: VirtualEspSerial[] = []
  beforeEach(async () => {
    bench = await openBench({ retryPolicy: patientPolicy })
  })
  afterEach(async () => {
    await Promise.all(boards.splice(0).map(board => board.close()))
    await bench.close()
  })

  async function start(options: Parameters<typeof startVirtualEspSerial>[0]): Promise<VirtualEspSerial> {
    const board = await startVirtualEspSerial({ ...instant, ...options })
    boards.push(board)
    return board
  }

  async function flashFile(board: VirtualEspSerial, path: string, accept: readonly string[]): Promise<JobSnapshot> {
    const { firmwareId } = await bench.station.firmware.open({ path })
    const order = { firmwareId, targets: [board.target], protocol: 'esp-serial', accept: [...accept] }
    const [job] = await bench.flash(order)
    if (job === undefined) throw new Error('no job')
    return job
  }

  it('writes a full set to a new board, every byte of it and no other', { timeout: 60_000 }, async () => {
    const board = await start({ factory: 'blank' })
    const files = setFiles()
    const folder = join(bench.home, 'build')
    mkdirSync(folder)
    for (const { name, bytes } of files) writeFileSync(join(folder, name), bytes)
    const flashFiles = Object.fromEntries(files.map(({ name, offset }) => [`0x${offset.toString(16)}`, name]))
    const path = join(folder, 'flasher_args.json')
    writeFileSync(path, JSON.stringify({ flash_files: flashFiles, extra_esptool_args: { chip: 'esp32' } }))
    const job = await flashFile(board, path, [])
    expect([job.state, job.verdict, job.error]).toEqual(['finished', 'proven', null])
    expect(job.boardNow).toBe('new-firmware')
    const wanted = Buffer.alloc(board.flash().length, 0xff)
    for (const { offset, bytes } of files) wanted.set(bytes, offset)
    expect(Buffer.compare(board.flash(), wanted)).toBe(0)
    // The same again: every sector is there already.
    const blocks = board.dataRequests()
    const again = await flashFile(board, path, [])
    expect(again).toMatchObject({ verdict: 'proven' })
    expect(board.dataRequests()).toBe(blocks)
  })

  it('changes nothing but the other slot and one sector of otadata', async () => {
    const board = await start({})
    const before = board.flash()
    const image = firmware(7, { sizeBytes: 40_000 })
    const path = join(bench.home, 'app.bin')
    writeFileSync(path, image)
    expect(await flashFile(board, path, ['other-project'])).toMatchObject({ verdict: 'proven', provenLevel: 'running' })
    const after = board.flash()
    const changed = new Set<number>()
    for (let at = 0; at < after.length; at++) if (after[at] !== before[at]) changed.add(at >> 12)
    const slot = [...changed].filter(sector => sector >= 0x150 && sector < 0x150 + 10)
    expect([...changed].filter(sector => !slot.includes(sector))).toEqual([0xf])
    expect(Buffer.compare(after.subarray(0x15_0000, 0x15_0000 + image.length), image)).toBe(0)
  })

  it('reviews by reading alone, and leaves the board running', async () => {
    const board = await start({})
    const target = parseTarget(board.target)
    if (!isEndpoint(target)) throw new Error('no endpoint')
    const [before, mode] = [board.flash(), board.mode]
    const wrong = join(bench.home, 'wrong.bin')
    writeFileSync(wrong, firmware(2, { chip: 'ESP32-C3' }))
    const { firmwareId } = await bench.station.firmware.open({ path: wrong })
    const [review] = await bench.station.review(
      { firmwareId, targets: [board.target], protocol: 'esp-serial' },
      new AbortController().signal,
    )
    expect(review).toMatchObject({ fits: false, findings: [{ severity: 'refusal', code: 'image.wrong-chip' }] })
    expect(review?.versionNow).not.toBeNull()
    const reading = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 3000 }
    const probed = await espSerial.probe(target, reading)
    expect(probed).toMatchObject({ isMatch: true, isCertain: true, identity: { chip: 'ESP32' } })
    expect(Buffer.compare(board.flash(), before)).toBe(0)
    await expect.poll(() => board.mode).toBe(mode)
  })

  it('asks nothing of a raw connection that nobody named', async () => {
    const endpoint = parseTarget('tcp://127.0.0.1:9')
    if (!isEndpoint(endpoint)) throw new Error('no endpoint')
    const reading = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 1000 }
    const result = await espSerial.probe(endpoint, reading)
    expect(result.isMatch).toBe(false)
    expect(result.notes.join()).toContain('name the protocol')
  })

  it('survives a pulled cable at 20 moments', { timeout: 60_000 }, async () => {
    await bench.reopen({ retryPolicy: suitePolicy })
    const seeds = Array.from({ length: 20 }, (_, index) => index + 1)
    const results = await pullCables(espCableBoard, bench, seeds)
    expect(results.filter(({ problems }) => problems.length > 0)).toEqual([])
    expect(results.some(({ attempts }) => attempts > 1)).toBe(true)
  })
})
