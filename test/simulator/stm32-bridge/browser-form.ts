/** The body that a browser made of Chromium sends for a form with one file. */

export const BOUNDARY = '----WebKitFormBoundaryAbCdEfGhIjKlMnOp'

export interface Form {
  readonly contentType: string
  readonly body: Buffer
}

export function browserForm(bytes: Uint8Array, fileName = 'firmware.bin', boundary = BOUNDARY): Form {
  const head = [
    `--${boundary}`,
    `Content-Disposition: form-data; name="file"; filename="${fileName}"`,
    'Content-Type: application/octet-stream',
    '',
    '',
  ].join('\r\n')
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  }
}
