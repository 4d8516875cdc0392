/** The body of an upload request of Resumable.js: a multipart form, or the raw chunk with its parameters in the address. */
import { boundaryOf, MultipartReader } from '../board/multipart-reader.ts'
import type { FrontRequest } from '../board/http-front.ts'

/** Name of the form's field that holds the chunk. */
const FILE_FIELD = 'file'

export interface UploadForm {
  /** A parameter as it was sent; empty when it is missing. */
  field(name: string): string
  /** Null when no file part was there. */
  readonly chunk: { readonly fileName: string; readonly bytes: Buffer } | null
}

export interface FormReader {
  push(piece: Buffer): void
  /** A parameter that has arrived so far; empty when it has not. */
  peek(name: string): string
  /** What arrived; null for a body that cannot be read or is not whole. */
  finish(): UploadForm | null
}

/** @param takesRawBodies whether a body that is no form is the chunk itself; the sample servers read forms alone */
export function formReaderOf(request: FrontRequest, takesRawBodies: boolean): FormReader {
  const boundary = boundaryOf(request.headers['content-type'])
  if (boundary !== null) return multipartForm(boundary)
  return takesRawBodies ? rawBody(request.query) : noForm
}

/** As frameworks see another body: a form without any field. */
const noForm: FormReader = {
  push: () => undefined,
  peek: () => '',
  finish: () => ({ field: () => '', chunk: null }),
}

function multipartForm(boundary: string): FormReader {
  const pieces: Buffer[] = []
  let fileName: string | null = null
  let isOpen = false
  const reader = new MultipartReader(boundary, {
    onFile: part => {
      isOpen = part.name === FILE_FIELD && fileName === null
      if (isOpen) fileName = part.fileName
    },
    onFilePiece: piece => {
      if (isOpen) pieces.push(piece)
    },
  })
  const peek = (name: string): string => reader.fields.get(name) ?? ''
  return {
    push: piece => {
      reader.push(piece)
    },
    peek,
    finish: () => {
      if (!reader.isWhole) return null
      const chunk = fileName === null ? null : { fileName, bytes: Buffer.concat(pieces) }
      return { field: peek, chunk }
    },
  }
}

function rawBody(query: URLSearchParams): FormReader {
  const pieces: Buffer[] = []
  const peek = (name: string): string => query.get(name) ?? ''
  return {
    push: piece => {
      pieces.push(piece)
    },
    peek,
    finish: () => ({
      field: peek,
      chunk: { fileName: peek('resumableFilename'), bytes: Buffer.concat(pieces) },
    }),
  }
}
