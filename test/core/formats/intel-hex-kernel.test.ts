import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import { intelHex } from '../../../src/core/formats/intel-hex.ts'
import { FastRecords } from '../../../src/core/formats/intel-hex/fast-records.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { hexRecord, hexText, randomBytes, randomInteger, randomSegments, seededRandom } from './hex-samples.ts'
import { buildKernelBase64, kernelFile } from './intel-hex/build-kernel.ts'

const kernelPath = new URL('../../../src/core/formats/intel-hex/fast-records-kernel.ts', import.meta.url)

function decode(text: string, offset = 0): { taken: number; records: number; data: string } {
  const fast = new FastRecords()
  const bytes = Buffer.from(text, 'latin1')
  fast.text.fill(0x30)
  fast.text.set(bytes)
  const taken = fast.decode(0, bytes.length, offset)
  return { taken, records: fast.recordCount, data: Buffer.from(fast.data).toString('hex') }
}

describe('the kernel', () => {
  it('is what its committed source compiles to', async () => {
    expect(readFileSync(kernelPath, 'utf8')).toBe(kernelFile(await buildKernelBase64()))
  })

  it.each(Array.from({ length: 256 }, (_, length) => length))('decodes records of %i data bytes', length => {
    const random = seededRandom(length)
    const first = randomBytes(random, length)
    const second = randomBytes(random, length)
    const text = `${hexRecord(0, 0, first)}\r\n${hexRecord(0, length, second).toLowerCase()}\n`
    expect(decode(`${text} `)).toEqual({
      taken: text.length,
      records: 2,
      data: Buffer.concat([first, second]).toString('hex'),
    })
  })

  it.each([
    ['another type', hexRecord(1, 16)],
    ['another address', hexRecord(0, 17, [1])],
    ['an address that differs in its high byte', hexRecord(0, 0x0110, [1])],
    ['a wrong checksum', hexRecord(0, 16, [1]).replace(/.$/, digit => (digit === '0' ? '1' : '0'))],
    ['a blank after the record', `${hexRecord(0, 16, [1])} `],
    ['a bare CR', `${hexRecord(0, 16, [1])}\r${hexRecord(0, 17, [1])}`],
    ['no colon', hexRecord(0, 16, [1]).replace(':', ';')],
    ['a record that the text cuts off', hexRecord(0, 16, [1]).slice(0, -1)],
  ])('stops before %s', (_, record) => {
    const first = `${hexRecord(0, 0, new Uint8Array(16).fill(5))}\n`
    expect(decode(`${first}${record}\n`)).toEqual({ taken: first.length, records: 1, data: '05'.repeat(16) })
  })

  it('stops at the end of a 64 KiB page', () => {
    expect(decode(`${hexRecord(0, 0xfff0, new Uint8Array(17))}\n `, 0xfff0).records).toBe(0)
    const last = `${hexRecord(0, 0xfff0, new Uint8Array(16))}\n`
    expect(decode(`${last}${hexRecord(0, 0, [1])}\n `, 0xfff0).records).toBe(1)
  })

  it('finds every character that is no digit, at every place, after every digit', () => {
    const fast = new FastRecords()
    const good = Buffer.from(
      `${hexRecord(
        0,
        0,
        Uint8Array.from({ length: 20 }, () => 0xff),
      )}\n `,
      'latin1',
    )
    for (let place = 1; place < good.length - 2; place++) {
      for (let character = 0; character < 256; character++) {
        const isDigit = /[0-9A-Fa-f]/.test(String.fromCharCode(character))
        if (isDigit) continue
        fast.text.set(good)
        fast.text[place] = character
        fast.decode(0, good.length, 0)
        if (fast.recordCount !== 0) throw new Error(`character ${String(character)} at ${String(place)} was taken`)
      }
    }
  })

  it('leaves the four bytes before its output as they were', () => {
    const fast = new FastRecords()
    const text = Array.from({ length: 50 }, (_, index) => `${hexRecord(0, index * 3, [index, index, index])}\n`).join(
      '',
    )
    fast.text.set(Buffer.from(`${text} `, 'latin1'))
    expect(fast.decode(0, text.length + 1, 0)).toBe(text.length)
    expect([...fast.data]).toEqual(Array.from({ length: 150 }, (_, index) => Math.floor(index / 3)))
  })
})

describe('the vector way and the line way', () => {
  /** A CR alone is not for the kernel, so the same records with it are read line by line. */
  const lineWay = (text: Buffer): Buffer => Buffer.from(text.toString('latin1').replaceAll(/\r?\n/g, '\r'), 'latin1')

  function outcome(text: Buffer): unknown {
    try {
      const { image, startAddress, findings } = intelHex.read(sourceFromBytes('x.hex', text), {})
      return { segments: image.segments, startAddress, findings }
    } catch (error) {
      if (!(error instanceof FlashproofError)) throw error
      return { code: error.code, message: error.message, details: error.details }
    }
  }

  it.each([1, 7, 8, 15, 16, 17, 20, 24, 31, 32, 33, 64, 128, 255])(
    'give the same image of records of %i bytes across many buffers',
    recordBytes => {
      const random = seededRandom(recordBytes)
      const segments = randomSegments(random, {
        totalBytes: 400_000,
        baseAddress: 0x0800_0003,
        longestSegment: 90_000,
      })
      for (const lineEnd of ['\n', '\r\n']) {
        const text = hexText(segments, { recordBytes, lineEnd, startAddress: 0x0800_0101 })
        const { image, startAddress, findings } = intelHex.read(sourceFromBytes('x.hex', text), {})
        expect(startAddress).toBe(0x0800_0101)
        expect(findings).toEqual([])
        expect(image.segments.map(({ address }) => address)).toEqual(segments.map(({ address }) => address))
        for (const [index, segment] of segments.entries()) {
          expect(Buffer.compare(image.segments[index]?.bytes ?? new Uint8Array(), segment.bytes)).toBe(0)
        }
        expect(outcome(lineWay(text))).toEqual(outcome(text))
      }
    },
  )

  it('give the same error for 3,000 single-character faults', () => {
    const random = seededRandom(2026)
    const segments = randomSegments(random, {
      totalBytes: 600,
      baseAddress: 0xfff0,
      longestSegment: 300,
      longestGap: 99,
    })
    const text = hexText(segments, { recordBytes: 16, lineEnd: '\n' })
    let found = 0
    for (let round = 0; round < 3000; round++) {
      const damaged = Buffer.from(text)
      const place = randomInteger(random, 0, text.length - 2)
      damaged[place] = randomInteger(random, 0x20, 0x7e)
      const isChanged = damaged[place] !== text[place]
      const vectorOutcome = outcome(damaged)
      expect(vectorOutcome).toEqual(outcome(lineWay(damaged)))
      if (isChanged && vectorOutcome !== null && typeof vectorOutcome === 'object' && 'code' in vectorOutcome) found++
    }
    expect(found).toBeGreaterThan(2500)
  })
})

describe('two readers at once', () => {
  it('do not share a buffer when one reads inside the other’s progress callback', () => {
    const makeText = (seed: number): Buffer =>
      hexText(randomSegments(seededRandom(seed), { totalBytes: 1_500_000, baseAddress: seed << 20 }), { lineEnd: '\n' })
    const outer = makeText(1)
    const inner = makeText(2)
    const expected = intelHex.read(sourceFromBytes('outer', outer), {})
    let innerReads = 0
    const result = intelHex.read(sourceFromBytes('outer', outer), {
      onProgress: () => {
        intelHex.read(sourceFromBytes('inner', inner), {})
        innerReads++
      },
    })
    expect(innerReads).toBeGreaterThan(2)
    expect(result).toEqual(expected)
  })
})
