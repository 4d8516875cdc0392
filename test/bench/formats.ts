/** Intel HEX figures: in process against objcopy and two npm packages, and the whole `convert` command against objcopy. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sourceFromBytes } from '../../src/core/formats/file-source.ts'
import { intelHex } from '../../src/core/formats/intel-hex.ts'
import { hexText, randomSegments, seededRandom } from '../core/formats/hex-samples.ts'
import { parseWithPackage } from '../reference/intel-hex-package.ts'
import { requireTool } from '../reference/tools.ts'
import { median, ratioRow, row, type BenchRow } from './table.ts'

const MIB = 1024 * 1024
// The package has no types of its own; this is what its documentation promises.
const nrfIntelHex = createRequire(import.meta.url)('nrf-intel-hex') as { fromHex(text: string): unknown }

const BASE = 0x0800_0000

function makeText(imageBytes: number, recordBytes: number, lineEnd: string): Buffer {
  const random = seededRandom(7)
  const segments = randomSegments(random, { totalBytes: imageBytes, baseAddress: BASE, longestSegment: 2 * MIB })
  return hexText(segments, { recordBytes, lineEnd })
}

function timeMs(work: () => void): number {
  const startedMs = performance.now()
  work()
  return performance.now() - startedMs
}

/** Wall time and peak memory of a whole process. */
function wholeProcess(command: string, commandArguments: readonly string[]): { wallMs: number; peakKib: number } {
  const marker = 'peak-kib:'
  const timeTool = '/usr/bin/time'
  const isTimed = existsSync(timeTool)
  const startedMs = performance.now()
  const run = isTimed
    ? spawnSync(timeTool, ['-f', `${marker}%M`, command, ...commandArguments])
    : spawnSync(command, commandArguments)
  const wallMs = performance.now() - startedMs
  if (run.status !== 0) throw new Error(`${command}: ${run.stderr.toString()}`)
  const peak = new RegExp(`${marker}(\\d+)`).exec(run.stderr.toString())?.[1]
  return { wallMs, peakKib: peak === undefined ? Number.NaN : Number(peak) }
}

function benchInProcess(folder: string, rounds: number): BenchRow[] {
  const objcopy = requireTool('objcopy')
  const rows: BenchRow[] = []
  const cases = [
    { recordBytes: 16, lineEnd: '\r\n', goal: 5 },
    { recordBytes: 32, lineEnd: '\n', goal: 5 },
    { recordBytes: 20, lineEnd: '\n', goal: 1.5 },
    { recordBytes: 255, lineEnd: '\n', goal: 1.5 },
  ]
  for (const { recordBytes, lineEnd, goal } of cases) {
    const text = makeText(16 * MIB, recordBytes, lineEnd)
    const path = join(folder, 'bench.hex')
    writeFileSync(path, text)
    const source = sourceFromBytes('bench.hex', text)
    const read = (): void => {
      intelHex.read(source, {})
    }
    read()
    const ours: number[] = []
    const objcopyMs: number[] = []
    const packageMs: number[] = []
    for (let round = 0; round < rounds; round++) {
      if (objcopy !== null) {
        const output = join(folder, 'bench.ref')
        objcopyMs.push(wholeProcess(objcopy, ['-I', 'ihex', '-O', 'binary', path, output]).wallMs)
      }
      // After a spawn the first write to each page of this process is slow: one round outside the clock.
      read()
      ours.push(timeMs(read))
      packageMs.push(timeMs(() => parseWithPackage(text, BASE)))
    }
    const name = `Intel HEX → image, 16 MiB, ${String(recordBytes)}-byte records`
    const speed = text.length / 1e6 / (median(ours) / 1000)
    rows.push(row(name, 'reported', `${speed.toFixed(0)} MB/s of text`))
    const against = (others: readonly number[]): number => median(others.map((ms, index) => ms / (ours[index] ?? NaN)))
    if (objcopy !== null) rows.push(ratioRow('… against objcopy (whole process)', goal, against(objcopyMs)))
    if (goal === 5) rows.push(ratioRow('… against intel-hex', 5, against(packageMs)))
    if (recordBytes === 16) {
      const nrfMs = timeMs(() => nrfIntelHex.fromHex(text.toString('latin1')))
      rows.push(ratioRow('… against nrf-intel-hex (one round)', 50, nrfMs / median(ours)))
    }
  }
  return rows
}

function benchWholeProcess(folder: string, rounds: number): BenchRow[] {
  const objcopy = requireTool('objcopy')
  const cli = new URL('../../out/cli.js', import.meta.url).pathname
  if (objcopy === null) return []
  const rows: BenchRow[] = []
  for (const { sizeMib, goal } of [
    { sizeMib: 64, goal: 2.5 },
    { sizeMib: 16, goal: 1.5 },
  ]) {
    const path = join(folder, 'whole.hex')
    writeFileSync(path, makeText(sizeMib * MIB, 16, '\r\n'))
    const reference = join(folder, 'whole.ref')
    const output = join(folder, 'whole.bin')
    const objcopyArguments = ['-I', 'ihex', '-O', 'binary', '--gap-fill', '0xFF', path, reference]
    const ratios: number[] = []
    let peakKib = 0
    for (let round = 0; round < rounds; round++) {
      const theirs = wholeProcess(objcopy, objcopyArguments)
      const ours = wholeProcess(process.execPath, [cli, 'convert', path, output])
      ratios.push(theirs.wallMs / ours.wallMs)
      peakKib = Math.max(peakKib, ours.peakKib)
    }
    const image = readFileSync(output)
    if (!image.equals(readFileSync(reference))) throw new Error('the outputs differ')
    rows.push(ratioRow(`convert, whole process, ${String(sizeMib)} MiB, against objcopy`, goal, median(ratios)))
    const beyondMib = peakKib / 1024 - image.length / MIB
    rows.push(row('… peak memory beyond the image', '≤ 110 MiB', `${beyondMib.toFixed(0)} MiB`, beyondMib <= 110))
  }
  return rows
}

export function benchFormats(rounds: number): BenchRow[] {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  try {
    return [...benchInProcess(folder, rounds), ...benchWholeProcess(folder, rounds)]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
