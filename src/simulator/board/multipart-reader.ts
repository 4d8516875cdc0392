/**
 * Reads a multipart/form-data body as it arrives, as small devices do: text fields are gathered, files are handed on piece by
 * piece. Written for devices alone; no client's encoder is used or known here.
 */

export interface FilePart {
  /** Name of the form's field. */
  readonly name: string
  readonly fileName: string
  /** Null when the part has no Content-Type line, which the Arduino WebServer wants. */
  readonly contentType: string | null
}

export interface FileSink {
  onFile?(part: FilePart): void
  /** Bytes of the file that is open; never empty. */
  onFilePiece?(piece: Buffer): void
  /** The delimiter behind the file arrived: it is whole. */
  onFileEnd?(part: FilePart): void
}

/** A head or a text field longer than this is refused. */
const MAXIMUM_TEXT_BYTES = 16 * 1024
const CR_LF = Buffer.from('\r\n')
const BLANK_LINE = Buffer.from('\r\n\r\n')
const MAXIMUM_PADDING_BYTES = 64
const nothing = Buffer.alloc(0)

/**
 * Finds the boundary as the Arduino WebServer does (arduino-esp32, libraries/WebServer/src/Parsing.cpp): everything after the
 * first `=`, quotes removed. A parameter in front of or behind it thus breaks the request.
 * @returns null when it is no multipart request or names no boundary
 */
export function boundaryOf(contentType: string | undefined): string | null {
  if (contentType === undefined || !/^multipart\/form-data\b/i.test(contentType)) return null
  const equals = contentType.indexOf('=')
  const boundary = equals === -1 ? '' : contentType.slice(equals + 1).replaceAll('"', '')
  return boundary === '' ? null : boundary
}

export class MultipartReader {
  /** Values of the parts without a file name; of two with one name the first. */
  readonly fields = new Map<string, string>()
  readonly #sink: FileSink
  readonly #delimiter: Buffer
  #state: 'preamble' | 'delimiter' | 'head' | 'content' | 'ended' | 'broken' = 'preamble'
  // The first delimiter stands at the start, without the line break that ends the content before all others.
  #held: Buffer = CR_LF
  #file: FilePart | null = null
  #field: { readonly name: string; readonly pieces: Buffer[]; sizeBytes: number } | null = null
  #problem: string | null = null

  constructor(boundary: string, sink: FileSink) {
    this.#sink = sink
    this.#delimiter = Buffer.from(`\r\n--${boundary}`)
  }

  /** Whether the closing delimiter was there: nothing of the form is missing. */
  get isWhole(): boolean {
    return this.#state === 'ended'
  }

  /** What makes the body unreadable; null for a sound one, also when its end has not come. */
  get problem(): string | null {
    return this.#problem
  }

  /** Takes the next bytes of the body, split anywhere. */
  push(piece: Buffer): void {
    let rest = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece])
    this.#held = nothing
    for (;;) {
      const next = this.#step(rest)
      if (next === null) return
      rest = next
    }
  }

  /** @returns what is left to read; null when more has to arrive */
  #step(bytes: Buffer): Buffer | null {
    switch (this.#state) {
      case 'preamble':
      case 'content':
        return this.#readContent(bytes)
      case 'delimiter':
        return this.#readDelimiterEnd(bytes)
      case 'head':
        return this.#readHead(bytes)
      case 'ended':
      case 'broken':
        return null
    }
  }

  #readContent(bytes: Buffer): Buffer | null {
    const at = bytes.indexOf(this.#delimiter)
    if (at === -1) {
      const keptBytes = Math.min(this.#delimiter.length - 1, bytes.length)
      this.#take(bytes.subarray(0, bytes.length - keptBytes))
      this.#held = bytes.subarray(bytes.length - keptBytes)
      return null
    }
    this.#take(bytes.subarray(0, at))
    this.#endPart()
    if (this.#state !== 'broken') this.#state = 'delimiter'
    return bytes.subarray(at + this.#delimiter.length)
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (this.#file !== null) this.#sink.onFilePiece?.(bytes)
    const field = this.#field
    if (field === null) return
    field.sizeBytes += bytes.length
    if (field.sizeBytes > MAXIMUM_TEXT_BYTES) this.#break(`the field ${field.name} is too long`)
    else field.pieces.push(bytes)
  }

  #endPart(): void {
    const file = this.#file
    const field = this.#field
    this.#file = null
    this.#field = null
    if (file !== null) this.#sink.onFileEnd?.(file)
    if (field !== null && !this.fields.has(field.name)) {
      this.fields.set(field.name, Buffer.concat(field.pieces).toString())
    }
  }

  /** Two dashes end the form; else spaces may stand before the line break. */
  #readDelimiterEnd(bytes: Buffer): Buffer | null {
    if (bytes.length < 2) return this.#wait(bytes)
    if (bytes[0] === 0x2d && bytes[1] === 0x2d) {
      this.#state = 'ended'
      return null
    }
    const lineEnd = bytes.indexOf(CR_LF)
    if (lineEnd === -1 && bytes.length <= MAXIMUM_PADDING_BYTES) return this.#wait(bytes)
    if (lineEnd === -1 || bytes.subarray(0, lineEnd).toString('latin1').trim() !== '') {
      return this.#break('something stands behind a delimiter')
    }
    this.#state = 'head'
    // With its line break, so that a part without any head is found by its blank line, too.
    return bytes.subarray(lineEnd)
  }

  #readHead(bytes: Buffer): Buffer | null {
    const end = bytes.indexOf(BLANK_LINE)
    if (end === -1) {
      return bytes.length > MAXIMUM_TEXT_BYTES ? this.#break('the head of a part is too long') : this.#wait(bytes)
    }
    this.#openPart(bytes.subarray(0, end).toString())
    this.#state = 'content'
    return bytes.subarray(end + BLANK_LINE.length)
  }

  #openPart(head: string): void {
    const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? ''
    const name = parameterOf(disposition, 'name') ?? ''
    const fileName = parameterOf(disposition, 'filename')
    if (fileName === null) {
      this.#field = { name, pieces: [], sizeBytes: 0 }
      return
    }
    const contentType = /^content-type:(.*)$/im.exec(head)?.[1]?.trim() ?? null
    this.#file = { name, fileName, contentType }
    this.#sink.onFile?.(this.#file)
  }

  #wait(bytes: Buffer): null {
    this.#held = bytes
    return null
  }

  #break(problem: string): null {
    this.#problem = problem
    this.#state = 'broken'
    return null
  }
}

function parameterOf(disposition: string, key: string): string | null {
  const match = new RegExp(`(?:^|[;\\s])${key}=(?:"([^"]*)"|([^;\\s"]*))`, 'i').exec(disposition)
  return match === null ? null : (match[1] ?? match[2] ?? '')
}
