/** Commands that ROM and stub answer alike. */
import { wordAt, type LoaderAnswer, type LoaderHost } from './loader.ts'
import type { RegisterFile } from './registers.ts'

/** Flags of GET_SECURITY_INFO. */
const SECURE_BOOT = 1 << 0
const SECURE_DOWNLOAD = 1 << 2

export function readRegister(registers: RegisterFile, data: Uint8Array): LoaderAnswer {
  return { value: registers.read(wordAt(data, 0)) }
}

/** Address, value, mask, delay; as often as there are four words. @returns false for another length */
export function writeRegisters(registers: RegisterFile, data: Uint8Array): boolean {
  if (data.length === 0 || data.length % 16 !== 0) return false
  for (let word = 0; word < data.length / 4; word += 4) {
    registers.write(wordAt(data, word), wordAt(data, word + 1), wordAt(data, word + 2))
  }
  return true
}

/** Flags, count of flash encryption, seven key purposes, and from the ESP32-S3 on chip id and version. */
export function describeSecurity({ chip, imageChipId, security }: LoaderHost): Uint8Array {
  const info = new Uint8Array(chip.securityInfoBytes)
  const view = new DataView(info.buffer)
  view.setUint32(
    0,
    (security.hasSecureBoot ? SECURE_BOOT : 0) | (security.isSecureDownload ? SECURE_DOWNLOAD : 0),
    true,
  )
  view.setUint8(4, security.isEncrypted ? 1 : 0)
  if (chip.securityInfoBytes === 20) view.setUint32(12, imageChipId, true)
  return info
}
