/** A client of ESPHome's update protocol, straight from its description, for looking at a virtual device from outside. */
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'

export const MAGIC = Buffer.from('6c26f75c45', 'hex')
export const BLOCK_BYTES = 8192

/** What it read, and how the connection ended. */
export class EsphomeClient {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #isEnded = false
  /** `ECONNRESET` and its like; null while it is open and after an orderly end. */
  errorCode: string | null = null
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', piece => {
      this.#received = Buffer.concat([this.#received, piece])
      this.#wake()
    })
    socket.on('error', error => {
      this.errorCode = 'code' in error ? String(error.code) : error.message
    })
    socket.on('end', () => this.#end())
    socket.on('close', () => this.#end())
  }

  static async open(target: string): Promise<EsphomeClient> {
    const { hostname, port } = new URL(target)
    const socket = connect(Number(port), hostname)
    const client = new EsphomeClient(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return client
  }

  #end(): void {
    this.#isEnded = true
    this.#wake()
  }

  send(...pieces: (Uint8Array | string | number)[]): void {
    for (const piece of pieces) this.socket.write(typeof piece === 'number' ? Uint8Array.of(piece) : piece)
  }

  /** Reads exactly so many bytes as hex; fewer when the connection ended. */
  async hex(bytes: number): Promise<string> {
    return (await this.read(bytes)).toString('hex')
  }

  async text(bytes: number): Promise<string> {
    return (await this.read(bytes)).toString('latin1')
  }

  async read(bytes: number): Promise<Buffer> {
    while (this.#received.length < bytes && !this.#isEnded) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    const taken = this.#received.subarray(0, bytes)
    this.#received = this.#received.subarray(taken.length)
    return taken
  }

  /** What is there now. */
  get unread(): string {
    return this.#received.toString('hex')
  }

  /** Resolves when the device has ended the connection. */
  async ended(): Promise<void> {
    while (!this.#isEnded) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  close(): void {
    this.socket.destroy()
  }
}

export function hashed(hash: 'md5' | 'sha256', text: string | Uint8Array): string {
  return createHash(hash).update(text).digest('hex')
}

export function sizeOf(bytes: Uint8Array): Uint8Array {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(bytes.length)
  return size
}

export interface Ending {
  /** All answers up to the last, as hex. */
  readonly answers: string
  readonly errorCode: string | null
}

/**
 * The whole conversation with a device without a password; stops at the first byte that is not the expected one.
 * @param md5 the announced one; that of the image by default
 */
export async function update(target: string, image: Uint8Array, md5 = hashed('md5', image)): Promise<Ending> {
  const client = await EsphomeClient.open(target)
  let answers = ''
  const expect = async (wanted: string): Promise<boolean> => {
    const got = await client.hex(wanted.length / 2)
    answers += got
    return got === wanted
  }
  const steps = async (): Promise<void> => {
    client.send(MAGIC)
    const version = await client.hex(2)
    answers += version
    if (version !== '0001' && version !== '0002') return
    client.send(0x02)
    if (!(await expect('40')) || !(await expect('41'))) return
    client.send(sizeOf(image))
    if (!(await expect('42'))) return
    client.send(md5)
    if (!(await expect('43'))) return
    for (let offset = 0; offset < image.length; offset += BLOCK_BYTES) {
      client.send(image.subarray(offset, offset + BLOCK_BYTES))
      if (version === '0002' && !(await expect('47'))) return
    }
    if (!(await expect('44')) || !(await expect('45'))) return
    client.send(0x00)
    await client.ended()
  }
  await steps()
  client.close()
  return { answers, errorCode: client.errorCode }
}
