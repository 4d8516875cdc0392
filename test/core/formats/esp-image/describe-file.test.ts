import { describe, expect, it } from 'vitest'
import { buildEspImage } from '../../../../src/core/formats/esp-image/build-image.ts'
import { espChips } from '../../../../src/core/formats/esp-image/chips.ts'
import { describeEspFile } from '../../../../src/core/formats/esp-image/describe-file.ts'
import { buildOtaData } from '../../../../src/core/formats/esp-image/ota-data.ts'
import { buildPartitionTable } from '../../../../src/core/formats/esp-image/partition-table.ts'
import type { EspDescription, EspReport } from '../../../../src/core/formats/esp-image/report-fields.ts'
import { randomInteger, seededRandom } from '../hex-samples.ts'
import { app, bootloader, esp8266Image, partitions, sign } from './esp-files.ts'

function described(bytes: Uint8Array): EspDescription {
  const description = describeEspFile(bytes)
  if (description === null) throw new Error('the file was not recognised')
  return description
}

const reportOf = (bytes: Uint8Array): EspReport => described(bytes).esp
const findingsOf = (bytes: Uint8Array): readonly string[] =>
  described(bytes).findings.map(({ severity, code }) => `${severity} ${code}`)

describe('an application', () => {
  it('tells chip, revisions, flash settings, ends and descriptor', () => {
    expect(reportOf(app('ESP32-S3'))).toEqual({
      kind: 'app',
      chip: 'ESP32-S3',
      chipId: 9,
      minChipRevision: 0,
      maxChipRevision: null,
      segmentCount: 2,
      entryAddress: 0x3fc8_8000,
      flashMode: 'DIO',
      flashSize: '4MB',
      flashFrequency: '40m',
      checksumValid: true,
      sha256Valid: true,
      declaredBytes: 4096,
      trailingBytes: 0,
      isSigned: false,
      app: {
        projectName: 'thermostat',
        version: '1.2.3',
        idfVersion: 'v5.4',
        buildDate: 'Jan  1 2026',
        buildTime: '00:00:00',
        elfSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
        secureVersion: 0,
      },
      partitions: null,
      parts: null,
    })
    expect(findingsOf(app())).toEqual([])
  })

  it('is known for every chip of the ESP32 family', () => {
    for (const chip of espChips.filter(({ imageChipId }) => imageChipId !== null)) {
      const bytes = app(chip.name, 200_000)
      expect(reportOf(bytes)).toMatchObject({ kind: 'app', chip: chip.name, checksumValid: true, sha256Valid: true })
      expect([chip.name, findingsOf(bytes)]).toEqual([chip.name, []])
    }
  })

  it('tells its revision limits, the old form of the lower one too', () => {
    const bytes = app()
    bytes.writeUInt16LE(101, 15)
    bytes.writeUInt16LE(399, 17)
    expect(reportOf(bytes)).toMatchObject({ minChipRevision: 101, maxChipRevision: 399 })
    bytes.writeUInt16LE(0, 15)
    bytes[14] = 3
    expect(reportOf(bytes)).toMatchObject({ minChipRevision: 300 })
  })

  it('without a descriptor is told from a bootloader by its mapped segments', () => {
    const bytes = buildEspImage({
      chip: 'ESP32',
      segments: [{ address: 0x3f40_0020, bytes: Buffer.alloc(400, 7) }],
      entryAddress: 0x4008_0000,
    })
    expect(reportOf(bytes)).toMatchObject({ kind: 'app', app: null })
    expect(findingsOf(bytes)).toEqual(['warning no-app-descriptor'])
  })

  it('of the Arduino core has a version that is not the sketch’s', () => {
    const bytes = buildEspImage({
      chip: 'ESP32',
      segments: [{ address: 0x3f40_0020, bytes: Buffer.alloc(400) }],
      entryAddress: 0x4008_0000,
      app: { projectName: 'arduino-lib-builder', version: 'esp-idf: v4.4.7' },
    })
    expect(findingsOf(bytes)).toEqual(['info arduino-build'])
  })

  it('has its descriptor’s texts cleaned of what a terminal obeys', () => {
    const bytes = buildEspImage({
      chip: 'ESP32',
      segments: [{ address: 0x3f40_0020, bytes: Buffer.alloc(400) }],
      entryAddress: 0x4008_0000,
      app: { projectName: '\u001b[2Jx', version: 'a\nb' },
    })
    expect(reportOf(bytes).app).toMatchObject({ projectName: '·[2Jx', version: 'a·b' })
  })

  it('for a chip that is not in the table is read with a warning', () => {
    const bytes = app()
    bytes.writeUInt16LE(77, 12)
    expect(reportOf(bytes)).toMatchObject({ chip: null, chipId: 77 })
    expect(findingsOf(bytes)).toContain('warning unknown-chip')
  })

  it('without its own SHA-256 is said to be guarded by one byte', () => {
    const segments = [{ address: 0x3f40_0020, bytes: Buffer.alloc(400) }]
    const bytes = buildEspImage({ chip: 'ESP32', segments, entryAddress: 0, app: {}, appendHash: false })
    expect(reportOf(bytes)).toMatchObject({ sha256Valid: null, checksumValid: true, declaredBytes: bytes.length })
    expect(findingsOf(bytes)).toEqual(['info no-sha256'])
  })
})

describe('what follows an image', () => {
  it('is counted, and named as filler when it is', () => {
    const image = app()
    expect(reportOf(Buffer.concat([image, Buffer.of(0xb7, 0x83)])).trailingBytes).toBe(2)
    expect(findingsOf(Buffer.concat([image, Buffer.of(0xb7, 0x83)]))).toEqual(['warning trailing-bytes'])
    expect(findingsOf(Buffer.concat([image, Buffer.alloc(100, 0xff)]))).toEqual(['info trailing-padding'])
  })

  it('is no garbage when it is a secure-boot signature', () => {
    const signed = sign(app())
    expect(reportOf(signed)).toMatchObject({ isSigned: true, declaredBytes: signed.length, trailingBytes: 0 })
    expect(findingsOf(signed)).toEqual(['info signed-image'])
  })

  it('is a wrong signature when it was made for other bytes', () => {
    const signed = sign(app('ESP32', 4000))
    signed[4050] = 0
    expect(findingsOf(signed)).toEqual(['error bad-signature', 'info signed-image'])
  })

  it('may be a signature of secure boot v1', () => {
    const signed = Buffer.concat([app(), Buffer.alloc(4), Buffer.alloc(64, 0x77)])
    expect(reportOf(signed)).toMatchObject({ isSigned: true, trailingBytes: 0 })
  })
})

describe('a damaged image is read, and its findings say error', () => {
  it('a changed data byte breaks checksum and SHA-256', () => {
    const bytes = app()
    bytes[1000] = (bytes[1000] ?? 0) ^ 0x10
    expect(reportOf(bytes)).toMatchObject({ checksumValid: false, sha256Valid: false })
    expect(findingsOf(bytes)).toEqual(['error bad-checksum', 'error bad-sha256'])
  })

  it('two changed bytes may keep the checksum, not the SHA-256', () => {
    const bytes = app()
    bytes[1000] = (bytes[1000] ?? 0) ^ 0x10
    bytes[1001] = (bytes[1001] ?? 0) ^ 0x10
    expect(reportOf(bytes)).toMatchObject({ checksumValid: true, sha256Valid: false })
  })

  it('cut off anywhere, it says so and nothing is called valid', () => {
    const bytes = app()
    for (let length = 40; length < bytes.length; length += 13) {
      const { esp, findings } = described(bytes.subarray(0, length))
      expect([length, findings.map(({ code }) => code)]).toEqual([length, expect.arrayContaining(['truncated'])])
      expect(esp).toMatchObject({ kind: 'app', chip: 'ESP32', checksumValid: null, declaredBytes: null })
    }
  })

  it.each<[string, (bytes: Buffer) => void]>([
    ['segment-count', bytes => bytes.writeUInt8(17, 1)],
    ['segment-count', bytes => bytes.writeUInt8(0, 1)],
    ['segment-size', bytes => bytes.writeUInt32LE(101, 28)],
    ['segment-size', bytes => bytes.writeUInt32LE(0x0200_0000, 28)],
    ['truncated', bytes => bytes.writeUInt32LE(0x0010_0000, 28)],
  ])('%s', (code, damage) => {
    const bytes = app()
    damage(bytes)
    expect(findingsOf(bytes)).toContain(`error ${code}`)
  })

  it('whatever is changed, nothing is thrown', () => {
    const random = seededRandom(99)
    for (const original of [app(), bootloader(), sign(app()), Buffer.from(buildPartitionTable(partitions))]) {
      for (let round = 0; round < 200; round++) {
        const bytes = Buffer.from(original)
        for (let change = 0; change < 3; change++) {
          bytes[randomInteger(random, 0, Math.min(63, bytes.length - 1))] = randomInteger(random, 0, 255)
        }
        expect(() => describeEspFile(bytes.subarray(0, randomInteger(random, 0, bytes.length)))).not.toThrow()
      }
    }
  })
})

describe('other files of the ESP32 family', () => {
  it('a bootloader has no mapped segment, and its place is named', () => {
    for (const [chip, place] of [
      ['ESP32', '0x1000'],
      ['ESP32-S3', '0x0'],
      ['ESP32-P4', '0x2000'],
    ] as const) {
      const { esp, findings } = described(bootloader(chip))
      expect(esp).toMatchObject({ kind: 'bootloader', chip, app: null })
      expect(findings.map(({ code }) => code)).toEqual(['bootloader-image'])
      expect(findings[0]?.text).toContain(`flash offset ${place},`)
    }
  })

  it('a partition table is listed, its MD5 is checked', () => {
    const bytes = buildPartitionTable(partitions)
    expect(reportOf(bytes)).toMatchObject({ kind: 'partition-table', checksumValid: true, partitions, chip: null })
    expect(findingsOf(bytes)).toEqual([])
    bytes[12] = 0
    expect(findingsOf(bytes)).toEqual(['error partition-table-fault'])
    expect(findingsOf(buildPartitionTable(partitions).subarray(0, 4 * 32))).toEqual(['warning partition-md5-missing'])
  })

  it('a signed partition table has nothing behind its end', () => {
    const signed = sign(buildPartitionTable(partitions))
    expect(reportOf(signed)).toMatchObject({ kind: 'partition-table', isSigned: true, trailingBytes: 0 })
    expect(findingsOf(signed)).toEqual([])
    signed[0xf00] = 0
    expect(findingsOf(signed)).toEqual(['error bad-signature'])
  })

  it('otadata tells which record decides', () => {
    const { esp, findings } = described(buildOtaData(4, 'valid'))
    expect(esp.kind).toBe('otadata')
    expect(findings[0]?.text).toBe('sequence 4 in sector 0 decides the app slot (state: valid)')
    expect(described(buildOtaData(4, 'aborted')).findings[0]?.text).toContain('no record is valid')
  })

  it('other bytes are none of them', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(8192, 0xff), Buffer.from('hello'), Buffer.alloc(100)]) {
      expect(describeEspFile(bytes)).toBeNull()
    }
  })
})

describe('the ESP8266', () => {
  const code = Buffer.alloc(64, 3)

  it('has a header of 8 bytes and no SHA-256', () => {
    const bytes = esp8266Image([
      [0x4020_1010, code],
      [0x4010_0000, code],
    ])
    expect(reportOf(bytes)).toMatchObject({
      kind: 'app',
      chip: 'ESP8266',
      chipId: null,
      flashSize: '4MB',
      checksumValid: true,
      sha256Valid: null,
      declaredBytes: bytes.length,
    })
    expect(findingsOf(bytes)).toEqual([])
  })

  it('has its application behind the loader of the Arduino core', () => {
    const loader = esp8266Image([[0x4010_f000, code]])
    const application = esp8266Image([
      [0x4020_1010, code],
      [0x3ffe_8000, code],
      [0x4010_0000, code],
    ])
    const bytes = Buffer.concat([loader, Buffer.alloc(0x1000 - loader.length, 0xaa), application])
    expect(reportOf(bytes)).toMatchObject({ kind: 'app', segmentCount: 3, declaredBytes: bytes.length })
    expect(findingsOf(bytes)).toEqual([])
    bytes[0x1000 + 40] = 0
    expect(findingsOf(bytes)).toEqual(['error bad-checksum'])
  })

  it('may have two headers, the first for its mapped code', () => {
    const mapped = Buffer.alloc(8 + 8 + 32)
    mapped.set([0xea, 4, 2, 0x40])
    mapped.writeUInt32LE(32, 12)
    const bytes = Buffer.concat([mapped, esp8266Image([[0x4010_0000, code]])])
    expect(reportOf(bytes)).toMatchObject({ kind: 'app', chip: 'ESP8266', checksumValid: true, trailingBytes: 0 })
  })

  it('of the RTOS SDK has the long header, told apart by where it begins to run', () => {
    const bytes = buildEspImage({
      chip: 'ESP32',
      segments: [{ address: 0x4010_0000, bytes: code }],
      entryAddress: 0x4010_0010,
    })
    expect(reportOf(bytes)).toMatchObject({ chip: 'ESP8266', chipId: null })
  })
})
