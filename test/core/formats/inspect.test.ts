import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import { inspectFile, inspectSource, type InspectOptions } from '../../../src/core/formats/inspect.ts'
import { Inspection } from '../../../src/shared/contract/models.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { app, merge, mergedParts } from './esp-image/esp-files.ts'
import { formatSamples } from './format-samples.ts'
import { hexText } from './hex-samples.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function inspect(
  fileName: string,
  bytes: Uint8Array,
  options: InspectOptions = {},
  beside?: ReadonlyMap<string, Uint8Array>,
): Inspection {
  return inspectSource(sourceFromBytes(fileName, bytes, beside), options).inspection
}

function refusalOf(action: () => unknown): FlashproofError {
  try {
    action()
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const codesOf = ({ findings }: Inspection): readonly string[] => findings.map(({ code }) => code)

/** A vector table with its stack at the top of 20 KiB of SRAM, then code. */
function stm32Bytes(base: number, sizeBytes = 0x200): Buffer {
  const bytes = Buffer.alloc(sizeBytes, 0xbf)
  for (let index = 1; index < 16; index++) bytes.writeUInt32LE(base + 0x101, index * 4)
  bytes.writeUInt32LE(0x2000_5000, 0)
  return bytes
}

describe.each(Object.entries(formatSamples))('an inspection of %s', (id, makeSample) => {
  const sample = makeSample()

  it('has the contract’s form, names the format, and hashes source and image', () => {
    const inspection = inspect(sample.fileName, sample.bytes, {}, sample.beside)
    expect(Inspection.parse(inspection)).toEqual(inspection)
    expect(inspection.format).toBe(id)
    expect(inspection.sourceBytes).toBe(sample.bytes.length)
    expect(inspection.sourceSha256).toBe(sha256(sample.bytes))
    expect(inspection.segments).toEqual(
      sample.segments.map(({ address, bytes }) => ({ address, sizeBytes: bytes.length })),
    )
    const base = sample.segments[0]?.address ?? 0
    const last = sample.segments.at(-1)
    const flat = Buffer.alloc((last?.address ?? 0) + (last?.bytes.length ?? 0) - base, 0xff)
    for (const { address, bytes } of sample.segments) flat.set(bytes, address - base)
    expect([inspection.imageBytes, inspection.imageSha256]).toEqual([flat.length, sha256(flat)])
    expect(inspection.dataBytes + inspection.gapBytes).toBe(flat.length)
    const isAddressed = id !== 'esp-image' && id !== 'raw-binary'
    expect(inspection.baseAddress).toBe(isAddressed ? base : null)
  })

  it('reports progress from the start to the end, never backwards', () => {
    const reports: number[] = []
    const totals = new Set<number>()
    const onProgress = (doneBytes: number, totalBytes: number): void => {
      reports.push(doneBytes)
      totals.add(totalBytes)
    }
    inspect(sample.fileName, sample.bytes, { onProgress }, sample.beside)
    expect(totals.size).toBe(1)
    expect(reports).toEqual([...reports].sort((left, right) => left - right))
    expect(reports.at(-1)).toBe([...totals][0])
  })

  it('stops when it was aborted', () => {
    const signal = AbortSignal.abort()
    expect(refusalOf(() => inspect(sample.fileName, sample.bytes, { signal })).code).toBe('call.aborted')
  })
})

describe('an image for an STM32', () => {
  it('at the start of flash shows its vectors and nothing to mind', () => {
    const inspection = inspect('board.hex', hexText([{ address: 0x0800_0000, bytes: stm32Bytes(0x0800_0000) }]))
    expect(inspection.stm32).toEqual({ stackPointer: 0x2000_5000, resetVector: 0x0800_0101, isPlausible: true })
    expect(inspection.findings).toEqual([])
  })

  it('behind a bootloader says that its base must be stated', () => {
    const inspection = inspect('board.hex', hexText([{ address: 0x0800_2000, bytes: stm32Bytes(0x0800_2000) }]))
    expect(inspection.stm32?.isPlausible).toBe(true)
    expect(codesOf(inspection)).toEqual(['not-at-flash-start'])
  })

  it('linked for another place warns that it would not start', () => {
    const inspection = inspect('board.hex', hexText([{ address: 0x0800_0000, bytes: stm32Bytes(0x0800_8000) }]))
    expect(inspection.stm32?.isPlausible).toBe(false)
    expect(codesOf(inspection)).toEqual(['implausible-vectors'])
  })

  it('as a raw binary is known, its base is not', () => {
    const inspection = inspect('board.bin', stm32Bytes(0x0800_2000, 0x2000))
    expect(inspection).toMatchObject({ format: 'raw-binary', baseAddress: null, stm32: { isPlausible: true } })
    expect(codesOf(inspection)).toEqual(['base-not-known'])
    expect(inspection.findings[0]?.text).toContain('for a base from 0x08000200 to 0x08002000')
  })

  it('as a raw binary for the start of flash names it as the likely base', () => {
    const inspection = inspect('board.bin', stm32Bytes(0x0800_0000))
    expect(inspection.findings[0]?.text).toContain('most likely for 0x08000000')
  })
})

describe('an addressed file for an ESP chip', () => {
  it('is described like the .bin that it holds', () => {
    const whole = merge(mergedParts('ESP32', 0x1000))
    const asText = inspect('merged.hex', hexText([{ address: 0, bytes: whole }]))
    const asBinary = inspect('merged.bin', whole)
    expect(asText.esp).toEqual(asBinary.esp)
    expect(asText.esp).toMatchObject({ kind: 'merged', chip: 'ESP32' })
    expect(codesOf(asText)).toEqual(codesOf(asBinary))
    const alone = inspect('app.hex', hexText([{ address: 0x1_0000, bytes: app('ESP32-C3') }]))
    expect(alone).toMatchObject({ baseAddress: 0x1_0000, esp: { kind: 'app', chip: 'ESP32-C3' } })
  })
})

describe('a file whose parts are too far apart for one flat image', () => {
  it('has no image hash, and says why', () => {
    const segments = [0, 0x1fff_c000].map(offset => ({ address: 0x0800_0000 + offset, bytes: Buffer.alloc(64, 1) }))
    const inspection = inspect('board.hex', hexText(segments))
    expect(inspection).toMatchObject({ imageBytes: null, imageSha256: null, dataBytes: 128 })
    expect(codesOf(inspection)).toContain('gap-too-large')
  })
})

describe('a file whose name promises another format', () => {
  it('is read by its content, and that is said', () => {
    const hex = hexText([{ address: 0x0800_0000, bytes: stm32Bytes(0x0800_0000) }])
    expect(inspect('board.bin', hex).findings).toEqual([
      {
        severity: 'info',
        code: 'name-says-otherwise',
        text: 'the name ends in .bin like another format, the content is Intel HEX; the content counts',
      },
    ])
    expect(codesOf(inspect('board.hex', hex))).toEqual([])
    expect(codesOf(inspect('board.dat', hex))).toEqual([])
  })
})

describe('a file that is no firmware', () => {
  it('is refused with what it is and the next step', () => {
    const error = refusalOf(() => inspect('firmware.bin', Buffer.from('<!doctype html><html>login</html>')))
    expect(error.code).toBe('format.not-firmware')
    expect(error.details).toMatchObject({ file: 'firmware.bin', kind: 'web-page' })
    expect(error.message).toContain('download the file again')
  })

  it('is inspected as raw bytes when a person accepted it', () => {
    const bytes = Buffer.from('<!doctype html><html>login</html>')
    expect(inspect('firmware.bin', bytes, { accept: ['not-firmware'] }).format).toBe('raw-binary')
  })
})

describe('a file that may be cut off', () => {
  it('is refused, and inspected with a warning when a person accepted it', () => {
    const whole = hexText([{ address: 0, bytes: Buffer.alloc(64, 1) }])
    const cut = whole.subarray(0, whole.lastIndexOf(':'))
    expect(refusalOf(() => inspect('board.hex', cut)).code).toBe('format.missing-end')
    expect(codesOf(inspect('board.hex', cut, { accept: ['missing-end'] }))).toEqual(['missing-end'])
  })
})

describe('a path', () => {
  it('is inspected, and the file is closed again', () => {
    const folder = mkdtempSync(join(tmpdir(), 'inspect-'))
    try {
      const path = join(folder, 'board.hex')
      writeFileSync(path, hexText([{ address: 0x0800_0000, bytes: stm32Bytes(0x0800_0000) }]))
      expect(inspectFile(path)).toMatchObject({ fileName: 'board.hex', format: 'intel-hex' })
      writeFileSync(path, '')
      expect(refusalOf(() => inspectFile(path)).code).toBe('file.empty')
      expect(refusalOf(() => inspectFile(join(folder, 'none.bin'))).code).toBe('file.not-found')
      expect(refusalOf(() => inspectFile(folder)).code).toBe('file.is-directory')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

/** FLASHPROOF_SAMPLES names a folder with firmware that others built; its readme says what is in it. */
const samples = process.env['FLASHPROOF_SAMPLES']
const sampleOf = (name: string): string => join(samples ?? '', name)

describe.skipIf(samples === undefined || !existsSync(sampleOf('esp32-app.bin')))('firmware that others built', () => {
  it('an ESP32 application from before descriptors, with two bytes behind its hash', () => {
    const inspection = inspectFile(sampleOf('esp32-app.bin'))
    expect(inspection.esp).toMatchObject({
      kind: 'app',
      chip: 'ESP32',
      segmentCount: 6,
      checksumValid: true,
      sha256Valid: true,
      trailingBytes: 2,
      app: null,
    })
    expect(codesOf(inspection)).toEqual(['trailing-bytes', 'no-app-descriptor'])
  })

  it('an ESP32 bootloader', () => {
    const { esp } = inspectFile(sampleOf('esp32-bootloader.bin'))
    expect(esp).toMatchObject({ kind: 'bootloader', chip: 'ESP32', checksumValid: true, sha256Valid: true })
  })

  it('a partition table and otadata', () => {
    const table = inspectFile(sampleOf('esp32-partitions.bin'))
    expect(table.esp).toMatchObject({ kind: 'partition-table', checksumValid: true })
    expect(table.esp?.partitions?.map(({ label, sizeBytes }) => [label, sizeBytes])).toEqual([
      ['nvs', 0x5000],
      ['otadata', 0x2000],
      ['app0', 0x1e_0000],
      ['app1', 0x1e_0000],
      ['spiffs', 0x3_0000],
    ])
    expect(inspectFile(sampleOf('esp32-boot-app0.bin')).esp?.kind).toBe('otadata')
  })

  it('the same STM32 program as text and as binary', () => {
    for (const name of ['stm32f103-bootloader', 'stm32f103-sketch']) {
      const text = inspectFile(sampleOf(`${name}.hex`))
      const binary = inspectFile(sampleOf(`${name}.bin`))
      expect(text.imageSha256).toBe(sha256(readFileSync(sampleOf(`${name}.bin`))))
      expect(binary.imageSha256).toBe(text.imageSha256)
      expect(binary.stm32).toEqual(text.stm32)
      expect(text.stm32?.isPlausible).toBe(true)
    }
  })

  it('two STM32 programs in one file, as HEX and as S-record', () => {
    const hex = inspectFile(sampleOf('stm32f103-both.hex'))
    const records = inspectFile(sampleOf('stm32f103-both.s19'))
    expect(hex.segments).toEqual([
      { address: 0x0800_0000, sizeBytes: 7172 },
      { address: 0x0800_2000, sizeBytes: 14_076 },
    ])
    expect(records.segments).toEqual(hex.segments)
    expect(records.imageSha256).toBe(hex.imageSha256)
    expect(codesOf(records)).toContain('count-instead-of-end')
  })
})
