import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeIac, optionCommand, subnegotiation, TelnetDecoder, verbs } from '../../../src/core/links/telnet.ts'

/** What a stream says, when it comes in pieces of the given sizes. */
function decode(
  stream: Uint8Array,
  sizes: readonly number[] = [stream.length],
): { data: number[]; commands: string[] } {
  const data: number[] = []
  const commands: string[] = []
  const decoder = new TelnetDecoder({
    onData: bytes => data.push(...bytes),
    onOption: (verb, option) => commands.push(`${String(verb)} ${String(option)}`),
    onSubnegotiation: (option, body) => commands.push(`${String(option)}: ${body.join(' ')}`),
  })
  let at = 0
  for (const size of sizes) {
    decoder.feed(stream.subarray(at, at + size))
    at += size
  }
  decoder.feed(stream.subarray(at))
  return { data, commands }
}

describe('Telnet', () => {
  it('passes any data, however it is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.array(fc.nat(5)), (bytes, sizes) => {
        const { data, commands } = decode(escapeIac(bytes), sizes)
        expect(data).toEqual([...bytes])
        expect(commands).toEqual([])
      }),
    )
  })

  it('tells commands from the data around them, however it is cut', () => {
    const stream = Buffer.concat([
      Buffer.from('a'),
      optionCommand(verbs.will, 44),
      Buffer.from('b'),
      // 65536 × 255 baud: a byte of the value is IAC.
      subnegotiation(44, Uint8Array.of(101, 0, 255, 0, 0)),
      Uint8Array.of(255, 241),
      Buffer.from('c'),
    ])
    for (let size = 1; size <= stream.length; size++) {
      const sizes = Array.from({ length: Math.ceil(stream.length / size) }, () => size)
      const { data, commands } = decode(stream, sizes)
      expect(Buffer.from(data).toString()).toBe('abc')
      expect(commands).toEqual(['251 44', '44: 101 0 255 0 0'])
    }
  })

  it('keeps a bounded part of a subnegotiation without an end', () => {
    const { commands } = decode(
      Buffer.concat([Buffer.from([255, 250, 44]), Buffer.alloc(5000), Buffer.from([255, 240])]),
    )
    expect(commands).toHaveLength(1)
    expect(commands[0]?.split(' ').length).toBe(1024)
  })

  it('copies nothing where nothing is doubled', () => {
    const bytes = Uint8Array.of(1, 2, 254)
    expect(escapeIac(bytes)).toBe(bytes)
  })
})
