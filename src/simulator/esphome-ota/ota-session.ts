/** One connection of ESPHome's own update protocol, seen from the device (ota_esphome.cpp). */
import type { Socket } from 'node:net'
import type { VirtualBoard } from '../board/board.ts'
import { SocketReader } from '../board/socket-reader.ts'
import type { UpdateError, UpdateObject } from '../board/update.ts'
import type { RequestPoint } from '../faults/fault-hooks.ts'
import type { Random } from '../random.ts'
import { answerOf, hexDigits, type PasswordHash } from './password.ts'
import { answers, BLOCK_BYTES, clientFeatures, errors, MAGIC, type Stage } from './wire.ts'

export interface OtaRules {
  readonly version: 1 | 2
  /** Empty: nobody is asked. */
  readonly password: string
  /** `both` takes SHA-256 from a client that offers it, else MD5; `sha256` refuses a client that does not offer it. */
  readonly hash: PasswordHash | 'both'
  readonly isEsp8266: boolean
  /** Whether it knows the extended feature bit; old devices ignore it. */
  readonly knowsExtended: boolean
  readonly rebootDelayMs: number
}

export interface SessionHost {
  readonly board: VirtualBoard
  readonly update: UpdateObject
  readonly random: Random
  readonly rules: OtaRules
  /** Called as image bytes arrive. @param isNewBlock whether they begin a block of 8192 bytes */
  onData(sizeBytes: number, isNewBlock: boolean): void
  /** Image bytes of all connections so far. */
  receivedBytes(): number
  restart(): void
}

const HANDSHAKE_TIMEOUT_MS = 20_000
const DATA_TIMEOUT_MS = 90_000
const READ_BYTES = 1024
const SERVER_COMPRESSION = 0x01

/** Ends the session with an error byte, or with nothing. */
class SessionEnd extends Error {
  override readonly name = 'SessionEnd'
  readonly code: number | null

  constructor(code: number | null) {
    super(`session ends with ${String(code)}`)
    this.code = code
  }
}

export class OtaSession {
  readonly #host: SessionHost
  readonly #socket: Socket
  readonly #reader: SocketReader

  constructor(host: SessionHost, socket: Socket) {
    this.#host = host
    this.#socket = socket
    this.#reader = new SocketReader(socket, host.board)
  }

  async run(): Promise<void> {
    const { update } = this.#host
    try {
      await this.#handshake()
      await this.#takeImage()
    } catch (thrown) {
      if (!(thrown instanceof SessionEnd)) throw thrown
      update.abort()
      this.#hangUp(thrown.code)
    }
  }

  #hangUp(code: number | null): void {
    if (code !== null) this.#socket.write(Uint8Array.of(code))
    this.#socket.end()
    // What is still on its way must not turn the last byte into a reset.
    this.#socket.removeAllListeners('data')
    this.#socket.resume()
  }

  async #handshake(): Promise<void> {
    const { rules, board } = this.#host
    const magic = await this.#read(MAGIC.length)
    if (Buffer.compare(magic, MAGIC) !== 0) throw new SessionEnd(errors.magic)
    const greeting = this.#firstOf(hooks => hooks.greetsWith?.()) ?? Uint8Array.of(answers.ok, rules.version)
    await this.#answer('greeting', greeting)
    const features = (await this.#read(1))[0] ?? 0
    const compresses = rules.isEsp8266 && (features & clientFeatures.compression) !== 0
    const isExtended = rules.knowsExtended && (features & clientFeatures.extended) !== 0
    if (isExtended) {
      await this.#answer('features', Uint8Array.of(answers.featureFlags, compresses ? SERVER_COMPRESSION : 0))
    } else await this.#answer('features', Uint8Array.of(compresses ? answers.compression : answers.headerOk))
    if (rules.password !== '') await this.#authenticate((features & clientFeatures.sha256) !== 0)
    await this.#answer('auth', Uint8Array.of(answers.authOk))
    const type = isExtended ? await this.#read(1, DATA_TIMEOUT_MS) : Uint8Array.of(0)
    if (type[0] !== 0) {
      // The size comes first all the same.
      await this.#read(4, DATA_TIMEOUT_MS)
      throw new SessionEnd(errors.unsupportedType)
    }
    if (!board.isUp) throw new SessionEnd(null)
  }

  async #authenticate(offersSha256: boolean): Promise<void> {
    const { rules, random } = this.#host
    if (rules.hash === 'sha256' && !offersSha256) throw new SessionEnd(errors.auth)
    const hash: PasswordHash = rules.hash !== 'md5' && offersSha256 ? 'sha256' : 'md5'
    const digits = hexDigits[hash]
    const nonce = Array.from({ length: digits }, () => random.integer(16).toString(16)).join('')
    const asks = hash === 'sha256' ? answers.sha256Auth : answers.md5Auth
    this.#socket.write(Buffer.concat([Uint8Array.of(asks), Buffer.from(nonce)]))
    const clientNonce = (await this.#read(digits)).toString('latin1')
    const response = (await this.#read(digits)).toString('latin1')
    const isRight = response === answerOf(hash, rules.password, nonce, clientNonce)
    const isRefused = this.#host.board.faults.all.some(({ esphome }) => esphome?.refusesPassword?.() === true)
    if (!isRight || isRefused) throw new SessionEnd(errors.auth)
  }

  async #takeImage(): Promise<void> {
    const { update, rules } = this.#host
    const sizeBytes = (await this.#read(4, DATA_TIMEOUT_MS)).readUInt32BE(0)
    if (!update.begin(sizeBytes)) throw new SessionEnd(codeOf(update.errorText, 'begin', rules.isEsp8266))
    await this.#answer('prepare', Uint8Array.of(answers.prepareOk))
    const md5 = (await this.#read(32, DATA_TIMEOUT_MS)).toString('latin1')
    update.setMd5(md5)
    await this.#answer('md5', Uint8Array.of(answers.md5Ok))
    await this.#takeData(sizeBytes)
    await this.#answer('received', Uint8Array.of(answers.receiveOk))
    this.#failAt('end', 0)
    if (!update.end(false)) throw new SessionEnd(codeOf(update.errorText, 'end', rules.isEsp8266))
    await this.#wait(update.busyMs)
    await this.#finish()
  }

  /** From here on the image is there: whatever happens, the device restarts into it. */
  async #finish(): Promise<void> {
    try {
      const isLost = this.#host.board.faults.losesReply(dataPoint(0))
      if (isLost) this.#socket.destroy()
      else {
        await this.#answer('end', Uint8Array.of(answers.endOk))
        // The client's last word is waited for and not needed.
        await this.#reader.read(1, DATA_TIMEOUT_MS)
        this.#hangUp(null)
      }
    } catch (thrown) {
      if (!(thrown instanceof SessionEnd)) throw thrown
      this.#hangUp(thrown.code)
    }
    this.#host.restart()
  }

  async #takeData(sizeBytes: number): Promise<void> {
    const { board, update, rules } = this.#host
    const { faults } = board
    if (faults.onRequest(dataPoint(0)) === 'ignore') await this.#fallSilent()
    const cut = faults.cutBody(dataPoint(0), sizeBytes, this.#host.receivedBytes())
    let received = 0
    let acknowledged = 0
    while (received < sizeBytes) {
      const untilCut = cut === null ? Number.MAX_SAFE_INTEGER : Math.max(cut.afterBytes - received, 0)
      if (untilCut === 0) await this.#die(cut?.how ?? 'close')
      const untilBlockEnds = BLOCK_BYTES - (received % BLOCK_BYTES)
      const wanted = Math.min(READ_BYTES, untilBlockEnds, sizeBytes - received, untilCut)
      const piece = await this.#readSome(wanted)
      this.#host.onData(piece.length, received % BLOCK_BYTES === 0)
      this.#failAt('data', received + piece.length)
      const bytes = this.#changed(received, piece)
      if (update.write(bytes) !== bytes.length) {
        throw new SessionEnd(codeOf(update.errorText, 'write', rules.isEsp8266))
      }
      received += piece.length
      const block = Math.floor((received - 1) / BLOCK_BYTES)
      if (received % BLOCK_BYTES !== 0 && received !== sizeBytes) continue
      if (this.#isSilentAt('data', block)) await this.#fallSilent()
      await this.#wait(update.busyMs + faults.delayMs(dataPoint(block), BLOCK_BYTES))
      if (faults.all.some(({ esphome }) => esphome?.endsAt?.('data') === true)) throw new SessionEnd(null)
      if (rules.version === 2 && acknowledged < received) this.#socket.write(Uint8Array.of(answers.chunkOk))
      acknowledged = received
    }
  }

  #changed(offset: number, piece: Buffer): Uint8Array {
    return this.#host.board.faults.all.reduce<Uint8Array>(
      (bytes, { esphome }) => esphome?.receiveInstead?.(offset, bytes) ?? bytes,
      piece,
    )
  }

  async #answer(stage: Stage, bytes: Uint8Array): Promise<void> {
    if (this.#isSilentAt(stage, 0)) await this.#fallSilent()
    // Its errors come before its work.
    if (stage !== 'end') this.#failAt(stage, 0)
    if (this.#host.board.faults.all.some(({ esphome }) => esphome?.endsAt?.(stage) === true)) throw new SessionEnd(null)
    await this.#wait(this.#host.board.faults.delayMs({ kind: 'other', chunk: null, target: null }, 0))
    this.#socket.write(bytes)
  }

  #failAt(stage: Stage, receivedBytes: number): void {
    const code = this.#firstOf(hooks => hooks.errorAt?.(stage, receivedBytes))
    if (code !== null) throw new SessionEnd(code)
  }

  #isSilentAt(stage: Stage, block: number): boolean {
    return this.#host.board.faults.all.some(({ esphome }) => esphome?.fallsSilentAt?.(stage, block) === true)
  }

  #firstOf<Value>(
    ask: (hooks: NonNullable<VirtualBoard['faults']['all'][number]['esphome']>) => Value | null | undefined,
  ): Value | null {
    for (const { esphome } of this.#host.board.faults.all) {
      const value = esphome === undefined ? null : (ask(esphome) ?? null)
      if (value !== null) return value
    }
    return null
  }

  /** Reads and says nothing until the other side has had enough. */
  async #fallSilent(): Promise<never> {
    for (;;) {
      const piece = await this.#reader.read(READ_BYTES, DATA_TIMEOUT_MS)
      if (piece === 'ended' || piece === 'timeout') throw new SessionEnd(null)
    }
  }

  async #die(how: 'reset' | 'close' | 'power-loss'): Promise<void> {
    if (how === 'power-loss') {
      void this.#host.board.panic()
      // Nothing is left that could go on.
      await new Promise<never>(() => undefined)
    }
    if (how === 'reset') this.#socket.resetAndDestroy()
    throw new SessionEnd(null)
  }

  async #read(sizeBytes: number, timeoutMs = HANDSHAKE_TIMEOUT_MS): Promise<Buffer> {
    const pieces: Buffer[] = []
    for (let missing = sizeBytes; missing > 0;) {
      const piece = await this.#reader.read(missing, timeoutMs)
      if (piece === 'ended' || piece === 'timeout') throw new SessionEnd(null)
      pieces.push(piece)
      missing -= piece.length
    }
    return Buffer.concat(pieces)
  }

  async #readSome(maximumBytes: number): Promise<Buffer> {
    const piece = await this.#reader.read(maximumBytes, DATA_TIMEOUT_MS)
    if (piece === 'timeout') throw new SessionEnd(errors.unknown)
    if (piece === 'ended') throw new SessionEnd(null)
    return piece
  }

  #wait(durationMs: number): Promise<void> {
    if (durationMs < 1) return Promise.resolve()
    return new Promise(resolve => this.#host.board.later(durationMs, resolve))
  }
}

function dataPoint(block: number): RequestPoint {
  return { kind: 'chunk', chunk: block, target: null }
}

/** The byte that stands for an error of `Update` (ota_backend_*.cpp). */
function codeOf(error: UpdateError, step: 'begin' | 'write' | 'end', isEsp8266: boolean): number {
  switch (error) {
    case 'Bad Size Given':
    case 'Not Enough Space':
      return isEsp8266 ? errors.noSpaceEsp8266 : errors.noSpaceEsp32
    case 'Partition Could Not be Found':
      return errors.noPartition
    case 'MD5 Check Failed':
      return errors.md5
    case 'Wrong Magic Byte':
      return errors.magic
    default:
      return { begin: errors.prepare, write: errors.write, end: errors.end }[step]
  }
}
