import { describe, expect, it } from 'vitest'
import { blockFrame, crc16, headerData } from '../../../../src/core/transfer/ymodem/blocks.ts'
import { parseEscapes, parsePattern, PrintedText } from '../../../../src/core/transfer/ymodem/texts.ts'

describe('blocks', () => {
  it('carry the CRC of XMODEM, or the sum of their bytes', () => {
    expect(crc16(Buffer.from('123456789'))).toBe(0x31c3)
    const small = blockFrame(257, Uint8Array.of(1, 2, 3), 'checksum')
    expect([small.length, small[0], small[1], small[2]]).toEqual([132, 0x01, 1, 0xfe])
    expect(small[131]).toBe((6 + 125 * 0x1a) & 0xff)
    const large = blockFrame(2, new Uint8Array(129), 'crc')
    expect([large.length, large[0], large[1027 - 1]]).toEqual([1029, 0x02, 0x1a])
    expect(() => blockFrame(1, new Uint8Array(1025), 'crc')).toThrow(RangeError)
  })

  it('begin with name and size', () => {
    expect(Buffer.from(headerData('app.bin', 1234)).toString('latin1').replace(/\0+$/, '')).toBe('app.bin\u00001234 ')
    expect(headerData('n'.repeat(300), 1).length).toBe(128)
  })
})

describe('texts of options', () => {
  it('hold escapes', () => {
    expect([...parseEscapes('trigger', String.raw`a\r\n\x1B\\\0`)]).toEqual([97, 13, 10, 27, 92, 0])
    expect(() => parseEscapes('trigger', String.raw`a\q`)).toThrow(/trigger/)
    expect(() => parseEscapes('trigger', 'a\\')).toThrow(/trigger/)
  })

  it('are matched as they are, or as a regular expression', () => {
    expect(parsePattern('waitFor', '')).toBeNull()
    expect(parsePattern('waitFor', 'ready>')?.('now ready> ')).toBe(true)
    expect(parsePattern('waitFor', '/READY\\d/i')?.('x ready7')).toBe(true)
    expect(parsePattern('waitFor', '/a.c/')?.('abd')).toBe(false)
    expect(() => parsePattern('waitFor', '/(/')).toThrow(/waitFor/)
  })

  it('come in lines, without control characters, however they are split', () => {
    const lines: string[] = []
    const printed = new PrintedText(line => lines.push(line))
    for (const byte of Buffer.from('boot\r\nver\u001b[2J 1\n\nready> ')) printed.add(Uint8Array.of(byte))
    printed.end()
    expect(lines.map(line => line.replace(/[^\w> ]/g, ''))).toEqual(['boot', 'ver2J 1', 'ready>'])
    expect(printed.tail.endsWith('ready> ')).toBe(true)
  })
})
