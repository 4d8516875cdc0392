/** The body of an upload request of Resumable.js: a multipart form, or the raw chunk with its parameters in the address. */
import { boundaryOf, MultipartReader } from '../board/multipart-reader.ts'
import type { FrontRequest } from '../board/http-front.ts'

/** Name of the form's field that holds the chunk. */
const FILE_FIELD = 'file'

export interface UploadForm {
  /** Whether it came as a form, or in what stands for one; false for a body that nothing read. */
  readonly isForm: boolean
  /** A parameter as it was sent; null when it is missing. */
  field(name: string): string | null
  /** Null when no file part was there. */
  readonly chunk: { readonly fileName: string; readonly bytes: Buffer } | null
}

export interface FormReader {
  push(piece: Buffer): void
  /** A parameter that has arrived so far; null when it has not. */
  peek(name: string): string | null
  /** What arrived; null for a body that cannot be read or is not whole. */
  finish(): UploadForm | null
}

/** @param takesRawBodies whether a body that is no form is the chunk itself; the sample servers read forms alone */
export function formReaderOf(request: FrontRequest, takesRawBodies: boolean): FormReader {
  const contentType = request.headers['content-type'] ?? ''
  const boundary = boundaryOf(contentType)
  if (boundary !== null) return multipartForm(boundary)
  if (/^multipart\//i.test(contentType)) return unreadable
  return takesRawBodies ? rawBody(request.query) : noForm
}

/** As frameworks see another body: a form without any field. */
const noForm: FormReader = {
  push: () => undefined,
  peek: () => null,
  finish: () => ({ isForm: false, field: () => null, chunk: null }),
}

/** A form whose parts cannot be told apart. */
const unreadable: FormReader = { ...noForm, finish: () => null }

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
  const peek = (name: string): string | null => reader.fields.get(name) ?? null
  return {
    push: piece => {
      reader.push(piece)
    },
    peek,
    finish: () => {
      if (!reader.isWhole) return null
      const chunk = fileName === null ? null : { fileName, bytes: Buffer.concat(pieces) }
      return { isForm: true, field: peek, chunk }
    },
  }
}

function rawBody(query: URLSearchParams): FormReader {
  const pieces: Buffer[] = []
  const peek = (name: string): string | null => query.get(name)
  return {
    push: piece => {
      pieces.push(piece)
    },
    peek,
    finish: () => ({
      isForm: true,
      field: peek,
      chunk: { fileName: peek('resumableFilename') ?? '', bytes: Buffer.concat(pieces) },
    }),
  }
}
