/** The descriptor at the head of an ESP-IDF application, as the application prints it. Source: protocol sheet 4.2. */

export interface AppText {
  readonly projectName: string
  readonly version: string
  readonly buildDate: string
  readonly buildTime: string
  readonly idfVersion: string
  /** 64 hexadecimal digits. */
  readonly elfSha256: string
}

const MAGIC = 0xabcd_5432
const DESCRIPTOR_BYTES = 256

/** @returns null where the first segment does not begin with one */
export function describeApp(firstSegment: Uint8Array): AppText | null {
  if (firstSegment.length < DESCRIPTOR_BYTES) return null
  const view = new DataView(firstSegment.buffer, firstSegment.byteOffset, firstSegment.byteLength)
  if (view.getUint32(0, true) !== MAGIC) return null
  const text = (offset: number, sizeBytes: number): string => {
    const field = firstSegment.subarray(offset, offset + sizeBytes)
    const end = field.indexOf(0)
    return new TextDecoder().decode(end === -1 ? field : field.subarray(0, end))
  }
  return {
    version: text(16, 32),
    projectName: text(48, 32),
    buildTime: text(80, 16),
    buildDate: text(96, 16),
    idfVersion: text(112, 32),
    elfSha256: Buffer.from(firstSegment.subarray(144, 176)).toString('hex'),
  }
}
