import { describe, expect, it } from 'vitest'
import { readAppDescriptor } from '../../../../src/core/formats/esp-image/app-descriptor.ts'
import { buildEspImage } from '../../../../src/core/formats/esp-image/build-image.ts'
import { chipByName, espChips, isFlashMapped } from '../../../../src/core/formats/esp-image/chips.ts'
import { buildDemoFirmware } from '../../../../src/core/formats/esp-image/demo-firmware.ts'
import { walkImage, type EspImageLayout } from '../../../../src/core/formats/esp-image/image-layout.ts'

function walked(bytes: Uint8Array): EspImageLayout {
  const layout = walkImage(bytes)
  if (layout === null) throw new Error('no image')
  return layout
}

/** What the chip demands of mapped data: file offset and address agree within a page of 64 KiB. */
function expectAligned(chipName: string, layout: EspImageLayout): void {
  const chip = chipByName(chipName)
  for (const { loadAddress, fileOffset } of layout.segments) {
    if (chip === undefined || !isFlashMapped(chip, loadAddress)) continue
    expect([chipName, (loadAddress - fileOffset) % 0x1_0000]).toEqual([chipName, 0])
  }
}

describe('an image that is built', () => {
  it('has its checksum at the end of a line of 16 bytes and its SHA-256 behind', () => {
    for (let length = 0; length < 40; length += 4) {
      const segments = [{ address: 0x3fff_0000, bytes: Buffer.alloc(length, 1) }]
      const bytes = buildEspImage({ chip: 'ESP32', segments, entryAddress: 0x4008_0000 })
      const layout = walked(bytes)
      expect(bytes.length % 16).toBe(0)
      expect(layout.fault).toBeNull()
      expect(layout.checksum?.expected).toBe(layout.checksum?.found)
      expect(layout.digest?.expected).toBe(layout.digest?.found)
      expect(layout.imageBytes).toBe(bytes.length)
    }
  })

  it('moves mapped segments to where their page wants them, with filler between', () => {
    const bytes = buildEspImage({
      chip: 'ESP32',
      segments: [
        { address: 0x3f40_0020, bytes: Buffer.alloc(1000, 1) },
        { address: 0x3ffb_0000, bytes: Buffer.alloc(50, 2) },
        { address: 0x400d_0020, bytes: Buffer.alloc(2000, 3) },
      ],
      entryAddress: 0x4008_0000,
    })
    const layout = walked(bytes)
    expectAligned('ESP32', layout)
    expect(layout.segments.map(({ loadAddress }) => loadAddress)).toEqual([0x3f40_0020, 0x3ffb_0000, 0, 0x400d_0020])
    expect(layout.fault).toBeNull()
  })

  it('fills a segment to a multiple of 4 with zeros', () => {
    const segments = [{ address: 0x3fff_0000, bytes: Buffer.of(1, 2, 3, 4, 5) }]
    const bytes = buildEspImage({ chip: 'ESP32', segments, entryAddress: 0 })
    expect(walked(bytes).segments).toEqual([{ loadAddress: 0x3fff_0000, fileOffset: 32, sizeBytes: 8 }])
    expect([...bytes.subarray(32, 40)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0])
  })

  it('keeps its descriptor, and cuts texts that are too long for it', () => {
    const bytes = buildEspImage({
      chip: 'ESP32-C3',
      segments: [{ address: 0x3c00_0020, bytes: Buffer.alloc(16) }],
      entryAddress: 0x4038_0000,
      minChipRevision: 3,
      app: { projectName: 'p'.repeat(40), version: '1.0', elfSha256: 'ab'.repeat(32), secureVersion: 7 },
    })
    expect(readAppDescriptor(bytes, 32)).toEqual({
      projectName: 'p'.repeat(31),
      version: '1.0',
      idfVersion: '',
      buildDate: '',
      buildTime: '',
      elfSha256: 'ab'.repeat(32),
      secureVersion: 7,
    })
    expect(walked(bytes).header).toMatchObject({ minChipRevision: 3, maxChipRevision: null })
  })

  it('is refused for chips and sizes that no image has', () => {
    const segment = { address: 0x3fff_0000, bytes: Buffer.alloc(4) }
    const build = (chip: string, segments: readonly { address: number; bytes: Uint8Array }[]) => () =>
      buildEspImage({ chip, segments, entryAddress: 0 })
    expect(build('ESP8266', [segment])).toThrow(RangeError)
    expect(build('ESP31', [segment])).toThrow(RangeError)
    expect(build('ESP32', [])).toThrow(RangeError)
    expect(
      build(
        'ESP32',
        Array.from({ length: 17 }, () => segment),
      ),
    ).toThrow(RangeError)
    expect(build('ESP32', [{ ...segment, bytes: new Uint8Array(0x100_0000) }])).toThrow(RangeError)
  })
})

describe('a demonstration firmware', () => {
  it('has the wanted size, in steps of 16', () => {
    for (const sizeBytes of [1024, 1040, 65_536, 131_072, 262_144, 262_160, 1_048_576, 3_000_000]) {
      const bytes = buildDemoFirmware({ sizeBytes, version: '1', seed: 1 })
      expect(bytes).toHaveLength(sizeBytes)
      expect(walked(bytes)).toMatchObject({ fault: null, imageBytes: sizeBytes })
    }
    expect(buildDemoFirmware({ sizeBytes: 1, version: '1', seed: 1 })).toHaveLength(1024)
    expect(buildDemoFirmware({ sizeBytes: 5001, version: '1', seed: 1 })).toHaveLength(5008)
  })

  it('is valid and aligned for every chip', () => {
    for (const { name, imageChipId } of espChips) {
      if (imageChipId === null) continue
      const layout = walked(buildDemoFirmware({ chip: name, sizeBytes: 400_000, version: '1', seed: 1 }))
      expectAligned(name, layout)
      expect([name, layout.hasFlashSegments, layout.header.chipId]).toEqual([name, true, imageChipId])
      expect(layout.checksum?.expected).toBe(layout.checksum?.found)
      expect(layout.digest?.expected).toBe(layout.digest?.found)
    }
  })

  it('is the same for the same seed and another for another seed or version', () => {
    const build = (seed: number, version: string): Buffer =>
      Buffer.from(buildDemoFirmware({ sizeBytes: 2048, version, seed }))
    expect(build(1, '1').equals(build(1, '1'))).toBe(true)
    expect(build(1, '1').equals(build(2, '1'))).toBe(false)
    const [one, two] = [build(1, '1'), build(1, '2')].map(bytes => readAppDescriptor(bytes, 32)?.elfSha256)
    expect(one).not.toBe(two)
  })

  it('is refused for a chip that is not known', () => {
    expect(() => buildDemoFirmware({ chip: 'ESP31', sizeBytes: 1, version: '1', seed: 1 })).toThrow(RangeError)
  })
})
