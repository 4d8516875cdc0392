import { describe, expect, it } from 'vitest'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import { recogniseFormat } from '../../../src/core/formats/index.ts'
import { describeNotFirmware } from '../../../src/core/formats/not-firmware.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { formatSamples } from './format-samples.ts'
import { hexRecord, randomBytes, seededRandom } from './hex-samples.ts'

const text = (content: string): Uint8Array => Buffer.from(content, 'utf8')
const utf16 = (content: string): Uint8Array => Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(content, 'utf16le')])
const tar = (): Uint8Array => {
  const header = Buffer.alloc(512)
  header.write('firmware.bin')
  header.write('ustar', 257)
  return header
}

describe('what is no firmware', () => {
  it.each<[string, Uint8Array]>([
    ['web-page', text('<!DOCTYPE html>\n<html>')],
    ['web-page', text('\n\n  <HTML lang="vi">')],
    ['web-page', text('<!-- saved from url -->\n<html>')],
    ['xml', text('<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>')],
    ['zip-archive', Buffer.from('504b030414000000', 'hex')],
    ['gzip-archive', Buffer.from('1f8b080000000000', 'hex')],
    ['bzip2-archive', Buffer.from('425a683931415926535900', 'hex')],
    ['xz-archive', Buffer.from('fd377a585a000004', 'hex')],
    ['zstd-archive', Buffer.from('28b52ffd04000000', 'hex')],
    ['rar-archive', Buffer.from('526172211a070100', 'hex')],
    ['7z-archive', Buffer.from('377abcaf271c0004', 'hex')],
    ['tar-archive', tar()],
    ['static-library', text('!<arch>\nmain.o/')],
    ['pdf', text('%PDF-1.7\n')],
    ['png', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['jpeg', Buffer.from('ffd8ffe000104a46', 'hex')],
    ['gif', text('GIF89a')],
    ['sqlite', text('SQLite format 3\0')],
    ['shell-script', text('#!/bin/sh\nset -e\n')],
    ['json', text('{"success": false, "error": "not found"}')],
    ['json', text('[\n  {"name": "firmware"}\n]')],
    ['git-lfs-pointer', text('version https://git-lfs.github.com/spec/v1\noid sha256:00')],
    ['plain-text', text('404: Not Found\n')],
    ['plain-text', text('Không tìm thấy tệp\n')],
    ['plain-text', text(`${'long line of words '.repeat(400)}é`).subarray(0, 4095)],
    ['utf16-text', utf16(`${hexRecord(0, 0, [1, 2, 3])}\r\n`)],
  ])('%s', (kind, head) => {
    expect(describeNotFirmware(head)?.kind).toBe(kind)
  })

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['an STM32 vector table', Buffer.from('00500020010100080301000805010008', 'hex')],
    ['an ESP image', Buffer.from('e9060220', 'hex')],
    ['random bytes', randomBytes(seededRandom(5), 4096)],
    ['bytes FF FE that are no text', Buffer.concat([Buffer.of(0xff, 0xfe), randomBytes(seededRandom(6), 4000)])],
    ['erased flash', new Uint8Array(4096).fill(0xff)],
    ['a test pattern of letters', text('A'.repeat(4096))],
    ['a test pattern of digits', text('0123456789'.repeat(100))],
    ['BZ in machine code', Buffer.from('425a680000000000000000', 'hex')],
  ])('%s may be some', (_, head) => {
    expect(describeNotFirmware(head)).toBeNull()
  })
})

describe('the choice of a format', () => {
  const choose = (fileName: string, bytes: Uint8Array, accept: readonly string[] = []): string => {
    try {
      return recogniseFormat(sourceFromBytes(fileName, bytes), { accept }).id
    } catch (error) {
      if (error instanceof FlashproofError) return error.code
      throw error
    }
  }
  const hex = formatSamples['intel-hex']?.().bytes ?? new Uint8Array(0)

  it('goes by content, not by name', () => {
    expect(choose('board.bin', hex)).toBe('intel-hex')
    expect(choose('board', hex)).toBe('intel-hex')
    expect(choose('board.HEX', hex)).toBe('intel-hex')
  })

  it('takes bytes without any sign for raw binary', () => {
    expect(choose('board.bin', Uint8Array.of(0, 0x50, 0, 0x20))).toBe('raw-binary')
    expect(choose('board', Uint8Array.of(0, 0x50, 0, 0x20))).toBe('raw-binary')
    expect(choose('board.img', Uint8Array.of(0, 0x50, 0, 0x20))).toBe('raw-binary')
  })

  it.each(['board.hex', 'board.HEX', 'board.ihex', 'board.s19', 'board.uf2', 'board.elf'])(
    'never takes %s for raw binary when its content is something else',
    fileName => {
      expect(choose(fileName, Uint8Array.of(0, 0x50, 0, 0x20))).toBe('format.unknown')
    },
  )

  it('refuses a web page or an archive by any name, and takes it as raw bytes only when told to', () => {
    const page = text('<html><body>login</body></html>')
    expect(choose('board.bin', page)).toBe('format.not-firmware')
    expect(choose('board.hex', page)).toBe('format.not-firmware')
    expect(choose('board.bin', page, ['not-firmware'])).toBe('raw-binary')
    expect(choose('board.hex', page, ['not-firmware'])).toBe('format.unknown')
    expect(choose('board.bin', text('some words in a text'))).toBe('format.not-firmware')
  })

  it('leaves a hex text with a comment or a damaged first record to its reader', () => {
    expect(choose('board.hex', Buffer.concat([text('# comment\n'), hex]))).toBe('intel-hex')
    expect(choose('board.txt', Buffer.concat([text('# comment\n'), hex]))).toBe('intel-hex')
    expect(choose('board.hex', text(':zz\n'))).toBe('format.unknown')
    expect(choose('board.hex', text(':1z\n'))).toBe('intel-hex')
  })
})
