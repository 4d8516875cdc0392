/** A device as seed 4 describes it, moved by a test one question at a time. */
import { createHmac } from 'node:crypto'

export const PSK = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, '0')).join('')
export const PREFIX = '/api/inverter/fota'

export interface Manifest {
  readonly version: string
  readonly size: number
  readonly hash: string
  readonly chunk_size: number
  readonly total_chunks: number
}

export interface ChunkAnswer {
  readonly chunk_number: number
  readonly size: number
  readonly data: string
  readonly hmac: string
  readonly mac: string
  readonly total_chunks: number
}

export class ScriptedDevice {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly written: Uint8Array[] = []

  /** @param deviceId null: it names itself nowhere */
  constructor(url: string, deviceId: string | null) {
    this.#url = url
    this.#headers = deviceId === null ? {} : { 'Device-ID': deviceId }
  }

  get flash(): Uint8Array {
    return Buffer.concat(this.written)
  }

  ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    for (const [name, value] of Object.entries(this.#headers)) headers.set(name, value)
    return fetch(this.#url + path, { ...init, headers })
  }

  async manifest(version?: string): Promise<Manifest | null> {
    const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`
    const answer = (await (await this.ask(`${PREFIX}/manifest${query}`)).json()) as { fota?: { manifest: Manifest } }
    return answer.fota?.manifest ?? null
  }

  chunk(index: number, name = 'chunk_number'): Promise<Response> {
    return this.ask(`${PREFIX}/chunk?${name}=${String(index)}`)
  }

  /** Asks for one chunk, checks its signature with the seed's rule, and writes it behind the others. */
  async fetchChunk(index: number): Promise<void> {
    const response = await this.chunk(index)
    if (response.status !== 200) throw new Error(`chunk ${String(index)}: ${String(response.status)}`)
    const { data, hmac } = (await response.json()) as ChunkAnswer
    const bytes = Buffer.from(data, 'base64')
    const expected = createHmac('sha256', Buffer.from(PSK, 'hex')).update(bytes).digest('hex')
    if (hmac !== expected) throw new Error(`chunk ${String(index)}: wrong HMAC`)
    this.written.push(bytes)
  }

  async fetchChunks(from: number, end: number): Promise<void> {
    for (let index = from; index < end; index++) await this.fetchChunk(index)
  }

  post(report: object, path = `${PREFIX}/status`): Promise<Response> {
    return this.ask(path, { method: 'POST', body: JSON.stringify(report) })
  }

  status(report: object): Promise<Response> {
    return this.post({ fota_status: report })
  }

  /** Downloads all, reports that it restarts, and then that it runs `version`. */
  async update(version: string): Promise<void> {
    const manifest = await this.manifest('1.0.0')
    if (manifest === null) throw new Error('no release')
    await this.fetchChunks(0, manifest.total_chunks)
    await this.status({ chunk_received: manifest.total_chunks, verified: true, boot_status: 'pending_reboot' })
    await this.status({ boot_status: 'success', boot_count: 1, new_version: version, rollback: false, error: '' })
  }
}
