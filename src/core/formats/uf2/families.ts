/** Names of the UF2 families: Espressif's from the chip table, the others from microsoft/uf2 `utils/uf2families.json`. */
import { espChips } from '../esp-image/chips.ts'

const otherFamilies: readonly (readonly [id: number, name: string])[] = [
  [0x647824b6, 'STM32F0'],
  [0x5ee21072, 'STM32F1'],
  [0x5d1a0a2e, 'STM32F2'],
  [0x6b846188, 'STM32F3'],
  [0x57755a57, 'STM32F4'],
  [0x6d0922fa, 'STM32F407'],
  [0x8fb060fe, 'STM32F407VG'],
  [0x53b80f00, 'STM32F7'],
  [0x300f5633, 'STM32G0'],
  [0x4c71240a, 'STM32G4'],
  [0x6db66082, 'STM32H7'],
  [0x202e3a91, 'STM32L0'],
  [0x1e1f432d, 'STM32L1'],
  [0x00ff6919, 'STM32L4'],
  [0x04240bdf, 'STM32L5'],
  [0x70d16653, 'STM32WB'],
  [0x21460ff0, 'STM32WL'],
  [0x31d228c6, 'GD32F350'],
  [0x9af03e33, 'GD32VF103'],
  [0xe48bff56, 'RP2040'],
  [0x1b57745f, 'NRF52'],
  [0x621e937a, 'NRF52833'],
  [0xada52840, 'NRF52840'],
  [0x68ed2b88, 'SAMD21'],
  [0x55114460, 'SAMD51'],
]

const names = new Map<number, string>(otherFamilies)
for (const chip of espChips) if (chip.uf2FamilyId !== null) names.set(chip.uf2FamilyId, chip.name)

/** `ESP32-S3`, or the number as `0xC47E5767` for a family that has no name here. */
export function shortFamilyName(familyId: number): string {
  return names.get(familyId) ?? nameFamily(familyId)
}

/** `ESP32-S3 (0xC47E5767)`, or the number alone for a family that has no name here. */
export function nameFamily(familyId: number): string {
  const number = `0x${familyId.toString(16).toUpperCase().padStart(8, '0')}`
  const name = names.get(familyId)
  return name === undefined ? number : `${name} (${number})`
}
