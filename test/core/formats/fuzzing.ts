/** Feeds damaged files to every reader of THE LIST. Seeded: a failure names its seed, and nothing is saved. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import type { FirmwareFormat } from '../../../src/core/formats/firmware-format.ts'
import { firmwareFormats, recogniseFormat } from '../../../src/core/formats/index.ts'
import type { MemoryImage } from '../../../src/core/image/memory-image.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { parseWithPackage } from '../../reference/intel-hex-package.ts'
import { requireTool, runTool } from '../../reference/tools.ts'
import { formatSamples, type FormatSample } from './format-samples.ts'
import { randomInteger, seededRandom } from './hex-samples.ts'

/** A read of a file of a few KiB that takes longer hangs, even on a busy machine. */
const LONGEST_READ_MS = 2000
const BATCH_FILES = 200
/** Parts of a binary format may share bytes of the file; a text never gives more than it holds. */
const MAX_DATA_RATIO = 4

export interface FuzzPlan {
  readonly firstSeed: number
  readonly inputs: number
  /** How many accepted texts are compared with objcopy and srec_cat. */
  readonly comparisons: number
}

export interface FuzzReport {
  accepted: number
  refused: number
  /** Accepted texts for which both programs gave the same image, and so did we. */
  agreed: number
  /** Accepted texts on which the two programs contradict each other or which one refuses. */
  undecided: number
  /** Accepted hex texts that the npm package `intel-hex` handles too, with the same image. */
  sameAsPackage: number
}

interface Accepted {
  readonly seed: number
  readonly formatId: string
  readonly bytes: Buffer
  readonly image: MemoryImage
}

/** Runs the plan; the first fault is thrown with its seed. */
export function fuzzFormats(plan: FuzzPlan): FuzzReport {
  const report: FuzzReport = { accepted: 0, refused: 0, agreed: 0, undecided: 0, sameAsPackage: 0 }
  const samples = firmwareFormats.map(format => ({ format, sample: sampleOf(format) }))
  const waiting: Accepted[] = []
  let comparisonsLeft = plan.comparisons
  for (let seed = plan.firstSeed; seed < plan.firstSeed + plan.inputs; seed++) {
    const chosen = samples[seed % samples.length]
    if (chosen === undefined) break
    const accepted = fuzzOnce(seed, chosen.format, chosen.sample)
    if (accepted === null) {
      report.refused++
      continue
    }
    report.accepted++
    if (accepted.formatId === 'intel-hex' && isSameAsPackage(accepted)) report.sameAsPackage++
    if (comparisonsLeft > 0 && accepted.formatId in textFormats) {
      comparisonsLeft--
      waiting.push(accepted)
    }
    if (waiting.length === BATCH_FILES) compareWithTools(waiting.splice(0), report)
  }
  compareWithTools(waiting, report)
  return report
}

function sampleOf(format: FirmwareFormat): FormatSample {
  const make = formatSamples[format.id]
  if (make === undefined) throw new Error(`${format.id} has no sample`)
  return make()
}

function fuzzOnce(seed: number, format: FirmwareFormat, sample: FormatSample): Accepted | null {
  const bytes = mutate(sample, seed)
  const startedAt = performance.now()
  try {
    const source = sourceFromBytes(sample.fileName, bytes, sample.beside)
    attempt(() => recogniseFormat(source))
    const image = attempt(() => format.read(source, { accept: ['missing-end'] }).image)
    const elapsedMs = performance.now() - startedAt
    if (elapsedMs > LONGEST_READ_MS) throw new Error(`it took ${elapsedMs.toFixed(0)} ms`)
    if (image === null) return null
    const besideBytes = [...(sample.beside?.values() ?? [])].reduce((sum, file) => sum + file.length, 0)
    if (image.dataBytes > MAX_DATA_RATIO * (bytes.length + besideBytes)) {
      throw new Error(`${String(bytes.length)} bytes of file became ${String(image.dataBytes)} bytes of data`)
    }
    return { seed, formatId: format.id, bytes, image }
  } catch (cause) {
    throw new Error(`fuzz seed ${String(seed)} (${format.id}): ${String(cause)}`, { cause })
  }
}

/** The action's result, or null for an expected refusal. */
function attempt<Result>(action: () => Result): Result | null {
  try {
    return action()
  } catch (error) {
    if (error instanceof FlashproofError) return null
    throw error
  }
}

function mutate(sample: FormatSample, seed: number): Buffer {
  const random = seededRandom(seed)
  let bytes = Buffer.from(sample.bytes)
  for (let count = randomInteger(random, 1, 4); count > 0; count--) {
    const mutation = mutations[randomInteger(random, 0, mutations.length - 1)]
    if (mutation !== undefined && bytes.length > 0) bytes = mutation(bytes, random)
  }
  if (random() < 0.5 && bytes.length >= 64) sample.repair?.(bytes)
  return bytes
}

type Mutation = (bytes: Buffer, random: () => number) => Buffer<ArrayBuffer>

const HEX_DIGITS = '0123456789ABCDEFabcdef'
const TELLING_BYTES = [0x00, 0x01, 0x0a, 0x0d, 0x20, 0x3a, 0x53, 0x7f, 0x80, 0xff]

const mutations: readonly Mutation[] = [
  // one bit
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    const place = placeIn(bytes, random)
    copy[place] = (copy[place] ?? 0) ^ (1 << randomInteger(random, 0, 7))
    return copy
  },
  // a digit: keeps a text a text
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    copy[placeIn(bytes, random)] = HEX_DIGITS.charCodeAt(randomInteger(random, 0, HEX_DIGITS.length - 1))
    return copy
  },
  // a byte that means something to some reader
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    copy[placeIn(bytes, random)] = TELLING_BYTES[randomInteger(random, 0, TELLING_BYTES.length - 1)] ?? 0
    return copy
  },
  // a 32-bit number of the extremes: lengths and offsets
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    if (copy.length >= 4) {
      const extremes = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, copy.length]
      copy.writeUInt32LE(extremes[randomInteger(random, 0, 5)] ?? 0, placeIn(bytes.subarray(0, -3), random))
    }
    return copy
  },
  // cut off
  (bytes, random) => Buffer.from(bytes.subarray(0, placeIn(bytes, random) + 1)),
  // a piece missing
  (bytes, random) => {
    const start = placeIn(bytes, random)
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + randomInteger(random, 1, 64))])
  },
  // a piece twice
  (bytes, random) => {
    const start = placeIn(bytes, random)
    const end = start + randomInteger(random, 1, 64)
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)])
  },
  // a line twice, at another place
  (bytes, random) =>
    withLines(bytes, lines => lines.splice(lineIn(lines, random), 0, lines[lineIn(lines, random)] ?? '')),
  // a line missing
  (bytes, random) => withLines(bytes, lines => lines.splice(lineIn(lines, random), 1)),
  // two lines exchanged
  (bytes, random) =>
    withLines(bytes, lines => {
      const [left, right] = [lineIn(lines, random), lineIn(lines, random)]
      const kept = lines[left] ?? ''
      lines[left] = lines[right] ?? ''
      lines[right] = kept
    }),
  // another line end
  (bytes, random) =>
    Buffer.from(
      bytes
        .toString('latin1')
        .replaceAll('\r\n', ['\n', '\r', '\r\n\r\n', ' \r\n'][randomInteger(random, 0, 3)] ?? '\n'),
      'latin1',
    ),
]

function placeIn(bytes: Uint8Array, random: () => number): number {
  return randomInteger(random, 0, Math.max(0, bytes.length - 1))
}

function lineIn(lines: readonly string[], random: () => number): number {
  return randomInteger(random, 0, lines.length - 1)
}

function withLines(bytes: Buffer, change: (lines: string[]) => unknown): Buffer<ArrayBuffer> {
  const lines = bytes.toString('latin1').split('\n')
  change(lines)
  return Buffer.from(lines.join('\n'), 'latin1')
}

/**
 * Compares with the npm package; false where it refuses the file or a flat image would be mostly filler.
 * @throws {Error} where it reads another image
 */
function isSameAsPackage({ seed, bytes, image }: Accepted): boolean {
  const flat = attempt(() => image.flatten())
  if (flat === null) return false
  let theirs: Buffer
  try {
    theirs = parseWithPackage(bytes, flat.baseAddress).data
  } catch {
    return false
  }
  const [same, rest] = [theirs.subarray(0, flat.bytes.length), theirs.subarray(flat.bytes.length)]
  // A data record of no bytes past the end makes the package add filler.
  if (Buffer.compare(same, flat.bytes) === 0 && rest.every(byte => byte === 0xff)) return true
  throw new Error(`fuzz seed ${String(seed)}: the package intel-hex reads another image`)
}

/** What objcopy and srec_cat call the text formats. */
const textFormats: Readonly<Record<string, { objcopy: string; srecCat: string }>> = {
  'intel-hex': { objcopy: 'ihex', srecCat: '-intel' },
  's-record': { objcopy: 'srec', srecCat: '-motorola' },
}

/** Runs both programs over all files in one shell: starting them one by one from here would take most of the time. */
function compareWithTools(files: readonly Accepted[], report: FuzzReport): void {
  const objcopy = requireTool('objcopy')
  const srecCat = requireTool('srec_cat')
  const shell = requireTool('sh')
  if (objcopy === null || srecCat === null || shell === null || files.length === 0) return
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-fuzz-'))
  try {
    const script = files.map(({ formatId, bytes, seed }) => {
      const names = textFormats[formatId] ?? { objcopy: '', srecCat: '' }
      const file = join(folder, String(seed))
      writeFileSync(file, bytes)
      return [
        `"${objcopy}" -I ${names.objcopy} -O srec --srec-forceS3 "${file}" "${file}.o" 2>/dev/null || rm -f "${file}.o"`,
        `"${srecCat}" "${file}" ${names.srecCat} -o "${file}.s" -motorola -address-length=4 2>/dev/null || rm -f "${file}.s"`,
      ].join('\n')
    })
    runTool(shell, ['-s'], Buffer.from(`${script.join('\n')}\n`))
    for (const { seed, formatId, image } of files) {
      const theirs = ['o', 's'].map(suffix => readBytes(join(folder, `${String(seed)}.${suffix}`)))
      const [first, second] = theirs.map(bytes => (bytes === null ? null : describeBytes(bytes)))
      if (first === null || first === undefined || first !== second) {
        report.undecided++
        continue
      }
      if (describeBytes(bytesOf(image)) !== first) {
        throw new Error(`fuzz seed ${String(seed)} (${formatId}): both programs read another image`)
      }
      report.agreed++
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Reads S3 records, without any judgement, into addresses and bytes; null where the program refused. */
function readBytes(path: string): ReadonlyMap<number, number> | null {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch {
    return null
  }
  const bytes = new Map<number, number>()
  for (const match of text.matchAll(/^S3([0-9A-F]+)/gm)) {
    const record = Buffer.from(match[1] ?? '', 'hex')
    const address = record.readUInt32BE(1)
    for (const [index, byte] of record.subarray(5, -1).entries()) bytes.set(address + index, byte)
  }
  return bytes
}

function bytesOf(image: MemoryImage): ReadonlyMap<number, number> {
  const bytes = new Map<number, number>()
  for (const segment of image.segments) {
    for (const [index, byte] of segment.bytes.entries()) bytes.set(segment.address + index, byte)
  }
  return bytes
}

function describeBytes(bytes: ReadonlyMap<number, number>): string {
  const sorted = [...bytes].sort(([left], [right]) => left - right)
  return sorted.map(([address, byte]) => `${address.toString(16)}=${byte.toString(16)}`).join(' ')
}
