/**
 * An ESP32 gateway as seed 3 describes its server, scripted by a test: it reads a form the way that source does, quirks
 * included, and answers `/download` with what it was told to.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface DownloadScript {
  readonly status?: number
  readonly text?: string
  /** Milliseconds until the answer. */
  readonly afterMs?: number
  /** Breaks the connection instead of answering. */
  readonly cut?: boolean
}

export interface GatewayScript {
  readonly upload?: readonly { readonly status: number; readonly text: string; readonly cut?: boolean }[]
  readonly download?: readonly DownloadScript[]
  /** Answers of `GET /status` by what the gateway holds; absent: 404, as the seed. */
  readonly status?: (gateway: ScriptedGateway) => object | null
}

export interface ScriptedGateway {
  readonly target: string
  /** The file as the quirks left it; null before an upload. */
  readonly stored: Uint8Array | null
  readonly requests: readonly string[]
  readonly downloads: number
  /** What came with the first read of an upload's body. */
  readonly firstRead: Uint8Array | null
  readonly contentType: string
  close(): Promise<void>
}

export const DONE = 'Firmware downloaded to STM32 successfully with checksum verification'
const UPLOADED: { readonly status: number; readonly text: string; readonly cut?: boolean } = {
  status: 200,
  text: 'BIN file uploaded successfully',
}
const LITERAL = '------WebKitFormBoundary'

export async function startScriptedGateway(script: GatewayScript = {}): Promise<ScriptedGateway> {
  const sockets = new Set<Socket>()
  const gateway = {
    target: '',
    stored: null as Uint8Array | null,
    requests: [] as string[],
    downloads: 0,
    firstRead: null as Uint8Array | null,
    contentType: '',
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  let uploads = 0

  const answer = (socket: Socket, status: number, text: string, type = 'text/plain'): void => {
    if (socket.destroyed) return
    socket.write(
      `HTTP/1.1 ${String(status)} X\r\nContent-Type: ${type}\r\nContent-Length: ${String(Buffer.byteLength(text))}\r\n\r\n${text}`,
    )
  }

  const handle = (socket: Socket, head: string, body: Buffer): void => {
    const [method = '', path = ''] = head.split(' ')
    gateway.requests.push(`${method} ${path}`)
    if (method === 'POST' && path === '/upload') {
      gateway.contentType = /content-type: ([^\r\n]*)/i.exec(head)?.[1] ?? ''
      const said = script.upload?.[Math.min(uploads++, script.upload.length - 1)] ?? UPLOADED
      if (said.cut === true) {
        socket.destroy()
        return
      }
      if (said.status === 200) gateway.stored = readForm(body)
      answer(socket, said.status, said.text)
      return
    }
    if (method === 'POST' && path === '/download') {
      const said = script.download?.[Math.min(gateway.downloads, script.download.length - 1)] ?? {}
      gateway.downloads++
      setTimeout(() => {
        if (said.cut === true) socket.destroy()
        else answer(socket, said.status ?? 200, said.text ?? DONE)
      }, said.afterMs ?? 0)
      return
    }
    const status = path === '/status' ? (script.status?.(gateway) ?? null) : null
    if (status === null) answer(socket, 404, 'Nothing matches the given URI')
    else answer(socket, 200, JSON.stringify(status), 'application/json')
  }

  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    let buffered = Buffer.alloc(0)
    socket.on('data', piece => {
      if (buffered.length === 0 && piece.subarray(0, 12).toString('latin1') === 'POST /upload') {
        gateway.firstRead = Uint8Array.from(piece.subarray(piece.indexOf('\r\n\r\n') + 4))
      }
      buffered = Buffer.concat([buffered, piece])
      for (;;) {
        const end = buffered.indexOf('\r\n\r\n')
        if (end < 0) return
        const head = buffered.toString('latin1', 0, end)
        const size = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        if (buffered.length < end + 4 + size) return
        const body = buffered.subarray(end + 4, end + 4 + size)
        buffered = buffered.subarray(end + 4 + size)
        handle(socket, head, Buffer.from(body))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  gateway.target = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return gateway
}

/** Cuts at the literal, then strips what looks like the end of a line: what seed 3's server does. */
function readForm(body: Buffer): Uint8Array {
  const start = body.indexOf('\r\n\r\n') + 4
  const end = body.indexOf(LITERAL, start)
  let stop = end < 0 ? body.length : end
  while (stop > start && [0x0d, 0x0a, 0x20, 0x09].includes(body[stop - 1] ?? 0)) stop--
  return Uint8Array.from(body.subarray(start, stop))
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Firmware with the vector table of an STM32F1 at the start of flash. */
export function stm32Image(sizeBytes = 20_000, last = 0x5a): Uint8Array {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 7 + 13) & 0xff)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x2000_5000, true)
  view.setUint32(4, 0x0800_0131, true)
  for (let vector = 2; vector < 48; vector++) view.setUint32(vector * 4, 0x0800_0140 + vector * 2 + 1, true)
  bytes[sizeBytes - 1] = last
  return bytes
}
