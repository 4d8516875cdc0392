import { describe, expect, it } from 'vitest'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import type { ReadOptions, ReadResult } from '../../../src/core/formats/firmware-format.ts'
import { intelHex } from '../../../src/core/formats/intel-hex.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { hexRecord } from './hex-samples.ts'

const END = hexRecord(1, 0)
const DATA = hexRecord(0, 0x0100, [1, 2, 3, 4])
const lines = (...records: readonly string[]): string => records.map(record => `${record}\n`).join('')
const linear = (page: number): string => hexRecord(4, 0, [page >> 8, page & 0xff])
const segment = (paragraph: number): string => hexRecord(2, 0, [paragraph >> 8, paragraph & 0xff])

function read(text: string | Uint8Array, options: ReadOptions = {}): ReadResult {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  return intelHex.read(sourceFromBytes('board.hex', bytes), options)
}

/** Segments as `address: bytes in hex`, so that an expectation is easy to read. */
function segmentsOf(result: ReadResult): Record<string, string> {
  return Object.fromEntries(
    result.image.segments.map(({ address, bytes }) => [address.toString(16), Buffer.from(bytes).toString('hex')]),
  )
}

function warningsOf(result: ReadResult): readonly string[] {
  return result.findings.map(({ severity, code }) => `${severity} ${code}`)
}

function refusalOf(text: string | Uint8Array, options: ReadOptions = {}): FlashproofError {
  try {
    read(text, options)
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('the text was accepted')
}

const plain = { '100': '01020304' }

describe('what every reader agrees on', () => {
  it('reads a record with its data at its address', () => {
    const result = read(lines(DATA, END))
    expect(segmentsOf(result)).toEqual(plain)
    expect(result.findings).toEqual([])
    expect(result.startAddress).toBeNull()
  })

  it('refuses a bad checksum and names line, address, found and right checksum', () => {
    const error = refusalOf(lines(linear(0x0800), DATA.slice(0, -2) + '00', END))
    expect(error.code).toBe('format.bad-checksum')
    expect(error.details).toMatchObject({
      file: 'board.hex',
      line: 2,
      address: 0x0800_0100,
      foundChecksum: 0x00,
      expectedChecksum: Number.parseInt(DATA.slice(-2), 16),
    })
    expect(error.message).toContain('board.hex, line 2')
  })

  it('refuses the record that the STM32 notes print with a wrong checksum, and tells the right one', () => {
    const error = refusalOf(lines(DATA, ':10010000214601360121470136007EFE09D21940F7', END))
    expect(error.code).toBe('format.bad-checksum')
    expect(error.details).toMatchObject({ line: 2, expectedChecksum: 0x01, foundChecksum: 0xf7 })
    expect(error.message).toContain('0x01')
  })

  it.each([
    ['an odd number of digits', DATA.slice(0, -1), /only 17 are there/],
    ['a record that is too short', ':0001', /announces 0 data bytes, so 10 digits, but only 4/],
    ['a colon alone', ':', /no digits/],
    ['one digit', ':0', /no digits/],
    ['extra digits after the record', `${DATA}00`, /announces 4 data bytes, so 18 digits, but 20/],
    ['two records on one line', DATA + END, /second record begins on the same line/],
    ['a comment line', '; made by a linker', /begins with “:”/],
    ['a letter that is no digit', DATA.replace('01020304', '0102G304'), /“G” \(character 14 of the record\)/],
    ['a control character', DATA.replace('01020304', '0102\u00073041'), /hexadecimal digit/],
    ['a blank inside the record', DATA.replace('01020304', '0102 3041'), /hexadecimal digit/],
    ['04 with one data byte', hexRecord(4, 0, [8]), /2 data bytes, this one has 1/],
    ['02 with three data bytes', hexRecord(2, 0, [8, 0, 0]), /2 data bytes, this one has 3/],
    ['03 with two data bytes', hexRecord(3, 0, [8, 0]), /4 data bytes, this one has 2/],
    ['05 with five data bytes', hexRecord(5, 0, [8, 0, 0, 0, 0]), /4 data bytes, this one has 5/],
    ['an end record with data', hexRecord(1, 0, [0]), /0 data bytes, this one has 1/],
  ])('refuses %s and names the line', (_, record, message) => {
    const error = refusalOf(lines(linear(0x0800), DATA, record, END))
    expect(error.code).toBe('format.malformed-record')
    expect(error.details).toMatchObject({ file: 'board.hex', line: 3 })
    expect(error.message).toMatch(message)
  })

  it.each([
    ['lower case', lines(DATA, hexRecord(0, 0x0104, [0xab, 0xcd]).toLowerCase(), END)],
    ['LF', lines(DATA, hexRecord(0, 0x0104, [0xab, 0xcd]), END)],
    ['CR LF', lines(DATA, hexRecord(0, 0x0104, [0xab, 0xcd]), END).replaceAll('\n', '\r\n')],
    ['bare CR', lines(DATA, hexRecord(0, 0x0104, [0xab, 0xcd]), END).replaceAll('\n', '\r')],
    ['no line end after the last record', lines(DATA, hexRecord(0, 0x0104, [0xab, 0xcd]), END).trimEnd()],
    ['leading blank lines', `\n\r\n\n${lines(DATA, hexRecord(0, 0x0104, [0xab, 0xcd]), END)}`],
    ['a blank line in the middle', lines(DATA, '', hexRecord(0, 0x0104, [0xab, 0xcd]), END)],
    ['a line of blanks in the middle', lines(DATA, ' \t ', hexRecord(0, 0x0104, [0xab, 0xcd]), END)],
    ['blank lines at the end', `${lines(DATA, hexRecord(0, 0x0104, [0xab, 0xcd]), END)}\n\r\n  \n`],
    ['a zero-length data record', lines(DATA, hexRecord(0, 0x7777), hexRecord(0, 0x0104, [0xab, 0xcd]), END)],
    ['an end record with an address', lines(DATA, hexRecord(0, 0x0104, [0xab, 0xcd]), hexRecord(1, 0x0100))],
    ['descending addresses', lines(hexRecord(0, 0x0104, [0xab, 0xcd]), DATA, END)],
  ])('accepts %s without a word', (_, text) => {
    const result = read(text)
    expect(segmentsOf(result)).toEqual({ '100': '01020304abcd' })
    expect(result.findings).toEqual([])
  })

  it.each([6, 7, 0x10, 0xff])('refuses record type %i', type => {
    const error = refusalOf(lines(DATA, hexRecord(type, 0, [1, 2]), END))
    expect(error.code).toBe('format.unsupported-record')
    expect(error.details).toMatchObject({ line: 2, recordType: type })
  })
})

describe('what readers disagree on', () => {
  it('accepts trailing blanks with one warning that counts them', () => {
    const result = read(lines(`${DATA}  `, hexRecord(0, 0x0104, [5]), `${END}\t`))
    expect(segmentsOf(result)).toEqual({ '100': '0102030405' })
    expect(result.findings).toEqual([
      { severity: 'warning', code: 'trailing-blanks', text: 'line 1: blanks after the record (2 times)' },
    ])
  })

  it('accepts leading blanks with a warning', () => {
    const result = read(lines(`  ${DATA}`, END))
    expect(segmentsOf(result)).toEqual(plain)
    expect(warningsOf(result)).toEqual(['warning leading-blanks'])
  })

  it('strips a UTF-8 byte order mark with a warning and keeps the first record', () => {
    const result = read(`\u00ef\u00bb\u00bf${lines(linear(0x0800), DATA, END)}`)
    expect(segmentsOf(result)).toEqual({ '8000100': '01020304' })
    expect(warningsOf(result)).toEqual(['warning byte-order-mark'])
  })

  it('refuses a byte order mark in the middle', () => {
    expect(refusalOf(lines(DATA, `\u00ef\u00bb\u00bf${END}`)).code).toBe('format.malformed-record')
  })

  it('refuses a file without an end record unless that is accepted', () => {
    const error = refusalOf(lines(DATA))
    expect(error.code).toBe('format.missing-end')
    expect(error.details).toMatchObject({ file: 'board.hex', line: 1, accept: 'missing-end' })
    const result = read(lines(DATA), { accept: ['missing-end'] })
    expect(segmentsOf(result)).toEqual(plain)
    expect(warningsOf(result)).toEqual(['warning missing-end'])
  })

  it('never accepts a cut record because a missing end was accepted', () => {
    const error = refusalOf(DATA.slice(0, 12), { accept: ['missing-end'] })
    expect(error.code).toBe('format.malformed-record')
    expect(error.message).toContain('cut off')
  })

  it.each([
    ['data', DATA],
    ['an address record', linear(1)],
    ['text', 'the end'],
    ['a damaged end record', ':00000001FE'],
    ['a control character', '\u001a'],
  ])('refuses %s after the end record', (_, text) => {
    const error = refusalOf(lines(DATA, END, text))
    expect(error.code).toBe('format.data-after-end')
    expect(error.details).toMatchObject({ line: 3, endLine: 2 })
  })

  it('accepts a second end record with a warning', () => {
    const result = read(lines(DATA, END, END))
    expect(segmentsOf(result)).toEqual(plain)
    expect(warningsOf(result)).toEqual(['warning second-end'])
  })

  it('accepts an overlap of the same bytes with one warning that counts them', () => {
    const result = read(lines(DATA, hexRecord(0, 0x0102, [3, 4, 5]), DATA, END))
    expect(segmentsOf(result)).toEqual({ '100': '0102030405' })
    expect(result.findings).toEqual([
      {
        severity: 'warning',
        code: 'repeated-bytes',
        text: 'line 3: bytes that the file had already given, the same both times (6 times)',
      },
    ])
  })

  it('refuses an overlap of different bytes and names both lines and the address', () => {
    const error = refusalOf(lines(linear(0x0800), DATA, hexRecord(0, 0x0200, [9]), hexRecord(0, 0x0102, [3, 9]), END))
    expect(error.code).toBe('image.overlap')
    expect(error.details).toMatchObject({
      file: 'board.hex',
      line: 4,
      firstLine: 2,
      address: 0x0800_0103,
      firstValue: 4,
      secondValue: 9,
    })
  })

  it('finds an overlap that a run of continuing records grows into', () => {
    const error = refusalOf(
      lines(hexRecord(0, 0x20, [7]), hexRecord(0, 0, new Uint8Array(16)), hexRecord(0, 16, new Uint8Array(17)), END),
    )
    expect(error.code).toBe('image.overlap')
    expect(error.details).toMatchObject({ line: 3, firstLine: 1, address: 0x20 })
  })

  it('refuses a record that would wrap inside its 64 KiB segment (02)', () => {
    const error = refusalOf(lines(segment(0x1000), hexRecord(0, 0xfff8, new Uint8Array(16)), END))
    expect(error.code).toBe('image.address-range')
    expect(error.details).toMatchObject({ line: 2, address: 0x1_fff8 })
  })

  it.each([
    ['after 04', [linear(0x0800)], '800fff8'],
    ['without an address record', [], 'fff8'],
  ])('places a record that crosses its 64 KiB page straight on, with a warning (%s)', (_, before, address) => {
    const result = read(lines(...before, hexRecord(0, 0xfff8, new Uint8Array(16).fill(7)), END))
    expect(segmentsOf(result)).toEqual({ [address]: '07'.repeat(16) })
    expect(warningsOf(result)).toEqual(['warning crosses-page'])
  })

  it('refuses data past 0xFFFFFFFF, and accepts its last byte', () => {
    const error = refusalOf(lines(linear(0xffff), hexRecord(0, 0xfff8, new Uint8Array(16)), END))
    expect(error.code).toBe('image.address-range')
    expect(error.details).toMatchObject({ line: 2, address: 0xffff_fff8 })
    expect(segmentsOf(read(lines(linear(0xffff), hexRecord(0, 0xffff, [1]), END)))).toEqual({ ffffffff: '01' })
  })

  it.each([
    ['02 after 04', [linear(0x0800), segment(0x1000)], '10100'],
    ['04 after 02', [segment(0x1000), linear(0x0800)], '8000100'],
  ])('lets the last address record win: %s, with a warning', (_, before, address) => {
    const result = read(lines(...before, DATA, END))
    expect(segmentsOf(result)).toEqual({ [address]: '01020304' })
    expect(warningsOf(result)).toEqual(['warning mixed-address-records'])
  })

  it('reads start addresses of both kinds', () => {
    expect(read(lines(DATA, hexRecord(3, 0, [0x12, 0x34, 0x00, 0x05]), END)).startAddress).toBe(0x12345)
    expect(read(lines(DATA, hexRecord(5, 0, [0x90, 0x00, 0x01, 0x01]), END)).startAddress).toBe(0x9000_0101)
    expect(read(lines(DATA, hexRecord(1, 0x0100))).startAddress).toBe(0x0100)
  })

  it.each([
    ['03 and 05', hexRecord(3, 0, [0, 0, 0, 9]), hexRecord(5, 0, [0, 0, 1, 0])],
    ['two 05', hexRecord(5, 0, [0, 0, 0, 9]), hexRecord(5, 0, [0, 0, 1, 0])],
  ])('lets the last start address win, with a warning: %s', (_, first, second) => {
    const result = read(lines(DATA, first, second, END))
    expect(result.startAddress).toBe(0x100)
    expect(warningsOf(result)).toEqual(['warning second-start-address'])
  })

  it.each([
    ['an empty file', ''],
    ['blank lines only', '\n\n \n'],
    ['an end record only', lines(END)],
    ['address records only', lines(linear(1), END)],
    ['empty data records only', lines(hexRecord(0, 0), END)],
  ])('refuses %s as without data', (_, text) => {
    expect(refusalOf(text).code).toBe('format.no-data')
  })

  it('keeps a far gap as two segments and refuses only to make it flat', () => {
    const { image } = read(lines(linear(0x0800), DATA, linear(0x1fff), hexRecord(0, 0xc000, [9]), END))
    expect(image.segments.map(({ address }) => address)).toEqual([0x0800_0100, 0x1fff_c000])
    expect(() => image.measureFlat()).toThrow(expect.objectContaining({ code: 'image.gap-too-large' }))
  })
})

describe('bounds', () => {
  it.each([
    ['digits', '0'.repeat(3_000_000)],
    ['blanks', ' '.repeat(3_000_000)],
    ['blanks around a record', ' '.repeat(1100) + DATA],
  ])('refuses an endless line of %s instead of collecting it', (_, tail) => {
    const error = refusalOf(`${lines(DATA)}:10${tail}`.replace(/:10 /, '    '))
    expect(error.code).toBe('format.malformed-record')
    expect(error.details).toMatchObject({ line: 2, maximumCharacters: 521 })
  })

  it.each([
    ['LF, by the kernel', '\n'],
    ['CR LF, by the kernel', '\r\n'],
    ['CR', '\r'],
    ['a blank and CR LF', ' \r\n'],
    ['CR CR LF, which makes an empty line', '\r\r\n'],
  ])('counts lines across many buffers: %s', (_, lineEnd) => {
    const count = 30_000
    const records = Array.from({ length: count }, (_item, index) => hexRecord(0, (index * 2) & 0xffff, [1, 2]))
    const error = refusalOf([...records, DATA.replace(/..$/, '00'), END].join(lineEnd))
    expect(error.code).toBe('format.bad-checksum')
    expect(error.details['line']).toBe(lineEnd === '\r\r\n' ? 2 * count + 1 : count + 1)
  })

  it('reads the longest record there is', () => {
    const data = Uint8Array.from({ length: 255 }, (_, index) => index)
    expect(segmentsOf(read(lines(hexRecord(0, 0, data), END)))).toEqual({ '0': Buffer.from(data).toString('hex') })
  })

  it('stops when asked to, between two pieces of the file', () => {
    const controller = new AbortController()
    const text = lines(...Array.from({ length: 100_000 }, (_, index) => hexRecord(0, index & 0xffff, [index & 0xff])))
    const reports: number[] = []
    const error = refusalOf(text, {
      signal: controller.signal,
      onProgress: doneBytes => {
        reports.push(doneBytes)
        controller.abort()
      },
    })
    expect(error.code).toBe('call.aborted')
    expect(reports).toHaveLength(1)
  })

  it('reports progress at most once a MiB and ends with all bytes', () => {
    const data = hexRecord(0, 0, new Uint8Array(16))
    const text = `${`${data}\n`.repeat(100_000)}${END}\n`
    const reports: [number, number][] = []
    read(text, { onProgress: (doneBytes, totalBytes) => reports.push([doneBytes, totalBytes]) })
    expect(reports.at(-1)).toEqual([text.length, text.length])
    expect(reports.length).toBeLessThanOrEqual(Math.ceil(text.length / (1024 * 1024)) + 1)
  })
})

describe('recognition', () => {
  const recognise = (text: string): string => intelHex.recognise(sourceFromBytes('x', Buffer.from(text, 'latin1')))

  it('is sure of a text that begins with a record', () => {
    expect(recognise(lines(DATA))).toBe('yes')
    expect(recognise(`\u00ef\u00bb\u00bf\r\n  ${lines(DATA).toLowerCase()}`)).toBe('yes')
  })

  it('leaves a damaged or commented text to the reader, which names the line', () => {
    expect(recognise(`; comment\n${lines(DATA)}`)).toBe('maybe')
    expect(recognise(':10G')).toBe('maybe')
    expect(recognise('\n\n')).toBe('maybe')
  })

  it('says no to other bytes', () => {
    expect(recognise('S00600004844521B\n')).toBe('no')
    expect(recognise('\u007fELF')).toBe('no')
    expect(recognise(`\u0000\n:10`)).toBe('no')
    expect(recognise('time 10:42')).toBe('no')
  })
})
