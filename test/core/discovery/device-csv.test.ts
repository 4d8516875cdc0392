import { describe, expect, it } from 'vitest'
import { readDeviceCsv, writeDeviceCsv } from '../../../src/core/discovery/device-csv.ts'
import { fakeDeviceEntry as entry } from '../../fakes/fake-device-entry.ts'

const HEADER = 'target,name,mac,chip,protocols,label,lastSeenAt'
const known = ['esp-parts', 'other']

const board = entry('http://192.168.4.20', {
  source: 'remembered',
  name: 'Bo số 1, "bếp"',
  identity: { mac: '02:00:00:00:00:01', chip: 'ESP32' },
  protocols: ['esp-parts', 'other'],
  lastSeenAt: '2026-11-21T10:14:03.120+07:00',
  label: '=HYPERLINK("http://x")',
})

describe('devices as CSV', () => {
  it('come back as they were, with commas, quotes and what looks like a formula', () => {
    const csv = writeDeviceCsv([board, entry('serial:/dev/ttyUSB0'), entry('http://10.0.0.1', { name: "'quoted" })])
    const lines = csv.split('\r\n')
    expect(lines[0]).toBe(`\ufeff${HEADER}`)
    expect(lines[1]).toContain(`"'=HYPERLINK(""http://x"")"`)
    expect(lines).toHaveLength(5)
    const read = readDeviceCsv(csv, known)
    expect(read).toMatchObject([
      {
        key: 'mac:02:00:00:00:00:01',
        target: 'http://192.168.4.20',
        name: board.name,
        identity: board.identity,
        protocols: board.protocols,
        label: board.label,
        lastSeenAt: board.lastSeenAt,
      },
      { target: 'serial:/dev/ttyUSB0', identity: null, name: null, label: null, lastSeenAt: null },
      { name: "'quoted" },
    ])
  })

  it('may have their columns in any order, some of them left out, and empty lines', () => {
    const read = readDeviceCsv('label,target\n\ncellar,http://10.0.0.1\n', known)
    expect(read).toMatchObject([{ label: 'cellar', target: 'http://10.0.0.1', protocols: [] }])
  })

  it.each([
    ['target,colour\nhttp://10.0.0.1,red', 1, /unknown columns: colour/],
    ['name\nkitchen', 1, /“target” is missing/],
    ['', 1, /“target” is missing/],
    [`${HEADER}\nkitchen,,,,,,`, 2, /name, not an address/],
    [`${HEADER}\nhttp://10.0.0.1,,,,,`, 2, /6 cells, the header 7/],
    [`${HEADER}\n"http://10.0.0.1,,,,,,`, 2, /quotation marks/],
    [`${HEADER}\nhttp://10.0.0.1,,02:00,,,,`, 2, /no MAC address/],
    [`${HEADER}\nhttp://10.0.0.1,,,,morse,,`, 2, /no protocol “morse”/],
    [`${HEADER}\nhttp://10.0.0.1,,,,,,yesterday`, 2, /is no time/],
    [`${HEADER}\nhttp://10.0.0.1,,,,,${'x'.repeat(81)},`, 2, /longer than 80/],
    [`${HEADER}\nhttp://10.0.0.1,,,,,,\nhttp://10.0.0.1,,,,,,`, 3, /same target stands in line 2/],
    [`${HEADER}\nhttp://u:p@10.0.0.1,,,,,,`, 2, /credentials/],
  ])('are refused with the number of the line: %o', (csv, line, why) => {
    const fault = { line, text: expect.stringMatching(why) as unknown }
    expect(() => readDeviceCsv(csv, known)).toThrow(
      expect.objectContaining({ code: 'devices-file.invalid', details: { faults: [fault] } }),
    )
  })

  it('name every wrong line', () => {
    expect(() => readDeviceCsv(`${HEADER}\nx,,,,,,\nhttp://10.0.0.1,,,,,,\ny,,,,,,`, known)).toThrow(
      /^line 2: .*, and 1 more; nothing was imported$/,
    )
  })

  it('hold at most 500', () => {
    const lines = Array.from({ length: 501 }, (_, index) => `http://10.0.${String(index >> 8)}.${String(index & 255)}`)
    expect(() => readDeviceCsv(`target\n${lines.join('\n')}`, known)).toThrow(/at most 500/)
  })
})
