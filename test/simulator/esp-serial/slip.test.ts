import { describe, expect, it } from 'vitest'
import { encodeSlip, SlipDecoder } from '../../../src/simulator/esp-serial/slip.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

function decode(pieces: readonly Uint8Array[]): string[] {
  const frames: string[] = []
  const decoder = new SlipDecoder(frame => frames.push(hex(frame)))
  for (const piece of pieces) decoder.receive(piece)
  return frames
}

describe('SLIP on the chip’s side', () => {
  it('escapes END and ESC', () => {
    expect(hex(encodeSlip(bytesOf('00c0db01')))).toBe('c000dbdcdbdd01c0')
  })

  it('finds the same frames wherever the stream is split', () => {
    const stream = Buffer.concat([encodeSlip(bytesOf('00c0db01')), encodeSlip(bytesOf('4f484149'))])
    for (let at = 0; at <= stream.length; at++) {
      expect(decode([stream.subarray(0, at), stream.subarray(at)])).toEqual(['00c0db01', '4f484149'])
    }
  })

  it.each([
    ['text before a frame', '6574730d0ac001c0', ['01']],
    ['an escape that is none', 'c001db02c0c003c0', ['03']],
    ['a frame whose end was lost', 'c00102c00304c0', ['0102', '0304']],
    ['an escape right before the end', 'c001dbc0c002c0', ['02']],
    ['empty frames', 'c0c0c0c001c0', ['01']],
  ])('goes on after %s', (_name, stream, frames) => {
    expect(decode([bytesOf(stream)])).toEqual(frames)
  })

  it('drops a frame that is too long, and takes the next one', () => {
    expect(decode([encodeSlip(new Uint8Array(70_000)), encodeSlip(bytesOf('05'))])).toEqual(['05'])
  })
})
