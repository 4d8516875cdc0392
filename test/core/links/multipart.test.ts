import { describe, expect, it } from 'vitest'
import { multipartBody, type MultipartBody } from '../../../src/core/links/multipart.ts'

const bytes = Uint8Array.from([0xe9, 0, 13, 10, 0xff])

function textOf(body: MultipartBody): string {
  return Buffer.concat(body.parts).toString('latin1')
}

describe('multipartBody', () => {
  it('puts the fields in order before the file, and the file’s type after its disposition', () => {
    const body = multipartBody({
      fields: [
        ['MD5', '0123'],
        ['chunk', '1'],
      ],
      file: { field: 'update', fileName: 'firmware.bin', bytes },
      boundary: '----B',
    })
    expect(textOf(body)).toBe(
      '------B\r\nContent-Disposition: form-data; name="MD5"\r\n\r\n0123\r\n' +
        '------B\r\nContent-Disposition: form-data; name="chunk"\r\n\r\n1\r\n' +
        '------B\r\nContent-Disposition: form-data; name="update"; filename="firmware.bin"\r\n' +
        'Content-Type: application/octet-stream\r\n\r\n\xe9\x00\r\n\xff\r\n------B--\r\n',
    )
    expect(body.contentType).toBe('multipart/form-data; boundary=----B')
    expect(body.sizeBytes).toBe(Buffer.concat(body.parts).length)
  })

  it('makes a boundary like a browser’s, unquoted and another one each time', () => {
    const types = [1, 2].map(() => multipartBody({ file: { field: 'f', fileName: 'a', bytes } }).contentType)
    for (const type of types)
      expect(type).toMatch(/^multipart\/form-data; boundary=----WebKitFormBoundary[A-Za-z0-9]{16}$/)
    expect(types[0]).not.toBe(types[1])
  })

  it('takes another boundary where a value holds the first one', () => {
    const draws = [...Array<number>(16).fill(0), ...Array<number>(16).fill(0.5)]
    const value = `x----WebKitFormBoundary${'A'.repeat(16)}y`
    const body = multipartBody({
      fields: [['note', value]],
      file: { field: 'f', fileName: 'a', bytes },
      random: () => draws.shift() ?? 0.9,
    })
    expect(body.contentType).toBe(`multipart/form-data; boundary=----WebKitFormBoundary${'f'.repeat(16)}`)
  })

  it('does not copy the image', () => {
    const { parts } = multipartBody({ file: { field: 'f', fileName: 'a', bytes } })
    expect(parts[1]).toBe(bytes)
  })

  it('takes from names what could end them, begin a header or be read as the boundary', () => {
    const body = multipartBody({
      fields: [['a"\r\nX: y', 'v']],
      file: { field: 'f=1', fileName: 'v=2"\r\n\\.bin\u0000', contentType: 'a/b\r\nX: y', bytes },
      boundary: 'B',
    })
    const text = textOf(body)
    expect(text).toContain('name="a___X: y"\r\n')
    expect(text).toContain('name="f_1"; filename="v_2____.bin_"\r\nContent-Type: a/b__X: y\r\n\r\n')
  })

  it('names a file without a name, because a part without one is read as a plain field', () => {
    expect(textOf(multipartBody({ file: { field: 'f', fileName: '', bytes } }))).toContain('filename="firmware.bin"')
  })
})
