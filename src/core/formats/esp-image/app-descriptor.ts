/** The application descriptor that ESP-IDF puts at the start of an app's first flash-mapped segment. */
import type { Inspection } from '../../../shared/contract/models.ts'
import { readText, readUint32, writeText, writeUint16, writeUint32 } from './little-endian.ts'

/** Source: ESP-IDF `esp_app_desc.h`, struct `esp_app_desc_t`. */
export const APP_DESCRIPTOR_BYTES = 256
export const APP_DESCRIPTOR_MAGIC = 0xabcd5432

export type AppDescriptor = NonNullable<NonNullable<Inspection['esp']>['app']>

/** Reads the descriptor at `offset`; null where the magic is not there. Its texts are the builder's words, not checked. */
export function readAppDescriptor(bytes: Uint8Array, offset: number): AppDescriptor | null {
  if (offset + APP_DESCRIPTOR_BYTES > bytes.length || readUint32(bytes, offset) !== APP_DESCRIPTOR_MAGIC) return null
  return {
    secureVersion: readUint32(bytes, offset + 4),
    version: readText(bytes, offset + 16, 32),
    projectName: readText(bytes, offset + 48, 32),
    buildTime: readText(bytes, offset + 80, 16),
    buildDate: readText(bytes, offset + 96, 16),
    idfVersion: readText(bytes, offset + 112, 32),
    elfSha256: Buffer.from(bytes.subarray(offset + 144, offset + 176)).toString('hex'),
  }
}

/**
 * Makes the 256 bytes of a descriptor. A text too long for its field (31 bytes; 15 for time and date) is cut.
 * @param app.elfSha256 64 hex digits; zeros where it is shorter
 */
export function buildAppDescriptor(app: AppDescriptor): Uint8Array {
  const bytes = new Uint8Array(APP_DESCRIPTOR_BYTES)
  writeUint32(bytes, 0, APP_DESCRIPTOR_MAGIC)
  writeUint32(bytes, 4, app.secureVersion)
  writeText(bytes, 16, 31, app.version)
  writeText(bytes, 48, 31, app.projectName)
  writeText(bytes, 80, 15, app.buildTime)
  writeText(bytes, 96, 15, app.buildDate)
  writeText(bytes, 112, 31, app.idfVersion)
  bytes.set(Buffer.from(app.elfSha256, 'hex').subarray(0, 32), 144)
  // Any eFuse block revision; memory pages of 64 KiB (log2).
  writeUint16(bytes, 178, 0xffff)
  bytes[180] = 16
  return bytes
}
