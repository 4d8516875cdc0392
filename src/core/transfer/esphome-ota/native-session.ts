/** One conversation in ESPHome's native OTA protocol, step by step, over a connection that stands. */
import { randomBytes } from 'node:crypto'
import { FlashproofError } from '../../../shared/errors.ts'
import type { TcpLink } from '../../links/tcp-link.ts'
import {
  AUTH_OK,
  authResponse,
  BLOCK_OK,
  END_OK,
  FEATURES,
  HEADER_OK,
  isRefusal,
  MAGIC,
  MD5_OK,
  NONCE_DIGITS,
  OK,
  PREPARE_OK,
  RECEIVE_OK,
  refusalOf,
  REQUEST_MD5_AUTH,
  REQUEST_SHA256_AUTH,
  sizeBytesOnWire,
  SUPPORTS_COMPRESSION,
  VERSIONS,
  type AuthHash,
} from './wire.ts'

export interface SessionTimes {
  /** For each answer until the transfer begins; the reference client waits 20 s. */
  readonly handshakeMs: number
  /** For each answer from the size on: erasing and checking flash takes seconds; the reference client waits 90 s. */
  readonly dataMs: number
}

export class NativeSession {
  readonly #link: TcpLink
  readonly #times: SessionTimes
  readonly #signal: AbortSignal

  constructor(link: TcpLink, times: SessionTimes, signal: AbortSignal) {
    this.#link = link
    this.#times = times
    this.#signal = signal
  }

  /**
   * Greets, agrees on features, and signs in where the device wants that.
   * @param password null where none was given
   * @returns the version of the protocol that the device speaks
   * @throws {FlashproofError} device.not-speaking, device.unauthorised, device.*, network.*
   */
  async begin(password: string | null): Promise<1 | 2> {
    const { handshakeMs } = this.#times
    await this.#send(MAGIC, handshakeMs)
    const first = await this.#readByte(handshakeMs)
    if (first !== OK) {
      if (isRefusal(first)) throw refusalOf(first, 'greeting')
      throw new FlashproofError('device.not-speaking', 'what answers there is not ESPHome’s update service', {
        deviceByte: first,
      })
    }
    const version = await this.#readByte(handshakeMs)
    if (!VERSIONS.includes(version)) {
      const message = `the device speaks version ${String(version)} of the protocol; 1 and 2 are known`
      throw new FlashproofError('device.not-speaking', message, { version })
    }
    await this.#send(Uint8Array.of(FEATURES), handshakeMs)
    await this.#expect([HEADER_OK, SUPPORTS_COMPRESSION], 'features', handshakeMs)
    await this.#signIn(password)
    return version === 1 ? 1 : 2
  }

  /** Tells size and MD5 of what follows. From here on a device holds its flash ready. */
  async announce(sizeBytes: number, md5Hex: string): Promise<void> {
    const { dataMs } = this.#times
    await this.#send(sizeBytesOnWire(sizeBytes), dataMs)
    await this.#expect([PREPARE_OK], 'preparing the flash', dataMs)
    await this.#send(Buffer.from(md5Hex, 'latin1'), dataMs)
    await this.#expect([MD5_OK], 'announcing the MD5', dataMs)
  }

  /**
   * Sends one block and, in version 2, waits until the device has it.
   * @param block `isLast`: what follows it is for `finish` to hear
   * @throws {FlashproofError} what the device says instead, network.*
   */
  async sendBlock(block: { readonly bytes: Uint8Array; readonly isLast: boolean }, version: 1 | 2): Promise<void> {
    const { dataMs } = this.#times
    const { bytes, isLast } = block
    // A device that speaks unasked says why it takes no more.
    if (this.#link.bufferedBytes > 0) await this.#expect([], 'data', dataMs)
    if (version === 2) {
      this.#link.send(bytes)
      const [byte = 0] = await this.#link.read(1, this.#waiting(dataMs))
      if (byte !== BLOCK_OK) throw refusalOf(byte, 'data')
      return
    }
    if (isLast) {
      this.#link.send(bytes)
      return
    }
    // Version 1 says nothing while data comes, unless it refuses.
    if ((await this.#send(bytes, dataMs)) === 'answered') await this.#expect([], 'data', dataMs)
  }

  /** Waits until the device has checked what it received, and stored it. */
  async finish(): Promise<void> {
    const { dataMs } = this.#times
    await this.#expect([RECEIVE_OK], 'receiving', dataMs)
    await this.#expect([END_OK], 'finishing', dataMs)
  }

  /** Tells the device that its success was heard: it restarts at once, and without this a moment later. */
  async thank(): Promise<void> {
    await this.#send(Uint8Array.of(OK), this.#times.handshakeMs).catch(() => undefined)
  }

  async #signIn(password: string | null): Promise<void> {
    const { handshakeMs } = this.#times
    const asked = await this.#expect([AUTH_OK, REQUEST_MD5_AUTH, REQUEST_SHA256_AUTH], 'signing in', handshakeMs)
    if (asked === AUTH_OK) return
    if (password === null || password === '') {
      throw new FlashproofError('device.unauthorised', 'the device wants a password, and none was given', {
        secret: 'password',
      })
    }
    const hash: AuthHash = asked === REQUEST_SHA256_AUTH ? 'sha256' : 'md5'
    const digits = NONCE_DIGITS[hash]
    const nonce = Buffer.from(await this.#link.read(digits, this.#waiting(handshakeMs))).toString('latin1')
    if (!/^[0-9a-f]+$/i.test(nonce)) {
      throw new FlashproofError('device.bad-answer', 'signing in: the challenge of the device is no hex text', {})
    }
    const clientNonce = randomBytes(digits / 2).toString('hex')
    const response = authResponse(hash, password, nonce, clientNonce)
    await this.#send(Buffer.from(clientNonce + response, 'latin1'), handshakeMs)
    await this.#expect([AUTH_OK], 'signing in', handshakeMs)
  }

  async #expect(wanted: readonly number[], during: string, timeoutMs: number): Promise<number> {
    const byte = await this.#readByte(timeoutMs)
    if (wanted.includes(byte)) return byte
    throw refusalOf(byte, during)
  }

  async #readByte(timeoutMs: number): Promise<number> {
    const [byte = 0] = await this.#link.read(1, this.#waiting(timeoutMs))
    return byte
  }

  #send(bytes: Uint8Array, timeoutMs: number): Promise<'taken' | 'answered'> {
    return this.#link.write(bytes, this.#waiting(timeoutMs))
  }

  #waiting(timeoutMs: number): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    return { timeoutMs, signal: this.#signal }
  }
}
