/** The request of a form that uploads one image, as the web servers of small boards read it. */
import type { RequestPoint } from '../faults/fault-hooks.ts'
import { textReply, type FrontRequest, type FrontRoute, type Outcome } from './http-front.ts'
import { boundaryOf, MultipartReader, type FilePart } from './multipart-reader.ts'

/** What the firmware does as a form arrives. */
export interface UploadForm {
  /** The head of the file's part was read. @param fields the text fields in front of it */
  begin(part: FilePart, fields: ReadonlyMap<string, string>): Outcome | undefined
  /** Bytes of the file. What it returns ends the request at once. */
  write(bytes: Uint8Array): Outcome | undefined
  /** The file is whole. */
  end(): void
  /** How long the board still works on what it took, and reads no further. */
  busyMs(): number
  /** The connection was lost before the form was whole. */
  abort?(): void
  /** The whole form has been read. */
  answer(fields: ReadonlyMap<string, string>): Outcome
}

/**
 * `arduino`: as the WebServer of the Arduino core, which hangs up on what it cannot read: no Content-Length, a boundary that is
 * not all that stands behind the first `=`, a file without a Content-Type line, a file name with `=` (Parsing.cpp).
 * `tolerant`: as ESPAsyncWebServer.
 */
export type FormRules = 'arduino' | 'tolerant'

const uploadPoint: RequestPoint = { kind: 'chunk', chunk: 0, target: null }
const hangsUp: Outcome = { reply: textReply(400, 'Bad request'), isUnsaid: true }

export function uploadFormRoute(request: FrontRequest, rules: FormRules, form: UploadForm): FrontRoute {
  const boundary = boundaryOf(request.headers['content-type'])
  const isStrict = rules === 'arduino'
  if (boundary === null || (isStrict && request.headers['content-length'] === undefined)) {
    return { point: uploadPoint, onPiece: () => undefined, answer: () => hangsUp }
  }
  let early: Outcome | undefined
  const reader: MultipartReader = new MultipartReader(boundary, {
    onFile: part => {
      const isReadable = !isStrict || (part.contentType !== null && !part.fileName.includes('='))
      early ??= isReadable ? form.begin(part, reader.fields) : hangsUp
    },
    onFilePiece: piece => {
      early ??= form.write(piece)
    },
    onFileEnd: () => {
      if (early === undefined) form.end()
    },
  })
  return {
    point: uploadPoint,
    onPiece: piece => {
      reader.push(piece)
      return early
    },
    busyMs: () => form.busyMs(),
    onLost: () => form.abort?.(),
    answer: () => {
      if (reader.isWhole && reader.problem === null) return form.answer(reader.fields)
      form.abort?.()
      return hangsUp
    },
  }
}
