/**
 * How the gateway takes a file out of a form: no parser, but three searches. Each of its habits corrupts or refuses some
 * firmware, and a virtual gateway has them all.
 */

/** What the first read of the body may hold. */
export const FIRST_READ_BYTES = 2047

const BLANK_LINE = Buffer.from('\r\n\r\n')
/** What a browser made of Chromium writes in front of its random letters; a boundary of anybody else is not found. */
const BOUNDARY = Buffer.from('------WebKitFormBoundary')
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const trailing = new Set([CARRIAGE_RETURN, LINE_FEED, 0x20, 0x09])

export interface PartHead {
  /** Where the file begins in the first read. */
  readonly contentOffset: number
  /** Whether its name says that it is Intel HEX. */
  readonly isHexByName: boolean
}

/** @param firstRead at most `FIRST_READ_BYTES` @returns null when the head of the part does not end in it */
export function findPartHead(firstRead: Buffer): PartHead | null {
  const end = firstRead.indexOf(BLANK_LINE)
  if (end === -1) return null
  const [, fileName = ''] = /filename="([^"]*)"/.exec(firstRead.toString('latin1')) ?? []
  return { contentOffset: end + BLANK_LINE.length, isHexByName: /.\.(hex|HEX)$/.test(fileName) }
}

/** Cuts the line of the first boundary that it finds, then what looks like white space; without one nothing is cut. */
export function cutBoundary(raw: Buffer): Buffer {
  const found = raw.indexOf(BOUNDARY)
  if (found === -1) return raw
  let end = found
  while (end > 0 && raw[end - 1] !== LINE_FEED && raw[end - 1] !== CARRIAGE_RETURN) end--
  while (end > 0 && trailing.has(raw[end - 1] ?? 0)) end--
  return raw.subarray(0, end)
}
