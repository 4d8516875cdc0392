/** The values of hexadecimal digits by character code, for the text formats. */

/** Marks a character that is no digit: more than any digit's value. */
export const NOT_A_DIGIT = 0xff

export const nibbles = new Uint8Array(256).fill(NOT_A_DIGIT)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  nibbles[digit.charCodeAt(0)] = value
  nibbles[digit.toUpperCase().charCodeAt(0)] = value
}
