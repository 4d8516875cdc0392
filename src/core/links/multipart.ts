/**
 * Encodes a form with one file as small web servers read it: Arduino's `WebServer` takes everything after the first `=`
 * of Content-Type for the boundary, wants Content-Disposition before Content-Type in the file's part, and needs a body
 * of known length (arduino-esp32, WebServer Parsing.cpp).
 */
import { randomInt } from 'node:crypto'

export interface MultipartFile {
  readonly field: string
  readonly fileName: string
  /** `application/octet-stream` unless given. */
  readonly contentType?: string
  readonly bytes: Uint8Array
}

export interface MultipartForm {
  /** Name and value, in the order in which they go out, before the file. */
  readonly fields?: readonly (readonly [string, string])[]
  readonly file: MultipartFile
  /** Replaces the random one. */
  readonly boundary?: string
  /** 0 inclusive to 1 exclusive: what the boundary is made from. */
  readonly random?: () => number
}

export interface MultipartBody {
  /** Value of the Content-Type header: the boundary, unquoted, is its only parameter. */
  readonly contentType: string
  /** The body in pieces that follow each other; the file's bytes are one of them, not a copy. */
  readonly parts: readonly Uint8Array[]
  readonly sizeBytes: number
}

const BOUNDARY_START = '----WebKitFormBoundary'
const BOUNDARY_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const RANDOM_CHARACTERS = 16
/** What a part without any usable name is called; a file part without a name is read as a plain field. */
const NAMELESS = 'firmware.bin'

/**
 * Encodes the form. Characters of a name that could end its quotes, begin a header or be taken for the boundary's `=`
 * become `_`; values go out as they are.
 */
export function multipartBody(form: MultipartForm): MultipartBody {
  const { file, fields = [] } = form
  const boundary = form.boundary ?? newBoundary(fields, form.random)
  let head = ''
  for (const [name, value] of fields) {
    head += `--${boundary}\r\nContent-Disposition: form-data; name="${safeName(name)}"\r\n\r\n${value}\r\n`
  }
  const fileName = safeName(file.fileName) || NAMELESS
  const contentType = safeName(file.contentType ?? 'application/octet-stream')
  head += `--${boundary}\r\nContent-Disposition: form-data; name="${safeName(file.field)}"; filename="${fileName}"\r\n`
  head += `Content-Type: ${contentType}\r\n\r\n`
  const parts = [Buffer.from(head), file.bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    parts,
    sizeBytes: parts.reduce((sum, part) => sum + part.length, 0),
  }
}

/** One that no value contains; that the file holds 16 random characters is as likely as guessing them. */
function newBoundary(fields: readonly (readonly [string, string])[], random?: () => number): string {
  const count = BOUNDARY_CHARACTERS.length
  for (;;) {
    let boundary = BOUNDARY_START
    for (let index = 0; index < RANDOM_CHARACTERS; index++) {
      boundary += BOUNDARY_CHARACTERS[random === undefined ? randomInt(count) : Math.floor(random() * count)] ?? 'A'
    }
    const start = boundary
    if (!fields.some(([, value]) => value.includes(start))) return boundary
  }
}

function safeName(name: string): string {
  let safe = ''
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0
    safe += code < 0x20 || code === 0x7f || '"\\='.includes(character) ? '_' : character
  }
  return safe
}
