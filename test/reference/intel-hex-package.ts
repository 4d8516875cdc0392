/** The npm package `intel-hex` with types: the second opinion on Intel HEX. */
import { createRequire } from 'node:module'

interface ParsedHex {
  readonly data: Buffer
  readonly startSegmentAddress: number | null
  readonly startLinearAddress: number | null
}

// The package has no types of its own; this is what its documentation promises.
const intelHexPackage = createRequire(import.meta.url)('intel-hex') as {
  parse(text: Buffer, bufferBytes: number | undefined, addressOffset: number): ParsedHex
}

/**
 * Parses a text that begins at `lowestAddress`.
 * @throws {Error} where the package does not handle the file
 */
export function parseWithPackage(text: Buffer, lowestAddress: number): ParsedHex {
  return intelHexPackage.parse(text, undefined, lowestAddress)
}
