import { describe, expect, it } from 'vitest'
import { readQuestions, writeAnswer } from '../../../src/simulator/announcing/dns-message.ts'

/** A query for `_http._tcp.local` PTR, then for its instance `a.b` by a pointer to that name, TXT. */
const query = Buffer.concat([
  Buffer.from([0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]),
  Buffer.from('\u0005_http\u0004_tcp\u0005local\u0000', 'latin1'),
  Buffer.from([0, 12, 0, 1]),
  Buffer.from('\u0003a.b', 'latin1'),
  Buffer.from([0xc0, 12]),
  Buffer.from([0, 16, 0x80, 1]),
])

describe('DNS messages', () => {
  it('are read with their pointers', () => {
    expect(readQuestions(query)).toEqual([
      { name: '_http._tcp.local', type: 'PTR' },
      { name: 'a.b._http._tcp.local', type: 'TXT' },
    ])
  })

  it('ask nothing where they are answers, cut anywhere, or run in circles', () => {
    const answer = Buffer.from(query)
    answer.writeUInt16BE(0x8400, 2)
    expect(readQuestions(answer)).toEqual([])
    for (let length = 0; length < query.length; length++) {
      expect(readQuestions(query.subarray(0, length)), String(length)).toEqual([])
    }
    const circle = Buffer.concat([
      Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      Buffer.from([0xc0, 12, 0, 12, 0, 1]),
    ])
    expect(readQuestions(circle)).toEqual([])
  })

  const header = '000084000000000100000000'
  const host = '0168056c6f63616c00'
  it.each([
    [
      'SRV, with a dot inside the name',
      {
        type: 'SRV',
        name: '',
        labels: ['a.b', '_http', '_tcp', 'local'],
        ttlSeconds: 120,
        port: 8080,
        host: 'h.local',
      },
      // name; type 33, class IN with cache flush, 120 s, 15 bytes; priority, weight, port 8080, host
      ['03612e62055f68747470045f746370056c6f63616c00', '0021800100000078000f', '000000001f90', host],
    ],
    [
      'A, as a goodbye',
      { type: 'A', name: 'h.local', ttlSeconds: 0, address: '10.77.0.1' },
      [host, '00018001000000000004', '0a4d0001'],
    ],
    [
      'TXT without entries',
      { type: 'TXT', name: 'h.local', ttlSeconds: 1, entries: [] },
      [host, '00108001000000010001', '00'],
    ],
    [
      'PTR, which others may have too',
      { type: 'PTR', name: '_http._tcp.local', ttlSeconds: 4500, target: ['a.b', '_http'] },
      ['055f68747470045f746370056c6f63616c00', '000c000100001194000b', '03612e62055f6874747000'],
    ],
  ] as const)('are written byte by byte as RFC 1035 and RFC 6762 have it: %s', (_what, record, bytes) => {
    expect(Buffer.from(writeAnswer([record])).toString('hex')).toBe([header, ...bytes].join(''))
  })
})
