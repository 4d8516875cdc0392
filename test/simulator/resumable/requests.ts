/** The requests of Resumable.js, written for these tests from the protocol's description. */
import { post, call, type WireAnswer, type WireOptions } from '../wire.ts'

export interface UploadFile {
  readonly content: Uint8Array
  readonly chunkBytes: number
  readonly fileName: string
  readonly identifier: string
  /** Whether the last chunk is the rest instead of one chunk and the rest. */
  readonly forceChunkSize: boolean
  readonly path: string
}

export function fileOf(content: Uint8Array, changes: Partial<UploadFile> = {}): UploadFile {
  const fileName = changes.fileName ?? 'firmware.bin'
  return {
    content,
    chunkBytes: 1000,
    fileName,
    identifier: `${String(content.length)}-${fileName.replaceAll(/[^0-9a-zA-Z_-]/g, '')}`,
    forceChunkSize: false,
    path: '/resumable_upload',
    ...changes,
  }
}

export function chunkCountOf({ content, chunkBytes, forceChunkSize }: UploadFile): number {
  const chunks = content.length / chunkBytes
  return Math.max(1, forceChunkSize ? Math.ceil(chunks) : Math.floor(chunks))
}

/** @param chunkNumber from 1 */
export function chunkOf(file: UploadFile, chunkNumber: number): Uint8Array {
  const start = (chunkNumber - 1) * file.chunkBytes
  return file.content.subarray(start, chunkNumber === chunkCountOf(file) ? undefined : start + file.chunkBytes)
}

export function parametersOf(file: UploadFile, chunkNumber: number): [string, string][] {
  return [
    ['resumableChunkNumber', String(chunkNumber)],
    ['resumableChunkSize', String(file.chunkBytes)],
    ['resumableCurrentChunkSize', String(chunkOf(file, chunkNumber).length)],
    ['resumableTotalSize', String(file.content.length)],
    ['resumableType', 'application/octet-stream'],
    ['resumableIdentifier', file.identifier],
    ['resumableFilename', file.fileName],
    ['resumableRelativePath', file.fileName],
    ['resumableTotalChunks', String(chunkCountOf(file))],
  ]
}

function query(file: UploadFile, chunkNumber: number): string {
  return `${file.path}?${new URLSearchParams(parametersOf(file, chunkNumber)).toString()}`
}

/** The nine fields and then the file, with what the caller wants left out. */
export function formOf(file: UploadFile, chunkNumber: number, without: readonly string[] = []): Buffer {
  const fields = parametersOf(file, chunkNumber).filter(([name]) => !without.includes(name))
  const head = fields.map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const filePart =
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${file.fileName}"\r\n` +
    'Content-Type: application/octet-stream\r\n\r\n'
  const hasFile = !without.includes('file')
  return Buffer.concat([
    Buffer.from(head.join('') + (hasFile ? filePart : '')),
    ...(hasFile ? [chunkOf(file, chunkNumber), Buffer.from('\r\n')] : []),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ])
}

export const BOUNDARY = '----WebKitFormBoundary0123456789abcdef'
export const FORM_TYPE = { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` }

/** Asks whether a chunk is there. */
export function test(target: string, file: UploadFile, chunkNumber: number): Promise<WireAnswer> {
  return call(target, query(file, chunkNumber))
}

/** Asks for the state of the whole upload: the parameters without a chunk number. */
export function askStatus(target: string, file: UploadFile): Promise<WireAnswer> {
  const parameters = parametersOf(file, 1).filter(([name]) => name !== 'resumableChunkNumber')
  return call(target, `${file.path}?${new URLSearchParams(parameters).toString()}`)
}

export function upload(
  target: string,
  file: UploadFile,
  chunkNumber: number,
  options: WireOptions = {},
): Promise<WireAnswer> {
  return post(target, query(file, chunkNumber), formOf(file, chunkNumber), { headers: FORM_TYPE, ...options })
}

export function uploadRaw(target: string, file: UploadFile, chunkNumber: number): Promise<WireAnswer> {
  const headers = { 'Content-Type': 'application/octet-stream' }
  return post(target, query(file, chunkNumber), chunkOf(file, chunkNumber), { headers })
}

/** Sends chunks one after another; @returns the text of each answer */
export async function uploadAll(
  target: string,
  file: UploadFile,
  from = 1,
  to = chunkCountOf(file),
): Promise<string[]> {
  const texts: string[] = []
  for (let chunkNumber = from; chunkNumber <= to; chunkNumber++) {
    texts.push((await upload(target, file, chunkNumber)).text)
  }
  return texts
}
