import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { convertFile, type ConvertOptions } from '../../../src/core/formats/convert.ts'
import { MAX_SOURCE_BYTES } from '../../../src/core/formats/file-source.ts'
import type { OutputOperations } from '../../../src/core/formats/output-file.ts'
import { ConversionResult } from '../../../src/shared/contract/models.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { hexRecord, hexText, randomBytes, randomSegments, seededRandom } from './hex-samples.ts'

const isWindows = process.platform === 'win32'
const canMakePipes = !isWindows && spawnSync('mkfifo', ['--version']).error === undefined
const isRoot = process.getuid?.() === 0
const segments = [
  { address: 0x0800_2000, bytes: randomBytes(seededRandom(1), 300) },
  { address: 0x0800_2200, bytes: randomBytes(seededRandom(2), 77) },
]
const goodHex = hexText(segments, { startAddress: 0x0800_2101 })
const GAP_BYTES = 0x200 - 300
const goodBinary = Buffer.concat(
  [segments[0]?.bytes ?? [], Buffer.alloc(GAP_BYTES, 0xff), segments[1]?.bytes ?? []].map(Buffer.from),
)

let folder = ''
const at = (name: string): string => join(folder, name)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-convert-'))
  writeFileSync(at('in.hex'), goodHex)
  writeFileSync(at('old.bin'), 'the old output')
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function refusalOf(options: ConvertOptions): FlashproofError {
  try {
    convertFile(options)
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('the conversion went well')
}

/** Asserts a refusal that leaves the old output and the folder exactly as they were. */
function expectUntouched(options: Omit<ConvertOptions, 'outputPath'>, code: string): FlashproofError {
  const before = readdirSync(folder)
  const error = refusalOf({ ...options, outputPath: at('old.bin') })
  expect(error.code).toBe(code)
  expect(readFileSync(at('old.bin'), 'utf8')).toBe('the old output')
  expect(readdirSync(folder)).toEqual(before)
  return error
}

describe('a conversion', () => {
  it('to bin begins at the lowest address, fills gaps with 0xFF and says what it did', () => {
    const result = convertFile({ inputPath: at('in.hex'), outputPath: at('out.bin') })
    expect(readFileSync(at('out.bin')).equals(goodBinary)).toBe(true)
    expect(ConversionResult.parse(result)).toEqual(result)
    expect(result).toEqual({
      inputPath: at('in.hex'),
      outputPath: at('out.bin'),
      fromFormat: 'intel-hex',
      toFormat: 'raw-binary',
      baseAddress: 0x0800_2000,
      dataBytes: 377,
      outputBytes: goodBinary.length,
      filledBytes: GAP_BYTES,
      fillByte: 0xff,
      outputSha256: createHash('sha256').update(goodBinary).digest('hex'),
      warnings: [],
    })
  })

  it('to bin takes another base and another filler', () => {
    const result = convertFile({
      inputPath: at('in.hex'),
      outputPath: at('out.bin'),
      base: 0x0800_1ff0,
      fillByte: 0,
    })
    const out = readFileSync(at('out.bin'))
    expect(result).toMatchObject({ baseAddress: 0x0800_1ff0, filledBytes: 16 + GAP_BYTES, fillByte: 0 })
    expect(out.subarray(0, 16)).toEqual(Buffer.alloc(16))
    expect(out.subarray(16, 316)).toEqual(goodBinary.subarray(0, 300))
    expect(out.subarray(316, 16 + 0x200)).toEqual(Buffer.alloc(GAP_BYTES))
  })

  it('between hex and bin and back keeps every byte and the base', () => {
    convertFile({ inputPath: at('in.hex'), outputPath: at('out.bin') })
    const back = convertFile({ inputPath: at('out.bin'), outputPath: at('back.hex'), base: 0x0800_2000 })
    expect(back).toMatchObject({
      fromFormat: 'raw-binary',
      toFormat: 'intel-hex',
      baseAddress: 0x0800_2000,
      warnings: [],
    })
    convertFile({ inputPath: at('back.hex'), outputPath: at('again.bin') })
    expect(readFileSync(at('again.bin')).equals(goodBinary)).toBe(true)
  })

  it('from bin without a base begins at 0 and says so', () => {
    writeFileSync(at('in.bin'), Buffer.of(1, 2, 3))
    const result = convertFile({ inputPath: at('in.bin'), outputPath: at('out.hex') })
    expect(result.baseAddress).toBe(0)
    expect(result.warnings).toEqual([expect.stringContaining('0x00000000')])
    expect(readFileSync(at('out.hex'), 'utf8')).toBe(`${hexRecord(0, 0, [1, 2, 3])}\n${hexRecord(1, 0)}\n`)
  })

  it('to hex keeps gaps and start address', () => {
    convertFile({ inputPath: at('in.hex'), outputPath: at('out.hex') })
    const result = convertFile({ inputPath: at('out.hex'), outputPath: at('out.bin') })
    expect(result.filledBytes).toBe(GAP_BYTES)
    expect(readFileSync(at('out.hex'), 'latin1')).toContain(hexRecord(5, 0, [8, 0, 0x21, 1]))
  })

  it.each(['BIN', 'raw-binary'])('chooses the output format by name: %s', to => {
    expect(convertFile({ inputPath: at('in.hex'), outputPath: at('out.dat'), to }).toFormat).toBe('raw-binary')
  })

  it('goes by the content of the input, not by its name', () => {
    writeFileSync(at('in.bin'), goodHex)
    expect(convertFile({ inputPath: at('in.bin'), outputPath: at('out.bin') }).fromFormat).toBe('intel-hex')
  })

  it('hands on what the reader warned of', () => {
    writeFileSync(at('in.hex'), hexText(segments, { lineEnd: ' \n' }))
    const { warnings } = convertFile({ inputPath: at('in.hex'), outputPath: at('out.bin') })
    expect(warnings).toEqual([expect.stringContaining('blanks after the record')])
  })

  it('replaces an old output, keeps its mode and leaves nothing beside it', () => {
    chmodSync(at('old.bin'), 0o600)
    convertFile({ inputPath: at('in.hex'), outputPath: at('old.bin') })
    expect(readFileSync(at('old.bin')).equals(goodBinary)).toBe(true)
    if (!isWindows) expect(statSync(at('old.bin')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).sort()).toEqual(['in.hex', 'old.bin'])
  })

  it.skipIf(isWindows)('writes through a symbolic link and keeps the link', () => {
    symlinkSync(at('old.bin'), at('link.bin'))
    convertFile({ inputPath: at('in.hex'), outputPath: at('link.bin') })
    expect(lstatSync(at('link.bin')).isSymbolicLink()).toBe(true)
    expect(readFileSync(at('old.bin')).equals(goodBinary)).toBe(true)
  })

  it('reports all bytes only when the output is in place', () => {
    writeFileSync(
      at('in.hex'),
      hexText(randomSegments(seededRandom(3), { totalBytes: 1_500_000, baseAddress: 0 }), { lineEnd: '\n' }),
    )
    const reports: { doneBytes: number; totalBytes: number; isThere: boolean }[] = []
    convertFile({
      inputPath: at('in.hex'),
      outputPath: at('out.bin'),
      onProgress: (doneBytes, totalBytes) =>
        reports.push({ doneBytes, totalBytes, isThere: existsSync(at('out.bin')) }),
    })
    const { size } = statSync(at('in.hex'))
    expect(reports.length).toBeGreaterThan(3)
    expect(reports.length).toBeLessThanOrEqual(Math.ceil(size / (1024 * 1024)) + 1)
    expect(reports.at(-1)).toEqual({ doneBytes: size, totalBytes: size, isThere: true })
    for (const report of reports.slice(0, -1)) expect(report).toMatchObject({ totalBytes: size, isThere: false })
  })
})

describe('a refusal changes nothing', () => {
  it.each([
    ['a missing input', 'none.hex', 'file.not-found'],
    ['a folder', '.', 'file.is-directory'],
    ['a path through a file', 'in.hex/x', 'file.not-found'],
  ])('%s', (_, name, code) => {
    const error = expectUntouched({ inputPath: at(name) }, code)
    expect(error.details).toHaveProperty('file', at(name))
  })

  it.each([
    ['an empty file', '', 'file.empty'],
    ['a web page called .hex', '<!DOCTYPE html>\n<html><body>404</body></html>', 'format.not-firmware'],
    ['a comment before records', `; made by hand\n${goodHex.toString('latin1')}`, 'format.malformed-record'],
    [
      'a file cut off between records',
      goodHex.toString('latin1').split('\r\n').slice(0, 9).join('\r\n'),
      'format.missing-end',
    ],
    ['a wrong checksum', goodHex.toString('latin1').replace(/.\r\n/, 'x\r\n'), 'format.malformed-record'],
    ['bytes that are no text, called .hex', '\u0000\u0001\u0002\u0003', 'format.unknown'],
  ])('%s', (_, text, code) => {
    writeFileSync(at('bad.hex'), text, 'latin1')
    expectUntouched({ inputPath: at('bad.hex') }, code)
  })

  it('a web page says that it is one', () => {
    writeFileSync(at('page.hex'), '\n<html><head><title>Login</title>')
    expect(expectUntouched({ inputPath: at('page.hex') }, 'format.not-firmware').message).toContain('web page')
  })

  it('input and output are one file: by path, by link, by hard link', () => {
    symlinkSync(at('in.hex'), at('soft.bin'))
    linkSync(at('in.hex'), at('hard.bin'))
    for (const name of ['in.hex', 'soft.bin', 'hard.bin', './x/../in.hex']) {
      const error = refusalOf({ inputPath: at('in.hex'), outputPath: `${folder}/${name}`, to: 'bin' })
      expect(error.code).toBe('usage.invalid-value')
      expect(readFileSync(at('in.hex')).equals(goodHex)).toBe(true)
    }
  })

  it('a file of 3 GiB is refused by its size alone', () => {
    const descriptor = openSync(at('huge.hex'), 'w')
    ftruncateSync(descriptor, 3 * 1024 * 1024 * 1024)
    closeSync(descriptor)
    const startedAt = performance.now()
    const error = expectUntouched({ inputPath: at('huge.hex') }, 'file.too-large')
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(error.details).toMatchObject({ sizeBytes: 3 * 1024 * 1024 * 1024, maximumBytes: MAX_SOURCE_BYTES })
  })

  it.skipIf(!canMakePipes)('a pipe is refused without waiting for a writer', () => {
    expect(spawnSync('mkfifo', [at('pipe.hex')]).status).toBe(0)
    expectUntouched({ inputPath: at('pipe.hex') }, 'file.not-readable')
  })

  it.skipIf(isWindows || isRoot)('a file that this user may not read', () => {
    chmodSync(at('in.hex'), 0)
    expectUntouched({ inputPath: at('in.hex') }, 'file.not-readable')
  })

  it('an output format that does not exist or cannot be written', () => {
    expectUntouched({ inputPath: at('in.hex'), to: 'docx' }, 'usage.invalid-value')
    const error = refusalOf({ inputPath: at('in.hex'), outputPath: at('out') })
    expect(error.message).toContain('bin')
    expect(readdirSync(folder)).not.toContain('out')
  })

  it('a base above the data, a base that would have to move addresses, numbers out of range', () => {
    const inputPath = at('in.hex')
    expectUntouched({ inputPath, base: 0x0800_2001 }, 'image.address-range')
    expectUntouched({ inputPath, base: 0, to: 'hex' }, 'usage.invalid-value')
    const gap = expectUntouched({ inputPath, base: 0 }, 'image.gap-too-large')
    expect(gap.details).toMatchObject({ file: inputPath, dataBytes: 377 })
    for (const fillByte of [-1, 256, 1.5]) expectUntouched({ inputPath, fillByte }, 'usage.invalid-value')
    for (const base of [-1, 0x1_0000_0000]) expectUntouched({ inputPath, base }, 'usage.invalid-value')
  })

  it('a missing end is an error until it is accepted by name', () => {
    writeFileSync(at('cut.hex'), goodHex.toString('latin1').replace(':00000001FF\r\n', ''))
    expectUntouched({ inputPath: at('cut.hex'), accept: ['not-firmware'] }, 'format.missing-end')
    expectUntouched({ inputPath: at('cut.hex'), accept: ['something-else'] }, 'usage.invalid-value')
    const result = convertFile({ inputPath: at('cut.hex'), outputPath: at('out.bin'), accept: ['missing-end'] })
    expect(result.warnings).toEqual([expect.stringContaining('end record is missing')])
  })

  it('an output folder that does not exist, an output that is a folder', () => {
    mkdirSync(at('folder'))
    const missing = refusalOf({ inputPath: at('in.hex'), outputPath: at('nowhere/out.bin') })
    expect(missing.code).toBe('file.not-found')
    expect(missing.details).toMatchObject({ folder: at('nowhere') })
    expect(refusalOf({ inputPath: at('in.hex'), outputPath: at('folder'), to: 'bin' }).code).toBe('file.is-directory')
    expect(readdirSync(at('folder'))).toEqual([])
  })

  it('a stop in the middle', () => {
    writeFileSync(at('in.hex'), hexText([{ address: 0, bytes: new Uint8Array(900_000) }]))
    const controller = new AbortController()
    const onProgress = (): void => {
      controller.abort()
    }
    expectUntouched({ inputPath: at('in.hex'), signal: controller.signal, onProgress }, 'call.aborted')
  })
})

describe('a disk that fails', () => {
  const failure = (code: string): Error => Object.assign(new Error(code), { code })
  const working: OutputOperations = {
    write: (descriptor, bytes, start, length) => writeSync(descriptor, bytes, start, length),
    flush: fsyncSync,
    rename: renameSync,
  }
  const throwing = (code: string) => (): never => {
    throw failure(code)
  }

  it.each([
    ['full while writing', { write: throwing('ENOSPC') }, 'file.disk-full'],
    ['over quota while writing', { write: throwing('EDQUOT') }, 'file.disk-full'],
    ['full while flushing', { flush: throwing('ENOSPC') }, 'file.disk-full'],
    ['broken while flushing', { flush: throwing('EIO') }, 'file.not-writable'],
    ['refusing the rename', { rename: throwing('EPERM') }, 'file.not-writable'],
  ])('%s: the old output stays', (_, broken, code) => {
    const error = expectUntouched({ inputPath: at('in.hex'), outputOperations: { ...working, ...broken } }, code)
    expect(error.details).toHaveProperty('systemCode')
  })

  it('full after the first part: what was written is removed', () => {
    let room = 100
    const write: OutputOperations['write'] = (descriptor, bytes, start, length) => {
      if (room === 0) throw failure('ENOSPC')
      const count = Math.min(room, length)
      room -= count
      return writeSync(descriptor, bytes, start, count)
    }
    expectUntouched({ inputPath: at('in.hex'), outputOperations: { ...working, write } }, 'file.disk-full')
  })

  it('that takes a few bytes at a time gets the whole file', () => {
    const write: OutputOperations['write'] = (descriptor, bytes, start, length) =>
      writeSync(descriptor, bytes, start, Math.min(7, length))
    convertFile({ inputPath: at('in.hex'), outputPath: at('out.bin'), outputOperations: { ...working, write } })
    expect(readFileSync(at('out.bin')).equals(goodBinary)).toBe(true)
  })
})
