/** What every format of THE LIST owes, checked for each one. A format is added with one line there and one sample. */
import { describe, expect, it } from 'vitest'
import { sourceFromBytes } from '../../src/core/formats/file-source.ts'
import type { FirmwareFormat, FirmwareSource } from '../../src/core/formats/firmware-format.ts'
import { findFormat, firmwareFormats, recogniseFormat } from '../../src/core/formats/index.ts'
import { MemoryImage } from '../../src/core/image/memory-image.ts'
import { FlashproofError } from '../../src/shared/errors.ts'
import { formatSamples, type FormatSample } from '../core/formats/format-samples.ts'
import { randomBytes, randomSegments, seededRandom } from '../core/formats/hex-samples.ts'

function sampleOf(format: FirmwareFormat): FormatSample {
  const make = formatSamples[format.id]
  if (make === undefined) throw new Error(`${format.id} has no sample in format-samples.ts`)
  return make()
}

function sourceOf({ fileName, bytes, beside }: FormatSample): FirmwareSource {
  return sourceFromBytes(fileName, bytes, beside)
}

describe('THE LIST of formats', () => {
  it('has unique ids', () => {
    const ids = firmwareFormats.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('ends with raw binary, which takes any bytes', () => {
    expect(firmwareFormats.at(-1)?.id).toBe('raw-binary')
  })

  it.each([
    ['bin', 'raw-binary'],
    ['hex', 'intel-hex'],
  ])('finds what `--to %s` means', (name, id) => {
    expect(findFormat(name)?.id).toBe(id)
    expect(findFormat(id.toUpperCase())?.id).toBe(id)
  })

  it('does not find what is not there', () => {
    expect(findFormat('')).toBeUndefined()
    expect(findFormat('__proto__')).toBeUndefined()
  })
})

describe.each(firmwareFormats.map(format => [format.id, format] as const))('%s', (id, format) => {
  const sample = sampleOf(format)

  it('describes itself', () => {
    expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
    expect(format.label.en).not.toBe('')
    expect(format.label.vi).not.toBe('')
    expect(format.extensions.length).toBeGreaterThan(0)
    for (const extension of format.extensions) expect(extension).toMatch(/^[a-z0-9]+$/)
  })

  it('is chosen for its own file, whatever the file is called', () => {
    expect(recogniseFormat(sourceOf(sample)).id).toBe(id)
    const isSure = format.recognise(sourceOf(sample)) === 'yes'
    if (isSure) expect(recogniseFormat(sourceOf({ ...sample, fileName: 'firmware' })).id).toBe(id)
  })

  it('is sure of no other format’s file', () => {
    for (const other of firmwareFormats.filter(candidate => candidate !== format)) {
      expect([other.id, format.recognise(sourceOf(sampleOf(other)))]).not.toEqual([other.id, 'yes'])
    }
  })

  it('reads its file: segments, start address, nothing to warn of', () => {
    const { image, startAddress, findings } = format.read(sourceOf(sample), {})
    const shown = image.segments.map(({ address, bytes }) => [address, Buffer.from(bytes).toString('hex')])
    expect(shown).toEqual(sample.segments.map(({ address, bytes }) => [address, Buffer.from(bytes).toString('hex')]))
    if (sample.startAddress !== null) expect(startAddress).toBe(sample.startAddress)
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  it('leaves the file’s bytes as they are and gives the same image twice', () => {
    const before = Buffer.from(sample.bytes)
    const once = format.read(sourceOf(sample), {})
    const again = format.read(sourceOf(sample), {})
    expect(again).toEqual(once)
    expect(sample.bytes.equals(before)).toBe(true)
  })

  it('reads a source that gives a few bytes at a time', () => {
    const whole = sourceOf(sample)
    const slow: FirmwareSource = { ...whole, read: (target, offset) => whole.read(target.subarray(0, 7), offset) }
    expect(format.read(slow, {})).toEqual(format.read(whole, {}))
  })

  it('stops when it was aborted', () => {
    const error = errorOf(() => format.read(sourceOf(sample), { signal: AbortSignal.abort() }))
    expect(error.code).toBe('call.aborted')
  })

  it('reports progress that never goes backwards or past the end', () => {
    const reports: number[] = []
    format.read(sourceOf(sample), {
      onProgress(doneBytes, totalBytes) {
        expect(totalBytes).toBe(sample.bytes.length)
        reports.push(doneBytes)
      },
    })
    expect(reports).toEqual([...reports].sort((left, right) => left - right))
    expect(reports.at(-1)).toBeGreaterThan(0)
    expect(reports.at(-1)).toBeLessThanOrEqual(sample.bytes.length)
  })

  it('answers for hostile and tiny files without failing in an unknown way', () => {
    const random = seededRandom(11)
    const files = [0, 1, 2, 3, 7, 8, 31, 512, 5000].map(length => randomBytes(random, length))
    for (let length = 1; length < sample.bytes.length; length += 97) files.push(sample.bytes.subarray(0, length))
    for (const bytes of files) {
      const source = sourceFromBytes('some.file', bytes)
      expect(['yes', 'maybe', 'no']).toContain(format.recognise(source))
      try {
        format.read(source, {})
      } catch (error) {
        expect(error).toBeInstanceOf(FlashproofError)
        if (error instanceof FlashproofError) expect(error.details).toHaveProperty('file', 'some.file')
      }
    }
  })

  if (format.write === undefined) return
  const write = format.write.bind(format)

  it('writes what it reads back: data, addresses, start address', () => {
    const random = seededRandom(13)
    const segments = randomSegments(random, {
      totalBytes: 200_000,
      baseAddress: 0x0800_fff3,
      longestSegment: 70_000,
      longestGap: 9000,
    })
    const image = MemoryImage.fromPieces(segments)
    const pieces: Buffer[] = []
    write(image, { startAddress: START_ADDRESS }, piece => pieces.push(Buffer.from(piece)))
    const source = sourceFromBytes(`out.${format.extensions[0] ?? ''}`, Buffer.concat(pieces))
    expect(recogniseFormat(source).id).toBe(id)
    const result = format.read(source, { baseAddress: image.lowestAddress ?? 0 })
    if (format.isAddressed) {
      expect(result.startAddress).toBe(START_ADDRESS)
      expect(result.image.segments.map(({ address }) => address)).toEqual(segments.map(({ address }) => address))
    }
    const flat = image.flatten()
    expect(result.image.flatten().baseAddress).toBe(flat.baseAddress)
    expect(Buffer.compare(result.image.flatten().bytes, flat.bytes)).toBe(0)
  })

  it('writes the highest and the lowest address', () => {
    for (const address of [0, 0xffff_fffd]) {
      const image = MemoryImage.fromPieces([{ address, bytes: Uint8Array.of(1, 2, 3) }])
      const pieces: Buffer[] = []
      write(image, {}, piece => pieces.push(Buffer.from(piece)))
      const result = format.read(sourceFromBytes('out', Buffer.concat(pieces)), { baseAddress: address })
      expect(result.image).toEqual(image)
    }
  })

  it('refuses to write an image without data', () => {
    const error = errorOf(() => {
      write(MemoryImage.empty, {}, () => {
        throw new Error('a piece of nothing')
      })
    })
    expect(error.code).toBe('format.no-data')
  })
})

const START_ADDRESS = 0x0801_0101

function errorOf(action: () => unknown): FlashproofError {
  try {
    action()
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
