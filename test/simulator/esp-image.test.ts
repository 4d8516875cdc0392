import { describe, expect, it } from 'vitest'
import { buildDemoFirmware } from '../../src/core/formats/esp-image/demo-firmware.ts'
import { checkEspImage, looksLikeEspImage } from '../../src/simulator/board/esp-image.ts'
import { buildTestImage } from './test-image.ts'

describe('the bootloader’s check of an image', () => {
  it.each(['ESP32', 'ESP32-S2', 'ESP32-S3', 'ESP32-C3', 'ESP32-C6', 'ESP32-H2'])(
    'accepts what the workstation builds for %s, and agrees about its name',
    chip => {
      for (const sizeBytes of [1024, 70_001, 400_000]) {
        const image = buildDemoFirmware({ sizeBytes, version: '3.1.4', seed: 5, chip, projectName: 'kiln' })
        const check = checkEspImage(image, chip)
        expect(check).toMatchObject({ problem: null, app: { name: 'kiln', version: '3.1.4' } })
        expect(checkEspImage(image, chip === 'ESP32' ? 'ESP32-S3' : 'ESP32').problem).toMatch(/^mismatch chip ID/)
      }
    },
  )

  it('finds every single flipped bit of header, segments, checksum and hash that it covers', () => {
    const image = buildTestImage({ dataBytes: 64 })
    for (let at = 24; at < image.length; at++) {
      const flipped = Uint8Array.from(image)
      flipped[at] = (flipped[at] ?? 0) ^ 0x10
      expect(checkEspImage(flipped, 'ESP32').problem, `byte ${String(at)}`).not.toBeNull()
    }
  })

  it('refuses every truncation', () => {
    const image = buildTestImage({ dataBytes: 64 })
    for (let length = 0; length < image.length; length++) {
      expect(checkEspImage(image.subarray(0, length), 'ESP32').problem, `${String(length)} bytes`).not.toBeNull()
    }
  })

  it('ignores bytes behind the image and images without a descriptor', () => {
    const image = Buffer.concat([buildTestImage(), Buffer.from([1, 2])])
    expect(checkEspImage(image, 'ESP32').problem).toBeNull()
  })

  it('refuses a bootloader in the place of an application', () => {
    const image = Buffer.from(buildTestImage())
    image.writeUInt32LE(0x4007_8000, 24)
    expect(checkEspImage(image, 'ESP32').problem).toBe('segment 0 overlaps the bootloader')
  })

  it('takes nothing else for an image', () => {
    for (const bytes of [[], [0xe9], [0xe9, 0, ...Array<number>(40).fill(0)], Array<number>(40).fill(0xff)]) {
      expect(looksLikeEspImage(Uint8Array.from(bytes))).toBe(false)
    }
  })
})
