/** The upload endpoints of a virtual ESP32 without the HTTP around them: chunks, completion, status, hash. */
import { createHash, createHmac } from 'node:crypto'
import type { BoardState, UploadSession } from '../board/board-state.ts'
import { DeviceError } from '../board/device-error.ts'
import { looksLikeEspImage } from '../board/esp-image.ts'
import type { FlashTime } from '../board/flash-time.ts'
import type { HashAnswer, Reply } from '../faults/fault-hooks.ts'
import type { FaultSet } from '../faults/fault-table.ts'
import type { JsonValue } from '../python-json.ts'
import { chunkBytesAt, chunkCountOf, type ChunkStore } from './chunk-store.ts'
import { admitChunk, isSame, type SessionHeaders } from './session-rules.ts'

export interface ChunkLimits {
  readonly minimumBytes: number
  readonly maximumBytes: number
}

/** What the service needs of the board it runs on. */
export interface UploadHost {
  readonly state: BoardState
  readonly faults: FaultSet
  readonly flashTime: FlashTime
  saveState(): void
  /** Whether a new image waits for the reboot. */
  readonly isRestarting: boolean
  /** Puts a finished image where the bootloader tries it next; `false` when it fits no slot. */
  install(image: Uint8Array): boolean
}

export interface UploadRules {
  readonly knowsSessions: boolean
  readonly needsSession: boolean
  readonly chunkLimits: ChunkLimits
  readonly appliesImages: boolean
}

export interface Outcome {
  readonly reply: Reply
  /** How long the flash is busy with it from now. */
  readonly busyMs: number
  /** Whether the board restarts once the answer is out. */
  readonly restarts?: boolean
}

export class UploadService {
  readonly #host: UploadHost
  readonly #store: ChunkStore
  readonly #rules: UploadRules

  constructor(host: UploadHost, store: ChunkStore, rules: UploadRules) {
    this.#host = host
    this.#store = store
    this.#rules = rules
  }

  /** @throws {DeviceError} when the flash does not take the chunk: the handler has no `except`, so HTTP answers 500 */
  putChunk(target: string, index: number, bytes: Uint8Array, headers: SessionHeaders | null): Outcome {
    if (this.#host.isRestarting) return failure('booting')
    const faults = this.#host.faults
    let session: UploadSession | null = null
    if (this.#rules.knowsSessions) {
      const admitted = this.#admit(target, index, bytes.length, headers)
      if (typeof admitted === 'string') return failure(admitted)
      session = admitted.session
    }
    if (!faults.isEmpty) faults.onChunk(target, index, bytes, headers?.sha256 ?? null)
    const stored = faults.isEmpty ? bytes : faults.storeInstead(index, bytes)
    this.#store.put(target, index, stored, session)
    return {
      reply: json({ success: true, chunk: index }),
      busyMs: this.#host.flashTime.write(bytes.length),
    }
  }

  /** Accounts for a chunk whose connection ended inside the body. */
  loseChunk(target: string, index: number): void {
    if (this.#rules.knowsSessions || this.#host.isRestarting) return
    try {
      this.#store.spoil(target, index)
    } catch (thrown) {
      if (!(thrown instanceof DeviceError)) throw thrown
    }
  }

  /** @throws {PowerLost} when the board goes down meanwhile; every other fault is an answer, as in the seed's server */
  async complete(target: string, chunkCount: number, headers: SessionHeaders | null): Promise<Outcome> {
    if (this.#host.isRestarting) return failure('booting')
    const { state, faults, flashTime } = this.#host
    const session = this.#rules.knowsSessions ? state.session : null
    const repeated = this.#answerRepeated(target, session, headers)
    if (repeated !== null) return repeated
    const problem = this.#problemWithCompletion(target, chunkCount, session, headers)
    if (problem !== null) return failure(problem)
    // From here on the old target is destroyed, also for a board that loses power before it is done.
    if (Object.hasOwn(state.stored, target)) {
      Reflect.deleteProperty(state.stored, target)
      this.#host.saveState()
    }
    try {
      const writtenBytes = await this.#store.assemble(target, chunkCount, faults.keepsOldTailBytes)
      const busyMs = flashTime.write(writtenBytes)
      const restarts = this.#recordStored(target, writtenBytes, session?.target === target ? session : null)
      return { reply: json({ success: true, path: target }), busyMs, restarts }
    } catch (thrown) {
      if (!(thrown instanceof DeviceError)) throw thrown
      // The parts are gone, so the session has nothing left.
      if (session?.target === target) state.session = null
      this.#host.saveState()
      return failure(faults.disguise(thrown.message))
    }
  }

  status(target: string): Reply {
    const { session, stored } = this.#host.state
    const kept = Object.hasOwn(stored, target) ? stored[target] : undefined
    if (session?.target === target) {
      const have = bitmap(chunkCountOf(session), index => this.#store.has(session, index))
      return this.#statusReply(session.sha256, session.sizeBytes, session.chunkBytes, have, 'receiving')
    }
    // Without a session the board was never told a size or a hash, so it has nothing to report.
    if (kept === undefined || kept.sha256 === null || kept.chunkBytes === null) return failure('no such upload').reply
    const have = bitmap(Math.ceil(kept.sizeBytes / kept.chunkBytes), () => true)
    const state = this.#host.isRestarting ? 'booting' : 'stored'
    return this.#statusReply(kept.sha256, kept.sizeBytes, kept.chunkBytes, have, state)
  }

  /** @param nonceText hex from the client; null without one */
  hash(target: string, nonceText: string | null): Outcome {
    const content = this.#store.content(target)
    if (content === null) return failure('no such upload')
    if (nonceText !== null && !/^([0-9a-f]{2}){1,64}$/i.test(nonceText)) return failure('nonce')
    const honest: HashAnswer = {
      sha256: createHash('sha256').update(content).digest('hex'),
      sizeBytes: content.length,
      ...(nonceText === null
        ? {}
        : {
            nonce: nonceText,
            hmac: createHmac('sha256', Buffer.from(nonceText, 'hex')).update(content).digest('hex'),
          }),
    }
    const answer = this.#host.faults.answerHash(target, honest)
    const value: Record<string, JsonValue> = { success: true }
    if (answer.sha256 !== undefined) value['sha256'] = answer.sha256
    value['size'] = answer.sizeBytes
    if (answer.nonce !== undefined) value['nonce'] = answer.nonce
    if (answer.hmac !== undefined) value['hmac'] = answer.hmac
    return { reply: json(value), busyMs: this.#host.flashTime.read(content.length) }
  }

  content(target: string): Uint8Array | null {
    return this.#store.content(target)
  }

  space(): { totalBytes: number; usedBytes: number } {
    return this.#store.space()
  }

  /** Decides about the session of a chunk; a text is the reason for refusing it. */
  #admit(
    target: string,
    index: number,
    lengthBytes: number,
    headers: SessionHeaders | null,
  ): { session: UploadSession | null } | string {
    const state = this.#host.state
    const admission = admitChunk(state.session, target, headers, index)
    if (admission === 'refuse') return 'session'
    if (headers === null) {
      if (this.#rules.needsSession) return 'session headers needed'
      if (state.session?.target === target) this.#endSession()
      return { session: null }
    }
    const wanted: UploadSession = { target, ...headers }
    const { minimumBytes, maximumBytes } = this.#rules.chunkLimits
    if (headers.chunkBytes < minimumBytes || headers.chunkBytes > maximumBytes) return 'chunk size'
    if (headers.sizeBytes > this.#store.space().totalBytes) return 'too large'
    if (index >= chunkCountOf(wanted) || lengthBytes !== chunkBytesAt(wanted, index)) return 'chunk size'
    if (admission === 'begin') {
      if (state.session !== null) this.#endSession()
      this.#store.begin(wanted)
      state.session = wanted
      this.#host.saveState()
    }
    return { session: wanted }
  }

  #endSession(): void {
    const { state } = this.#host
    if (state.session === null) return
    this.#store.drop(state.session)
    state.session = null
    this.#host.saveState()
  }

  /** A device that writes into slots can say again that it has stored the very same upload. */
  #answerRepeated(target: string, session: UploadSession | null, headers: SessionHeaders | null): Outcome | null {
    if (!this.#rules.needsSession || session !== null || headers === null) return null
    const kept = Object.hasOwn(this.#host.state.stored, target) ? this.#host.state.stored[target] : undefined
    if (kept?.sha256 !== headers.sha256 || kept.sizeBytes !== headers.sizeBytes) return null
    return { reply: json({ success: true, path: target }), busyMs: 0 }
  }

  #problemWithCompletion(
    target: string,
    chunkCount: number,
    session: UploadSession | null,
    headers: SessionHeaders | null,
  ): string | null {
    if (session?.target === target) {
      if (headers === null || !isSame(session, target, headers)) return 'session'
      if (chunkCount !== chunkCountOf(session)) return 'chunk count'
    } else if (this.#rules.knowsSessions && headers !== null) return 'session'
    if (!this.#rules.needsSession) return null
    if (session === null) return 'session'
    for (let index = 0; index < chunkCount; index++) {
      if (!this.#store.has(session, index)) return `chunk ${String(index)} is missing`
    }
    return null
  }

  /** Writes down that the target is there; says whether it is an image that the board will try. */
  #recordStored(target: string, writtenBytes: number, session: UploadSession | null): boolean {
    const { state } = this.#host
    state.stored[target] = {
      sizeBytes: session?.sizeBytes ?? writtenBytes,
      sha256: session?.sha256 ?? null,
      chunkBytes: session?.chunkBytes ?? null,
      slot: this.#store.slotOf(target),
    }
    if (session !== null) {
      this.#store.drop(session)
      state.session = null
    }
    const content = this.#rules.appliesImages ? this.#store.content(target) : null
    const restarts = content !== null && looksLikeEspImage(content) && this.#host.install(content)
    this.#host.saveState()
    return restarts
  }

  #statusReply(sha256: string, sizeBytes: number, chunkBytes: number, have: string, state: string): Reply {
    return json({ success: true, sha256, size: sizeBytes, chunk_bytes: chunkBytes, have, state })
  }
}

export function json(value: { readonly [key: string]: JsonValue }): Reply {
  return { kind: 'json', status: 200, value }
}

/** Every failure that a handler knows of is HTTP 200 with `success` false, as in the seed's server. */
function failure(error: string): Outcome {
  return { reply: json({ success: false, error }), busyMs: 0 }
}

/** Base64 of one bit a chunk, chunk 0 in the lowest bit of byte 0. */
function bitmap(count: number, has: (index: number) => boolean): string {
  const bytes = new Uint8Array(Math.ceil(count / 8))
  for (let index = 0; index < count; index++) {
    if (has(index)) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7))
  }
  return Buffer.from(bytes).toString('base64')
}
