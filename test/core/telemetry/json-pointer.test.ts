import { describe, expect, it } from 'vitest'
import { isJsonPointer, resolvePointer } from '../../../src/core/telemetry/json-pointer.ts'

/** The document of RFC 6901, section 5. */
const document: unknown = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
}

describe('a JSON pointer', () => {
  it.each([
    ['', document],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ])('“%s” finds what RFC 6901 says', (pointer, value) => {
    expect(isJsonPointer(pointer)).toBe(true)
    expect(resolvePointer(document, pointer)).toEqual(value)
  })

  it.each([
    '/foo/2',
    '/foo/-',
    '/foo/01',
    '/foo/bar',
    '/foo/length',
    '/nothing',
    '/foo/0/0',
    'foo',
    '/__proto__',
    '/constructor',
  ])('“%s” finds nothing', pointer => {
    expect(resolvePointer(document, pointer)).toBeUndefined()
  })

  it('unescapes ~01 to ~1, not to a slash', () => {
    expect(resolvePointer({ '~1': 'right', '/': 'wrong' }, '/~01')).toBe('right')
  })

  it.each(['foo', '/a~', '/a~2b', '~0', 'a/b'])('“%s” is none', text => {
    expect(isJsonPointer(text)).toBe(false)
  })
})
