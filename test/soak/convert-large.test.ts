/** Conversions of large files in a process of their own: right to the last byte, in memory that the text does not decide. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { MemoryImage, type Segment } from '../../src/core/image/memory-image.ts'
import { requireTool, runTool } from '../reference/tools.ts'
import { hexText, randomBytes, seededRandom } from '../core/formats/hex-samples.ts'

const MIB = 1024 * 1024
/** What a conversion may use beside the image, the runtime included. */
const MAX_EXTRA_MIB = 110

const folder = mkdtempSync(join(tmpdir(), 'flashproof-large-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

interface LargeFile {
  readonly path: string
  readonly flatSha256: string
  readonly imageBytes: number
}

/** Writes a hex file a segment at a time, because the whole text would not fit into one string. */
function makeLargeFile(name: string, imageMib: number, recordBytes: number): LargeFile {
  const random = seededRandom(imageMib + recordBytes)
  const pattern = randomBytes(random, MIB)
  const segments: Segment[] = []
  for (let index = 0; index < imageMib; index++) {
    pattern[0] = index
    segments.push({ address: 0x0800_0000 + index * (MIB + 256), bytes: Uint8Array.from(pattern) })
  }
  const path = join(folder, name)
  const descriptor = openSync(path, 'w')
  for (const [index, segment] of segments.entries()) {
    const text = hexText([segment], { recordBytes, lineEnd: '\n' })
    const isLast = index === segments.length - 1
    // Only the last segment's end record belongs into the file.
    writeSync(descriptor, isLast ? text : text.subarray(0, text.lastIndexOf(':')))
  }
  closeSync(descriptor)
  const flat = MemoryImage.fromPieces(segments).flatten()
  return { path, flatSha256: createHash('sha256').update(flat.bytes).digest('hex'), imageBytes: flat.bytes.length }
}

/** Peak memory by /proc where there is one: `maxRSS` of a child begins with what its parent had before the exec. */
const script = `
  import { readFileSync } from 'node:fs'
  import { convertFile } from ${JSON.stringify(new URL('../../src/core/formats/convert.ts', import.meta.url).href)}
  const [inputPath, outputPath] = process.argv.slice(1)
  const { outputSha256 } = await convertFile({ inputPath, outputPath })
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  const peakKib = /VmHWM:\\s+(\\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS
  console.log(JSON.stringify({ outputSha256, peakMib: Number(peakKib) / 1024 }))
`

function convertInChild(inputPath: string, outputPath: string): { outputSha256: string; peakMib: number } {
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, inputPath, outputPath], {
    encoding: 'utf8',
  })
  expect(run.stderr).toBe('')
  // The script above prints exactly this.
  return JSON.parse(run.stdout) as { outputSha256: string; peakMib: number }
}

describe.each([
  ['64 MiB in 16-byte records', 64, 16],
  ['64 MiB in 32-byte records', 64, 32],
  ['4 MiB in 1-byte records: 14 characters a byte', 4, 1],
  ['160 MiB in 255-byte records', 160, 255],
])('%s', (name, imageMib, recordBytes) => {
  it('becomes the right binary in bounded memory', { timeout: 10 * 60_000 }, () => {
    const file = makeLargeFile(`${String(imageMib)}-${String(recordBytes)}.hex`, imageMib, recordBytes)
    const output = join(folder, 'out.bin')
    const { outputSha256, peakMib } = convertInChild(file.path, output)
    expect(outputSha256).toBe(file.flatSha256)
    expect(statSync(output).size).toBe(file.imageBytes)
    const extraMib = peakMib - file.imageBytes / MIB
    console.info(`${name}: peak ${peakMib.toFixed(0)} MiB, ${extraMib.toFixed(0)} MiB beside the image`)
    expect(extraMib).toBeLessThan(MAX_EXTRA_MIB)

    const objcopy = requireTool('objcopy')
    if (objcopy !== null && imageMib <= 64) {
      const theirs = join(folder, 'objcopy.bin')
      expect(runTool(objcopy, ['-I', 'ihex', '-O', 'binary', '--gap-fill', '0xFF', file.path, theirs]).exitCode).toBe(0)
      expect(createHash('sha256').update(readFileSync(theirs)).digest('hex')).toBe(outputSha256)
    }
    rmSync(file.path)
  })
})
