/**
 * Conversions of whole files against programs that others wrote. FLASHPROOF_SAMPLES names a folder with real firmware
 * (.hex and .s19); without it generated files take its place.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, extname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { convertFile } from '../../../src/core/formats/convert.ts'
import { parseWithPackage } from '../../reference/intel-hex-package.ts'
import { requireTool, runTool } from '../../reference/tools.ts'
import { formatSamples } from './format-samples.ts'
import { hexText, randomSegments, seededRandom } from './hex-samples.ts'

const workFolder = mkdtempSync(join(tmpdir(), 'flashproof-samples-'))
afterAll(() => {
  rmSync(workFolder, { recursive: true, force: true })
})

function sampleFiles(): readonly string[] {
  const folder = process.env['FLASHPROOF_SAMPLES']
  if (folder !== undefined) {
    const isText = (name: string): boolean => ['.hex', '.s19'].includes(extname(name).toLowerCase())
    return readdirSync(folder)
      .filter(isText)
      .map(name => join(folder, name))
  }
  console.info('FLASHPROOF_SAMPLES names no folder: conversions are compared on generated files')
  const generated = [16, 32, 20, 255].map(recordBytes => {
    const segments = randomSegments(seededRandom(recordBytes), {
      totalBytes: 300_000,
      baseAddress: 0x0800_2000,
      longestSegment: 120_000,
      longestGap: 9000,
    })
    return { name: `records-of-${String(recordBytes)}.hex`, bytes: hexText(segments, { recordBytes }) }
  })
  const sRecords = formatSamples['s-record']?.()
  if (sRecords !== undefined) generated.push({ name: sRecords.fileName, bytes: sRecords.bytes })
  return generated.map(({ name, bytes }) => {
    const path = join(workFolder, name)
    writeFileSync(path, bytes)
    return path
  })
}

/** Each program's flat image of a file: lowest address first, gaps 0xFF. Null where it is not installed. */
const programs: Readonly<Record<string, (path: string, extension: string) => Buffer | null>> = {
  objcopy(path, extension) {
    const tool = requireTool('objcopy')
    if (tool === null) return null
    const output = join(workFolder, 'objcopy.bin')
    const inputFormat = extension === '.hex' ? 'ihex' : 'srec'
    const run = runTool(tool, ['-I', inputFormat, '-O', 'binary', '--gap-fill', '0xFF', path, output])
    expect(run.exitCode, run.stderr).toBe(0)
    return readFileSync(output)
  },
  srec_cat(path, extension) {
    const tool = requireTool('srec_cat')
    if (tool === null) return null
    const output = join(workFolder, 'srec_cat.bin')
    const input = [path, extension === '.hex' ? '-intel' : '-motorola']
    const filled = ['(', ...input, '-fill', '0xFF', '-over', '(', ...input, ')', ')']
    const moved = ['-offset', '-', '-minimum-addr', '(', ...input, ')']
    const run = runTool(tool, [...filled, ...moved, '-o', output, '-binary'])
    expect(run.exitCode, run.stderr).toBe(0)
    return readFileSync(output)
  },
}

describe.each(sampleFiles().map(path => [basename(path), path] as const))('%s', (name, path) => {
  const extension = extname(path).toLowerCase()
  const output = join(workFolder, `${name}.bin`)

  it.each(Object.keys(programs))('becomes the same binary as with %s', program => {
    convertFile({ inputPath: path, outputPath: output })
    const expected = programs[program]?.(path, extension) ?? null
    if (expected === null) return
    expect(readFileSync(output).equals(expected)).toBe(true)
  })

  it.each(['hex', 'srec'])('becomes %s that objcopy reads as the same binary', to => {
    const text = join(workFolder, `${name}.${to}`)
    convertFile({ inputPath: path, outputPath: text })
    const expected = programs['objcopy']?.(text, to === 'hex' ? '.hex' : '.s19') ?? null
    if (expected === null) return
    convertFile({ inputPath: path, outputPath: output })
    expect(readFileSync(output).equals(expected)).toBe(true)
  })

  it.runIf(extension === '.hex')('is read as by the npm package intel-hex', () => {
    const { baseAddress } = convertFile({ inputPath: path, outputPath: output })
    const { data } = parseWithPackage(readFileSync(path), baseAddress)
    expect(readFileSync(output).equals(data)).toBe(true)
  })
})
