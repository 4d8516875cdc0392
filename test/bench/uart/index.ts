/** Serial lines: the share of their rate that writing keeps, stm32flash beside it, and four boards at once. */
import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median, ratioRow, row, type BenchRow } from '../table.ts'
import { espBlock, leastMs, shareOfLine, stm32Block, ymodemBlock, type Block, type LineCase } from './ceilings.ts'
import type { UartFigures, UartTask } from './client.ts'
import type { UartDeviceTask, UartTargets } from './device.ts'

const KIB = 1024
const baudRates = [115_200, 460_800, 921_600, 2_000_000] as const
const latenciesMs = [0, 1, 16] as const
const SECONDS_A_CELL = 2
const VECTORS = 16

/** Bytes that do not shrink, behind the vectors of an STM32 program. */
function incompressible(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = 12345
  for (let index = 0; index < sizeBytes; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[index] = state >>> 24
  }
  const vectors = new DataView(bytes.buffer)
  vectors.setUint32(0, 0x2000_5000, true)
  for (let index = 1; index < VECTORS; index++) vectors.setUint32(index * 4, 0x0800_0131, true)
  return bytes
}

interface Line {
  readonly what: string
  /** Share of what the bare exchange keeps. */
  readonly goal: number
  readonly kind: string
  readonly boardOptions: object
  optionsAt(baudRate: number): UartTask['options']
  blockOf(image: Uint8Array): Block
}

const stm32: Line = {
  what: 'AN3155',
  goal: 0.97,
  kind: 'stm32-serial',
  boardOptions: { product: 'f103-high', timeScale: 0 },
  optionsAt: baudRate => ({ baudRate, start: 'none' }),
  blockOf: () => stm32Block,
}

const esp: Line = {
  what: 'Espressif stub, data that do not shrink,',
  goal: 0.99,
  kind: 'esp-serial',
  boardOptions: { factory: 'blank', timeScale: 0, bootMs: 0 },
  optionsAt: baudRate => ({ baudRate, address: '0x110000', mode: 'raw', skipUnchanged: false, watchBootMs: 0 }),
  blockOf: espBlock,
}

const ymodem: Line = {
  what: 'YMODEM-1K',
  goal: 0.99,
  kind: 'ymodem',
  boardOptions: { pollMs: 50, eraseMs: 0, programMs: 0 },
  optionsAt: baudRate => ({ baudRate }),
  blockOf: () => ymodemBlock,
}

/** Shrinks to about three fifths, as firmware does. */
function likeFirmware(sizeBytes: number): Uint8Array {
  return incompressible(sizeBytes).map((byte, index) => (index % 32 < 18 ? byte : index % 32))
}

/** Runs boards for one measurement. */
async function withBoards<Result>(
  task: UartDeviceTask,
  measure: (targets: UartTargets) => Promise<Result>,
): Promise<Result> {
  const child = fork(new URL('./device.ts', import.meta.url), [JSON.stringify(task)])
  try {
    return await measure((await messageOf(child)) as UartTargets)
  } finally {
    if (child.connected) child.disconnect()
  }
}

async function runClient(task: UartTask): Promise<UartFigures> {
  const child = fork(new URL('./client.ts', import.meta.url), { serialization: 'advanced' })
  child.send(task)
  return (await messageOf(child)) as UartFigures
}

async function messageOf(child: ChildProcess): Promise<unknown> {
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`a process of the bench ended with ${String(code)}`)
  })
  // It ends later too, when it has done its work.
  died.catch(() => undefined)
  const [message] = (await Promise.race([once(child, 'message'), died])) as [unknown]
  return message
}

/** As much as takes some seconds, in whole blocks, and at least a few of them. */
function blocksFor(block: Block, at: LineCase): number {
  const most = (384 * KIB) / block.imageBytes
  return Math.min(Math.max(6, Math.ceil((SECONDS_A_CELL * 1000) / leastMs(block, at))), most)
}

interface Measured {
  readonly figures: UartFigures
  readonly block: Block
}

async function measureLine(line: Line, at: LineCase, boards = 1, make = incompressible): Promise<Measured> {
  const sample = line.blockOf(incompressible(64 * KIB))
  const blocks = blocksFor(sample, at)
  const image = make(blocks * sample.imageBytes)
  const block = line.blockOf(image)
  const { baudRate, answerAfterMs: latencyMs } = at
  const { exchanges, parity } = block
  const bare = { line: { baudRate, parity }, latencyMs, exchanges }
  const options = { ...line.boardOptions, keepsRate: true, latencyMs }
  const figures = await withBoards({ kind: line.kind, count: boards, options, bare }, targets =>
    runClient({
      protocol: line.kind,
      targets: targets.boards,
      options: line.optionsAt(baudRate),
      image,
      bare: targets.bare === null ? null : { target: targets.bare, exchanges, blocks: Math.ceil(blocks / 3) },
    }),
  )
  return { figures, block }
}

async function shareRow(line: Line, at: LineCase): Promise<BenchRow> {
  const { baudRate, answerAfterMs } = at
  const { figures, block } = await measureLine(line, at)
  const blockMs = (block.imageBytes * 1000) / (figures.bytesPerSecond[0] ?? Number.NaN)
  const bareMs = figures.bareBlockMs ?? Number.NaN
  const least = leastMs(block, at)
  const shareAt = (spentMs: number): string => percent(shareOfLine(spentMs, block, baudRate))
  const measured = `${percent(bareMs / blockMs)}; of the line ${shareAt(blockMs)}, bare ${shareAt(bareMs)}, ceiling ${shareAt(least)}`
  const what = `${line.what} at ${String(baudRate)} baud, answers after ${String(answerAfterMs)} ms`
  return row(what, `≥ ${percent(line.goal)} of bare`, measured, bareMs / blockMs >= line.goal)
}

async function shareRows(line: Line): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const answerAfterMs of latenciesMs) {
    for (const baudRate of baudRates) rows.push(await shareRow(line, { baudRate, answerAfterMs }))
  }
  return rows
}

/** The same board and image, written and verified by stm32flash and by us in turn. */
async function besideStm32flash(rounds: number): Promise<BenchRow[]> {
  const what = 'AN3155 at 115200 baud, 64 KiB written and proven, against stm32flash -v'
  if (spawnSync('stm32flash', ['-h']).error !== undefined || spawnSync('socat', ['-V']).error !== undefined) {
    return [row(what, '≥ 0.98×', 'not measured: it needs stm32flash and socat')]
  }
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  try {
    const image = incompressible(64 * KIB)
    const file = join(folder, 'app.bin')
    writeFileSync(file, image)
    const options = { ...stm32.boardOptions, keepsRate: true, carrier: 'pty' }
    const board: UartDeviceTask = { kind: stm32.kind, count: 1, options, bare: null }
    const ratios: number[] = []
    for (let round = 0; round < rounds; round++) {
      const theirsMs = await withBoards(board, ({ boards: [target = ''] }) => {
        const startedMs = performance.now()
        const path = target.slice('serial:'.length)
        const run = spawnSync('stm32flash', ['-m', '8n1', '-b', '115200', '-w', file, '-v', path])
        if (run.status !== 0) throw new Error(run.stderr.toString())
        return Promise.resolve(performance.now() - startedMs)
      })
      const ours = await withBoards(board, ({ boards: targets }) =>
        runClient({
          protocol: stm32.kind,
          targets,
          options: { parity: 'none', start: 'none' },
          image,
          bare: null,
        }),
      )
      ratios.push(theirsMs / ours.wallMs)
    }
    return [ratioRow(what, 0.98, median(ratios))]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fourAtOnce(line: Line, baudRate: number): Promise<BenchRow> {
  const at = { baudRate, answerAfterMs: 0 }
  const one = await measureLine(line, at)
  const four = await measureLine(line, at, 4)
  const ratio = (4 * one.figures.wallMs) / four.figures.wallMs
  return ratioRow(`${line.what} at ${String(baudRate)} baud, four boards at once against one`, 3.8, ratio)
}

/** Image bytes against the bytes that the line could carry as they are. */
async function compressedRow(baudRate: number): Promise<BenchRow> {
  const { figures, block } = await measureLine(esp, { baudRate, answerAfterMs: 0 }, 1, likeFirmware)
  const blockMs = (block.imageBytes * 1000) / (figures.bytesPerSecond[0] ?? Number.NaN)
  const what = `Espressif stub at ${String(baudRate)} baud, data like firmware`
  return row(what, 'reported', `${shareOfLine(blockMs, block, baudRate).toFixed(2)}× the line`)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

export async function benchUart(rounds: number): Promise<BenchRow[]> {
  return [
    ...(await shareRows(stm32)),
    ...(await besideStm32flash(Math.min(rounds, 3))),
    ...(await shareRows(esp)),
    await compressedRow(921_600),
    await fourAtOnce(stm32, 115_200),
    await fourAtOnce(esp, 921_600),
    await shareRow(ymodem, { baudRate: 115_200, answerAfterMs: 0 }),
  ]
}
