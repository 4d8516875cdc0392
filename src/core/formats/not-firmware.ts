/** Knows by their first bytes the files that people send by mistake: web pages, archives, pictures, scripts, text. */

/** The code that `--accept` names to treat a web page, an archive or a text as raw bytes all the same. */
export const ACCEPT_NOT_FIRMWARE = 'not-firmware'

export interface NotFirmware {
  /** Stable id such as `web-page`, `zip-archive`, `plain-text`. */
  readonly kind: string
  /** What it is and the next step, as the end of a sentence that began with the file's name. */
  readonly text: string
}

interface Signature extends NotFirmware {
  readonly bytes: readonly number[]
  readonly offset?: number
}

const EXTRACT = 'extract it and choose the firmware file inside'
const signatures: readonly Signature[] = [
  { kind: 'zip-archive', text: `this is a ZIP archive; ${EXTRACT}`, bytes: [0x50, 0x4b, 0x03, 0x04] },
  { kind: 'zip-archive', text: 'this is an empty ZIP archive', bytes: [0x50, 0x4b, 0x05, 0x06] },
  { kind: 'gzip-archive', text: `this is compressed with gzip; ${EXTRACT}`, bytes: [0x1f, 0x8b, 0x08] },
  { kind: 'xz-archive', text: `this is compressed with xz; ${EXTRACT}`, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  {
    kind: 'bzip2-archive',
    text: `this is compressed with bzip2; ${EXTRACT}`,
    bytes: [0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
    offset: 4,
  },
  { kind: 'zstd-archive', text: `this is compressed with zstd; ${EXTRACT}`, bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { kind: 'tar-archive', text: `this is a TAR archive; ${EXTRACT}`, bytes: textBytes('ustar'), offset: 257 },
  { kind: 'rar-archive', text: `this is a RAR archive; ${EXTRACT}`, bytes: [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07] },
  { kind: '7z-archive', text: `this is a 7-Zip archive; ${EXTRACT}`, bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
  {
    kind: 'static-library',
    text: 'this is a static library; link it first and choose the linked image',
    bytes: textBytes('!<arch>\n'),
  },
  { kind: 'pdf', text: 'this is a PDF document; choose the firmware file', bytes: textBytes('%PDF-') },
  { kind: 'png', text: 'this is a PNG picture; choose the firmware file', bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a] },
  { kind: 'jpeg', text: 'this is a JPEG picture; choose the firmware file', bytes: [0xff, 0xd8, 0xff, 0xe0] },
  { kind: 'jpeg', text: 'this is a JPEG picture; choose the firmware file', bytes: [0xff, 0xd8, 0xff, 0xe1] },
  { kind: 'gif', text: 'this is a GIF picture; choose the firmware file', bytes: textBytes('GIF8') },
  { kind: 'sqlite', text: 'this is an SQLite database', bytes: textBytes('SQLite format 3\0') },
  { kind: 'utf16-text', text: 'this is UTF-16 text; save it as plain ASCII text', bytes: [0xff, 0xfe] },
  { kind: 'utf16-text', text: 'this is UTF-16 text; save it as plain ASCII text', bytes: [0xfe, 0xff] },
  {
    kind: 'shell-script',
    text: 'this is a script; choose the firmware that it makes or sends',
    bytes: textBytes('#!'),
  },
]

/**
 * Says what a file is when it certainly is no firmware; null where it may be some. A shared first byte is not enough:
 * texts count only when the whole head is text made of words.
 */
export function describeNotFirmware(head: Uint8Array): NotFirmware | null {
  for (const { kind, text, bytes, offset = 0 } of signatures) {
    const isUtf16Mark = kind === 'utf16-text'
    const matches = bytes.every((byte, index) => head[offset + index] === byte)
    if (matches && (!isUtf16Mark || looksLikeUtf16(head))) return { kind, text }
  }
  const text = decodeText(head)
  if (text === null) return null
  const start = text.trimStart().slice(0, 200).toLowerCase()
  if (/^(<!doctype\s+html|<html|<head|<body|<script|<!--)/.test(start)) {
    return {
      kind: 'web-page',
      text: 'this is a web page, perhaps a login or error page that was saved; download the file again',
    }
  }
  if (start.startsWith('<?xml') || /^<[a-z][\w:-]*[\s>/]/.test(start)) {
    return { kind: 'xml', text: 'this is an XML or HTML text, no firmware; download the file again' }
  }
  if (/^[{[]\s*("|\{|\[|\d|\}|\])/.test(start)) {
    return {
      kind: 'json',
      text: 'this is a JSON text, perhaps an error answer or a manifest; choose the firmware file',
    }
  }
  if (start.startsWith('version https://git-lfs')) {
    return { kind: 'git-lfs-pointer', text: 'this is a Git LFS pointer; run “git lfs pull” to get the file itself' }
  }
  // Words: a run of one printable character or of digits alone may well be a test image.
  if (/[a-z]{2,}/.test(start) && /\s/.test(text.trim())) {
    return { kind: 'plain-text', text: 'this is plain text, no firmware; choose another file' }
  }
  return null
}

/** The head as text, or null when it holds bytes that no text has. */
function decodeText(head: Uint8Array): string | null {
  if (head.length === 0) return null
  for (const byte of head) {
    const isTextByte = byte >= 0x20 ? byte !== 0x7f : byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d
    if (!isTextByte) return null
  }
  try {
    // `stream` forgives a character that the end of the head cuts in two.
    return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
  } catch {
    return null
  }
}

/** Whether every second byte is zero or both bytes look like letters' high bytes: FF FE alone may start firmware. */
function looksLikeUtf16(head: Uint8Array): boolean {
  const highIndex = head[0] === 0xff ? 1 : 0
  let zeroHighBytes = 0
  let characters = 0
  for (let index = 2; index + 1 < head.length; index += 2) {
    characters++
    if (head[index + highIndex] === 0) zeroHighBytes++
  }
  return characters > 0 && zeroHighBytes > characters * 0.9
}

function textBytes(text: string): readonly number[] {
  return Array.from(text, character => character.charCodeAt(0))
}
