/** The CRC unit of an STM32: 32 bits, whole little-endian words, the highest bit first, no final change (AN3155 3.13). */

/** @param bytes a whole number of words */
export function stm32Crc(bytes: Uint8Array, polynomial: number, initial: number): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let crc = initial >>> 0
  for (let at = 0; at < bytes.length; at += 4) {
    crc = (crc ^ words.getUint32(at, true)) >>> 0
    for (let bit = 0; bit < 32; bit++) crc = ((crc & 0x8000_0000) === 0 ? crc << 1 : (crc << 1) ^ polynomial) >>> 0
  }
  return crc
}
