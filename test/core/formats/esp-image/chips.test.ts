import { describe, expect, it } from 'vitest'
import {
  chipByImageId,
  chipByName,
  espChips,
  isFlashMapped,
  normaliseChipName,
} from '../../../../src/core/formats/esp-image/chips.ts'

describe('the table of chips', () => {
  it('has each name, image id and UF2 family once', () => {
    for (const key of ['name', 'imageChipId', 'uf2FamilyId'] as const) {
      const values = espChips.map(chip => chip[key]).filter(value => value !== null)
      expect(new Set(values).size).toBe(values.length)
    }
  })

  it('keeps RAM apart from mapped flash', () => {
    for (const chip of espChips) expect([chip.name, isFlashMapped(chip, chip.ram[0])]).toEqual([chip.name, false])
  })

  it('finds a chip by its image id and by its name', () => {
    expect(chipByImageId(9)?.name).toBe('ESP32-S3')
    expect(chipByImageId(0xffff)).toBeUndefined()
    expect(chipByName('ESP32-P4')?.bootloaderOffset).toBe(0x2000)
    expect(chipByName('esp32')).toBeUndefined()
  })
})

describe('the name of a chip', () => {
  it('is its own normal form', () => {
    for (const { name } of espChips) expect(normaliseChipName(name)).toBe(name)
  })

  it.each([
    ['esp32', 'ESP32'],
    ['ESP32-D0WDQ6 (revision v1.0)', 'ESP32'],
    ['ESP32-D0WD-V3 (revision v3.1)', 'ESP32'],
    ['ESP32-D2WD', 'ESP32'],
    ['ESP32-S0WDQ6', 'ESP32'],
    ['ESP32-U4WDH', 'ESP32'],
    ['ESP32-PICO-D4', 'ESP32'],
    ['ESP32-PICO-V3-02 (revision v3.0)', 'ESP32'],
    ['ESP32-WROOM-32', 'ESP32'],
    ['ESP32-CAM', 'ESP32'],
    ['esp32-devkitc', 'ESP32'],
    ['esp32s3', 'ESP32-S3'],
    ['ESP32S3', 'ESP32-S3'],
    ['esp32_s3', 'ESP32-S3'],
    ['ESP32 S3', 'ESP32-S3'],
    ['ESP32-S3 (QFN56) (revision v0.2)', 'ESP32-S3'],
    ['ESP32-S3-PICO-1 (LGA56)', 'ESP32-S3'],
    ['ESP32-S3FN8', 'ESP32-S3'],
    ['esp32-s3-devkitc-1', 'ESP32-S3'],
    ['esp32s31', 'ESP32-S31'],
    ['ESP32-S2FNR2', 'ESP32-S2'],
    ['ESP32-C3 (QFN32) (revision v0.4)', 'ESP32-C3'],
    ['esp32:esp32:esp32c3', 'ESP32-C3'],
    ['ESP8685 (QFN28)', 'ESP32-C3'],
    ['ESP8686', 'ESP32-C3'],
    ['ESP8684H', 'ESP32-C2'],
    ['ESP32-C6FH4 (QFN32)', 'ESP32-C6'],
    ['esp32c61', 'ESP32-C61'],
    ['ESP32-H21', 'ESP32-H21'],
    ['ESP32-H2', 'ESP32-H2'],
    ['ESP8266EX', 'ESP8266'],
    ['ESP8285N16', 'ESP8266'],
  ])('%s is the %s', (text, name) => {
    expect(normaliseChipName(text)).toBe(name)
  })

  it.each([
    '',
    'unknown',
    'STM32F103',
    'ESP32-C99',
    'ESP32-S9',
    'esp32h8',
    'ESP32-C3 or ESP32-S3',
    'ESP3200',
    'ESP8266 beside an ESP32',
  ])('is not guessed from “%s”', text => {
    expect(normaliseChipName(text)).toBeNull()
  })
})
