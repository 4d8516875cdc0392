/** One download of a pulling device: every chunk asked for, checked, decoded and written, from the first to the last. */
import { createHash } from 'node:crypto'
import { otherSlot, slotFile } from '../board/board-state.ts'
import type { VirtualBoard } from '../board/board.ts'
import type { UpdateObject } from '../board/update.ts'
import { decodeBase64 } from './base64.ts'
import { chunkMac, isSameMac, keyFromText } from './chunk-authentication.ts'
import type { Manifest, PullFaultHooks, PullStep } from './pull-faults.ts'
import { NoAnswer, type PullLink } from './pull-link.ts'

export interface DownloadSettings {
  readonly prefix: string
  readonly psk: string
  /** Accepts any chunk, as the device does without its security layer. */
  readonly acceptsAnything: boolean
  /** `chunk_number` and `mac` of the real device, or `chunk` and `hmac` of the seed's text. */
  readonly wording: 'device' | 'text'
  /** Whether it compares the SHA-256 of the whole image in flash with the manifest's. */
  readonly checksHash: boolean
  /** Whether it knows the MAC that is bound to version and number. */
  readonly knowsBoundMac: boolean
  readonly chunkPauseMs: number
  /** How often it asks for one chunk before it gives up. */
  readonly tries: number
  readonly retryMs: number
}

/** Largest base64 text of a chunk that the device takes. */
const MAXIMUM_BASE64_CHARACTERS = 25_000

/** Why a download came to nothing. */
export class DownloadFailed extends Error {
  override readonly name = 'DownloadFailed'
}

export interface Progress {
  readonly chunksReceived: number
  readonly totalChunks: number
}

export class Download {
  readonly #board: VirtualBoard
  readonly #link: PullLink
  readonly #update: UpdateObject
  readonly #settings: DownloadSettings
  readonly #manifest: Manifest
  readonly #hooks: readonly PullFaultHooks[]

  constructor(
    host: { readonly board: VirtualBoard; readonly link: PullLink; readonly update: UpdateObject },
    settings: DownloadSettings,
    manifest: Manifest,
    hooks: readonly PullFaultHooks[],
  ) {
    this.#board = host.board
    this.#link = host.link
    this.#update = host.update
    this.#settings = settings
    this.#manifest = manifest
    this.#hooks = hooks
  }

  /**
   * Fills the other slot and has the bootloader try it next.
   * @param onChunk called after each chunk that was written
   * @throws {DownloadFailed} with what the device would report; the update is given up then
   */
  async run(onChunk: (progress: Progress) => Promise<void>): Promise<void> {
    // The device lets the library find the size out.
    if (!this.#update.begin(null)) throw new DownloadFailed(`OTA begin failed: ${this.#update.errorText}`)
    const totalChunks = Math.ceil(this.#manifest.sizeBytes / this.#manifest.chunkBytes)
    const inOrder = Array.from({ length: totalChunks }, (_, chunk): PullStep => ({ action: 'write', chunk }))
    const steps = this.#hooks.reduce<readonly PullStep[]>((plan, hooks) => hooks.plan?.(plan) ?? plan, inOrder)
    let chunksReceived = 0
    try {
      for (const step of steps) {
        if (step.action === 'stall') await new Promise(() => undefined)
        else if (step.action === 'discard') await this.#tryOnce(step.chunk)
        else {
          this.#write(step.chunk, await this.#fetch(step.chunk))
          chunksReceived++
          if (this.#update.busyMs >= 1) await this.#board.pause(this.#update.busyMs)
          await onChunk({ chunksReceived, totalChunks })
        }
        if (this.#settings.chunkPauseMs > 0) await this.#board.pause(this.#settings.chunkPauseMs)
      }
      this.#checkHash()
      if (!this.#update.end(true)) throw new DownloadFailed(`OTA end failed: ${this.#update.errorText}`)
    } catch (thrown) {
      this.#update.abort()
      throw thrown
    }
  }

  async #tryOnce(chunk: number): Promise<void> {
    try {
      await this.#ask(chunk)
    } catch (thrown) {
      if (!(thrown instanceof NoAnswer)) throw thrown
    }
  }

  async #fetch(chunk: number): Promise<Uint8Array> {
    let problem = ''
    for (let attempt = 0; attempt < this.#settings.tries; attempt++) {
      if (attempt > 0) await this.#board.pause(this.#settings.retryMs)
      try {
        const { status, body } = await this.#ask(chunk)
        if (status !== 200) problem = `status=${String(status)}`
        else {
          const found = this.#readChunk(chunk, body.toString('utf8'))
          if (typeof found !== 'string') return found
          problem = found
        }
      } catch (thrown) {
        if (!(thrown instanceof NoAnswer)) throw thrown
        problem = thrown.message
      }
    }
    throw new DownloadFailed(`Failed to fetch chunk ${String(chunk)}: ${problem}`)
  }

  #ask(chunk: number): ReturnType<PullLink['ask']> {
    const name = this.#settings.wording === 'device' ? 'chunk_number' : 'chunk'
    return this.#link.ask({
      method: 'GET',
      path: `${this.#settings.prefix}/chunk?${name}=${String(chunk)}`,
      point: { kind: 'chunk', chunk, target: null },
    })
  }

  /** @returns the bytes, or what is wrong with the answer */
  #readChunk(chunk: number, text: string): Uint8Array | string {
    const answer = parseObject(text)
    if (answer === null) return 'Failed to parse chunk JSON'
    const { data, chunk_number: number } = answer
    const mac = answer[this.#settings.wording === 'device' ? 'mac' : 'hmac']
    if (typeof data !== 'string' || typeof mac !== 'string' || number !== chunk) return 'Invalid chunk response'
    if (data.length === 0 || data.length > MAXIMUM_BASE64_CHARACTERS) return 'Invalid base64 length'
    const bytes = decodeBase64(data)
    if (bytes.length === 0) return 'Failed to decode base64 chunk data'
    return this.#isAuthentic(chunk, bytes, mac) ? bytes : 'HMAC verification failed'
  }

  #isAuthentic(number: number, bytes: Uint8Array, received: string): boolean {
    const { psk, acceptsAnything, knowsBoundMac } = this.#settings
    if (acceptsAnything) return true
    const key = this.#hooks.reduce((known, hooks) => hooks.key?.(known) ?? known, keyFromText(psk))
    const { version, macMode } = this.#manifest
    return isSameMac(chunkMac(key, knowsBoundMac ? macMode : 'chunk', { version, number }, bytes), received)
  }

  #write(chunk: number, bytes: Uint8Array): void {
    if (this.#update.write(bytes) === bytes.length) return
    throw new DownloadFailed(`OTA write failed at chunk ${String(chunk)}: ${this.#update.errorText}`)
  }

  #checkHash(): void {
    if (!this.#settings.checksHash) return
    const slot = otherSlot(this.#board.state.activeSlot)
    const stored = this.#board.flash.read(slotFile(slot)) ?? new Uint8Array()
    const found = createHash('sha256').update(stored).digest('hex')
    if (found !== this.#manifest.sha256) throw new DownloadFailed('SHA-256 mismatch')
  }
}

/** A JSON object; null for anything else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    // Fields are looked at one by one.
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null
  } catch {
    return null
  }
}
