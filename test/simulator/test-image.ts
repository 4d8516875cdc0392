/** Builds small ESP application images byte by byte, sound or with one fault. */
import { createHash } from 'node:crypto'

export interface TestImageOptions {
  readonly name?: string
  readonly version?: string
  readonly elfSha256?: string
  readonly chipId?: number
  readonly dataBytes?: number
  readonly fault?: 'checksum' | 'hash'
}

export function buildTestImage(options: TestImageOptions = {}): Uint8Array {
  const dataBytes = options.dataBytes ?? 2000
  const descriptor = Buffer.alloc(256)
  descriptor.writeUInt32LE(0xabcd5432, 0)
  descriptor.write(options.version ?? '2.0.0', 16)
  descriptor.write(options.name ?? 'thermostat', 48)
  Buffer.from(options.elfSha256 ?? 'ab'.repeat(32), 'hex').copy(descriptor, 144)
  const data = Buffer.concat([descriptor, Buffer.alloc(dataBytes - (dataBytes % 4), 0x5a)])
  const header = Buffer.alloc(24)
  header[0] = 0xe9
  header[1] = 1
  header.writeUInt32LE(0x4008_0000, 4)
  header.writeUInt16LE(options.chipId ?? 0, 12)
  header[23] = 1
  const segment = Buffer.alloc(8)
  segment.writeUInt32LE(0x3f40_0020, 0)
  segment.writeUInt32LE(data.length, 4)
  const body = Buffer.concat([header, segment, data])
  let checksum = 0xef
  for (const byte of data) checksum ^= byte
  if (options.fault === 'checksum') checksum ^= 1
  const padding = Buffer.alloc(16 - (body.length % 16))
  padding[padding.length - 1] = checksum
  const hashed = Buffer.concat([body, padding])
  const digest = createHash('sha256').update(hashed).digest()
  if (options.fault === 'hash') digest[0] = (digest[0] ?? 0) ^ 1
  return Uint8Array.from(Buffer.concat([hashed, digest]))
}
