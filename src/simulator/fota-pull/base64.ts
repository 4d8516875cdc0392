/** Base64 as small firmware reads it: characters that are none are skipped, the first `=` ends it. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const values = new Map(Array.from(ALPHABET, (character, value) => [character, value]))

export function decodeBase64(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let size = 0
  let bits = 0
  let bitCount = 0
  for (const character of text) {
    if (character === '=') break
    const value = values.get(character)
    if (value === undefined) continue
    bits = ((bits << 6) | value) & 0xffff
    bitCount += 6
    if (bitCount < 8) continue
    bitCount -= 8
    bytes[size++] = (bits >> bitCount) & 0xff
  }
  return bytes.subarray(0, size)
}
