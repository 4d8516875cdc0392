import { describe, expect, it } from 'vitest'
import { SlipDecoder, encodeSlip, type SlipFrame } from '../../../../src/core/transfer/esp-serial/slip.ts'

function allFrames(decoder: SlipDecoder): SlipFrame[] {
  const frames: SlipFrame[] = []
  for (let frame = decoder.next(); frame !== null; frame = decoder.next()) frames.push(frame)
  return frames
}

describe('SLIP', () => {
  it('escapes what ends frames and what escapes', () => {
    expect([...encodeSlip(Uint8Array.of(1, 0xc0), Uint8Array.of(0xdb, 2))]).toEqual([
      0xc0, 1, 0xdb, 0xdc, 0xdb, 0xdd, 2, 0xc0,
    ])
  })

  it('reads a session that is cut at any byte, and byte by byte', () => {
    const payloads = [Uint8Array.of(1, 0xc0, 0xdb, 0xdc), Uint8Array.of(0xdb), new Uint8Array(300).map((_, at) => at)]
    const session = Buffer.concat([Buffer.from('boot text\r\n'), ...payloads.map(payload => encodeSlip(payload))])
    const expected = [Buffer.from('boot text\r\n'), ...payloads].map(bytes => ({ bytes: [...bytes], isBroken: false }))
    const plain = (decoder: SlipDecoder): unknown =>
      allFrames(decoder).map(({ bytes, isBroken }) => ({ bytes: [...bytes], isBroken }))
    for (let cut = 0; cut <= session.length; cut++) {
      const decoder = new SlipDecoder()
      decoder.push(session.subarray(0, cut))
      decoder.push(session.subarray(cut))
      expect(plain(decoder)).toEqual(expected)
    }
    const bytewise = new SlipDecoder()
    for (const byte of session) bytewise.push(Uint8Array.of(byte))
    expect(plain(bytewise)).toEqual(expected)
  })

  it('loses one frame, not all, with a lost end', () => {
    const decoder = new SlipDecoder()
    decoder.push(encodeSlip(Uint8Array.of(1)).subarray(0, 2))
    decoder.push(encodeSlip(Uint8Array.of(2)))
    decoder.push(encodeSlip(Uint8Array.of(3)))
    expect(allFrames(decoder).map(({ bytes }) => [...bytes])).toEqual([[1], [2], [3]])
  })

  it('calls a wrong escape, a cut one and an endless frame broken', () => {
    const decoder = new SlipDecoder()
    decoder.push(Uint8Array.of(0xc0, 1, 0xdb, 7, 0xc0))
    decoder.push(Uint8Array.of(0xc0, 1, 0xdb, 0xc0))
    decoder.push(new Uint8Array(20_000).fill(1))
    decoder.push(encodeSlip(Uint8Array.of(5)))
    expect(allFrames(decoder).map(({ isBroken }) => isBroken)).toEqual([true, true, true, false])
  })
})
