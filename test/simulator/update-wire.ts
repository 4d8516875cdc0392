/** Multipart uploads as browsers send them, for looking at a virtual device from outside; it knows nothing of Flashproof's own. */
import { createHash } from 'node:crypto'
import { post, type WireAnswer, type WireOptions } from './wire.ts'

export interface FormOptions extends WireOptions {
  readonly field?: string
  readonly fileName?: string
  /** Null leaves the line out. */
  readonly contentType?: string | null
  /** Text fields in front of the file. */
  readonly fields?: Readonly<Record<string, string>>
}

const BOUNDARY = '----WebKitFormBoundaryQ7x0aBcDeFgHiJkL'

export function formOf(bytes: Uint8Array, options: FormOptions = {}): { contentType: string; body: Buffer } {
  const { field = 'file', fileName = 'firmware.bin', contentType = 'application/octet-stream' } = options
  const fields = Object.entries(options.fields ?? {}).map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const type = contentType === null ? '' : `Content-Type: ${contentType}\r\n`
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${field}"; filename="${fileName}"\r\n${type}\r\n`
  const body = Buffer.concat([Buffer.from(fields.join('') + head), bytes, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
  return { contentType: `multipart/form-data; boundary=${BOUNDARY}`, body }
}

export function postForm(
  target: string,
  path: string,
  bytes: Uint8Array,
  options: FormOptions = {},
): Promise<WireAnswer> {
  const { contentType, body } = formOf(bytes, options)
  return post(target, path, body, { ...options, headers: { 'Content-Type': contentType, ...options.headers } })
}

export function basic(username: string, password: string): { Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
}

export function md5(content: string | Uint8Array): string {
  return createHash('md5').update(content).digest('hex')
}
