import { describe, expect, it } from 'vitest'
import { boundaryOf, MultipartReader, type FilePart } from '../../../src/simulator/board/multipart-reader.ts'
import { seededRandom } from '../../../src/simulator/random.ts'
import { someBytes } from '../wire.ts'

const BOUNDARY = '----WebKitFormBoundaryAbCdEfGhIjKlMnOp'

interface Reading {
  readonly fields: Record<string, string>
  readonly files: { readonly part: FilePart; readonly bytes: Buffer; readonly isWhole: boolean }[]
  readonly isWhole: boolean
  readonly problem: string | null
}

function read(pieces: readonly Uint8Array[], boundary = BOUNDARY): Reading {
  const files: { part: FilePart; pieces: Buffer[]; isWhole: boolean }[] = []
  const reader = new MultipartReader(boundary, {
    onFile: part => files.push({ part, pieces: [], isWhole: false }),
    onFilePiece: piece => {
      expect(piece.length).toBeGreaterThan(0)
      files.at(-1)?.pieces.push(Buffer.from(piece))
    },
    onFileEnd: () => {
      const last = files.at(-1)
      if (last !== undefined) last.isWhole = true
    },
  })
  for (const piece of pieces) reader.push(Buffer.from(piece))
  return {
    fields: Object.fromEntries(reader.fields),
    files: files.map(({ part, pieces: parts, isWhole }) => ({ part, bytes: Buffer.concat(parts), isWhole })),
    isWhole: reader.isWhole,
    problem: reader.problem,
  }
}

/** What Resumable.js in a browser writes, with a file of these bytes. */
function form(content: Uint8Array, closing = '--\r\n'): Buffer {
  return Buffer.concat([
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="resumableChunkNumber"\r\n\r\n1\r\n` +
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="resumableType"\r\n\r\n\r\n` +
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="bản dựng.bin"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
    content,
    Buffer.from(`\r\n--${BOUNDARY}${closing}`),
  ])
}

const file = { name: 'file', fileName: 'bản dựng.bin', contentType: 'application/octet-stream' }
const fields = { resumableChunkNumber: '1', resumableType: '' }

describe('the boundary of a request', () => {
  it('is everything after the first equals sign, without quotes, as the Arduino WebServer reads it', () => {
    expect(boundaryOf('multipart/form-data; boundary=abc')).toBe('abc')
    expect(boundaryOf('multipart/form-data; boundary="a b"')).toBe('a b')
    expect(boundaryOf('multipart/form-data; boundary=abc; charset=utf-8')).toBe('abc; charset=utf-8')
    expect(boundaryOf('multipart/form-data; charset=utf-8; boundary=abc')).toBe('utf-8; boundary=abc')
    expect(boundaryOf('Multipart/Form-Data; boundary=x=y')).toBe('x=y')
  })

  it('is not there in other requests', () => {
    for (const text of [
      undefined,
      '',
      'application/octet-stream',
      'multipart/form-data',
      'multipart/form-data; boundary=',
    ]) {
      expect(boundaryOf(text)).toBeNull()
    }
  })
})

describe('the multipart reader', () => {
  // Looks like the start of a delimiter in many ways.
  const content = Buffer.concat([
    Buffer.from(`\r\n\r\n--\r\n--${BOUNDARY.slice(0, -1)}?\r\n-${BOUNDARY}\n--${BOUNDARY}`),
    someBytes(90),
    Buffer.from('\r\n\r'),
  ])

  it('finds fields and file whatever the place at which the body is split', () => {
    const whole = form(content)
    for (let at = 0; at <= whole.length; at++) {
      const reading = read([whole.subarray(0, at), whole.subarray(at)])
      expect(reading).toEqual({
        fields,
        files: [{ part: file, bytes: content, isWhole: true }],
        isWhole: true,
        problem: null,
      })
    }
  })

  it('finds them byte by byte, and in pieces of any length', () => {
    const whole = form(content)
    const random = seededRandom(7)
    for (let round = 0; round < 50; round++) {
      const pieces: Buffer[] = []
      for (let at = 0; at < whole.length;) {
        const next = at + (round === 0 ? 1 : 1 + random.integer(40))
        pieces.push(whole.subarray(at, next))
        at = next
      }
      const [found] = read(pieces).files
      expect(found?.bytes.equals(content)).toBe(true)
    }
  })

  it('hands on the bytes of a file before its end has come', () => {
    const whole = form(someBytes(5000))
    const reading = read([whole.subarray(0, 3000)])
    expect(reading).toMatchObject({ isWhole: false, problem: null, fields })
    const [found] = reading.files
    expect(found?.isWhole).toBe(false)
    // All but what may be the beginning of a delimiter.
    expect(found?.bytes.length).toBeGreaterThan(2500)
  })

  it('takes an empty file, more than one file, lines before the first delimiter and words behind the last', () => {
    expect(read([form(Buffer.alloc(0))]).files).toEqual([{ part: file, bytes: Buffer.alloc(0), isWhole: true }])
    const two = Buffer.concat([
      Buffer.from('\r\npreamble\r\n'),
      form(Buffer.from('one'), '\r\n'),
      Buffer.from('content-disposition: form-data; filename=b.bin; name=second\r\n\r\ntwo'),
      Buffer.from(`\r\n--${BOUNDARY}--\r\nepilogue ${'x'.repeat(20_000)}`),
    ])
    const reading = read([two])
    expect(reading.isWhole).toBe(true)
    expect(
      reading.files.map(({ part, bytes }) => [part.name, part.fileName, part.contentType, bytes.toString()]),
    ).toEqual([
      ['file', file.fileName, file.contentType, 'one'],
      ['second', 'b.bin', null, 'two'],
    ])
  })

  it('allows spaces behind a delimiter, and keeps the first of two fields of one name', () => {
    const part = (value: string): string => `Content-Disposition: form-data; name="a"\r\n\r\n${value}\r\n--${BOUNDARY}`
    const reading = read([Buffer.from(`--${BOUNDARY} \t\r\n${part('1')}\r\n${part('2')}--`)])
    expect(reading).toMatchObject({ fields: { a: '1' }, isWhole: true })
  })

  it('says what makes a body unreadable and then takes nothing more', () => {
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n`
    const problems = [
      `--${BOUNDARY}garbage\r\n`,
      `--${BOUNDARY}${' '.repeat(100)}`,
      `${head}X: ${'x'.repeat(20_000)}`,
      `${head}\r\n${'x'.repeat(20_000)}\r\n--${BOUNDARY}--`,
    ].map(text => read([Buffer.from(text), form(content)]))
    expect(problems.map(({ problem }) => problem)).toEqual([
      'something stands behind a delimiter',
      'something stands behind a delimiter',
      'the head of a part is too long',
      'the field a is too long',
    ])
    for (const { isWhole, files } of problems) expect([isWhole, files]).toEqual([false, []])
  })

  it('survives anything, and hands on no more than came', () => {
    const random = seededRandom(11)
    const pieces = [
      `--${BOUNDARY}`,
      '\r\n',
      '--',
      'Content-Disposition: form-data; name="a"; filename="b"',
      '\r\n\r\n',
      'x',
    ]
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: 30 }, () => pieces[random.integer(pieces.length)] ?? '').join('')
      const whole = Buffer.concat([Buffer.from(text), someBytes(20, round), Buffer.from(text)])
      const at = random.integer(whole.length)
      const { files } = read([whole.subarray(0, at), whole.subarray(at)])
      expect(files.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(whole.length)
    }
  })

  it('finds nothing in a body with another boundary', () => {
    expect(read([form(content)], 'other')).toEqual({ fields: {}, files: [], isWhole: false, problem: null })
  })
})
