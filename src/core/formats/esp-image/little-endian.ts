/** Reads and writes the little-endian numbers and the NUL-ended texts of Espressif's binary structures. */

/** Reads a byte; 0 past the end, so callers check lengths first. */
export function readUint8(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0
}

export function readUint16(bytes: Uint8Array, offset: number): number {
  return readUint8(bytes, offset) | (readUint8(bytes, offset + 1) << 8)
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  return (readUint16(bytes, offset) | (readUint16(bytes, offset + 2) << 16)) >>> 0
}

/** Reads a text of at most `maximumBytes` that ends at the first NUL or fills its field. */
export function readText(bytes: Uint8Array, offset: number, maximumBytes: number): string {
  const field = bytes.subarray(offset, offset + maximumBytes)
  const end = field.indexOf(0)
  return new TextDecoder('utf-8').decode(end < 0 ? field : field.subarray(0, end))
}

export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value & 0xff
  bytes[offset + 1] = (value >>> 8) & 0xff
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  writeUint16(bytes, offset, value & 0xffff)
  writeUint16(bytes, offset + 2, value >>> 16)
}

/** Writes a text into a field of NULs; what does not fit is cut at a whole character. */
export function writeText(bytes: Uint8Array, offset: number, maximumBytes: number, text: string): void {
  new TextEncoder().encodeInto(text, bytes.subarray(offset, offset + maximumBytes))
}

export function isFilledWith(bytes: Uint8Array, value: number): boolean {
  for (const byte of bytes) if (byte !== value) return false
  return true
}
