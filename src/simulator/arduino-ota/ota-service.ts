/**
 * What an ArduinoOTA device does with its datagrams and its connection: invitation, challenge, connecting back, pieces with
 * their counts, the end (arduino-esp32, libraries/ArduinoOTA/src/ArduinoOTA.cpp). Lives in RAM: every boot makes a new one.
 */
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { VirtualBoard } from '../board/board.ts'
import type { UdpSender } from '../board/kept-udp-port.ts'
import { SocketReader } from '../board/socket-reader.ts'
import { updateErrors, UpdateObject, type UpdateError, type UpdateTarget } from '../board/update.ts'
import type { RequestPoint } from '../faults/fault-hooks.ts'
import type { Random } from '../random.ts'
import { expectedResponse, storedHash, tokenLength, type AuthForm } from './password.ts'
import type { OtaFaultHooks } from './ota-faults.ts'

export interface OtaSettings {
  readonly auth: AuthForm
  readonly password: string
  /** Answers whoever sent the invitation, wherever the authentication comes from. */
  readonly answersInvitationOnly: boolean
  /** Writes the last count and the final OK in one piece. */
  readonly gluesEnd: boolean
  /** How long it waits for more of the image before it asks again. */
  readonly readTimeoutMs: number
  /** From the final OK until it restarts. */
  readonly rebootDelayMs: number
}

export interface OtaHost {
  readonly board: VirtualBoard
  readonly random: Random
  send(text: string, to: UdpSender): void
  onDataPiece(): void
}

interface Invitation {
  readonly from: UdpSender
  readonly target: UpdateTarget
  readonly port: number
  readonly sizeBytes: number
  readonly md5: string
}

type State =
  | { readonly name: 'idle' | 'running' }
  | { readonly name: 'challenged'; readonly invitation: Invitation; readonly nonce: string }

const targets: Readonly<Record<string, UpdateTarget>> = { '0': 'app', '100': 'filesystem' }
const AUTH_COMMAND = 200
const datagram: RequestPoint = { kind: 'other', chunk: null, target: null }
/** One read of the device: a TCP segment. */
const READ_BYTES = 1460
/** What faults count as a chunk: the pieces of espota.py. */
const CHUNK_BYTES = 1024
const PROMPTS = 3

export class OtaService {
  readonly update: UpdateObject
  readonly #host: OtaHost
  readonly #settings: OtaSettings
  readonly #sockets = new Set<Socket>()
  #state: State = { name: 'idle' }
  #isStopped = false
  /** The last count, where it goes out together with what ends the update. */
  #heldCount = ''

  constructor(host: OtaHost, settings: OtaSettings) {
    this.#host = host
    this.#settings = settings
    this.update = new UpdateObject(host.board)
  }

  /** Ends its connection as the board goes down. */
  stop(isOrderly: boolean): void {
    this.#isStopped = true
    for (const socket of this.#sockets) {
      if (isOrderly) socket.destroy()
      else socket.resetAndDestroy()
    }
  }

  onDatagram(text: string, from: UdpSender): void {
    // The sketch does nothing else while an update runs; what arrives meanwhile is discarded with the buffer.
    if (this.#state.name === 'running') return
    if (this.#state.name === 'challenged') this.#onAuthentication(text, from, this.#state.invitation, this.#state.nonce)
    else this.#onInvitation(text, from)
  }

  #onInvitation(text: string, from: UdpSender): void {
    const [, command, port, size, md5] = /^ *(\d+) +(\d+) +(\d+)[ ]([^\n]*)/.exec(text) ?? []
    const target = command === undefined ? undefined : targets[String(Number(command))]
    if (target === undefined) return
    const digest = md5?.trim() ?? ''
    if (digest.length !== 32) return
    if (this.#loses('in', 'invitation')) return
    const invitation = { from, target, port: Number(port), sizeBytes: Number(size), md5: digest }
    if (this.#settings.auth === 'none') {
      this.#state = { name: 'running' }
      this.#answer('OK', from, 'invitation', () => {
        this.#start(invitation)
      })
      return
    }
    const nonce = this.#makeNonce()
    this.#state = { name: 'challenged', invitation, nonce }
    this.#answer(`AUTH ${nonce}`, from, 'invitation')
  }

  /** Whatever is no right answer makes it forget the challenge, a repeated invitation included. */
  #onAuthentication(text: string, from: UdpSender, invitation: Invitation, nonce: string): void {
    this.#state = { name: 'idle' }
    const [, command, cnonce = '', response = ''] = /^ *(\d+)[ ]([^ \n]*)[ ]([^\n]*)/.exec(text) ?? []
    const { auth, password, answersInvitationOnly } = this.#settings
    const length = tokenLength(auth)
    if (Number(command) !== AUTH_COMMAND || cnonce.length !== length || response.length !== length) return
    if (this.#loses('in', 'authentication')) return
    const to = answersInvitationOnly ? invitation.from : from
    const isRight = expectedResponse(auth, storedHash(auth, password), nonce, cnonce) === response
    if (!isRight || this.#ask(hooks => hooks.refusesPassword?.() === true)) {
      this.#answer('Authentication Failed', to, 'authentication')
      return
    }
    this.#state = { name: 'running' }
    this.#answer('OK', to, 'authentication', () => {
      this.#start({ ...invitation, from: to })
    })
  }

  #start(invitation: Invitation): void {
    void this.#run(invitation).finally(() => {
      this.#state = { name: 'idle' }
    })
  }

  async #run({ from, target, port, sizeBytes, md5 }: Invitation): Promise<void> {
    const { update } = this
    if (!update.begin(sizeBytes, target)) return
    // Behind `begin`, which forgets what was set before.
    update.setMd5(md5)
    const socket = await this.#connect(from.address, port)
    if (socket === null) {
      update.abort()
      return
    }
    const reader = new SocketReader(socket, this.#host.board)
    const isWhole = await this.#receive(socket, reader, sizeBytes)
    if (isWhole) await this.#finish(socket)
    else {
      update.abort()
      socket.end()
    }
  }

  /** @returns null when nobody listens, or when it does not try */
  #connect(host: string, port: number): Promise<Socket | null> {
    if (this.#ask(hooks => hooks.connectsBack?.() === false)) return Promise.resolve(null)
    return new Promise(resolve => {
      const socket = connect({ host, port })
      this.#sockets.add(socket)
      socket.once('connect', () => {
        socket.setNoDelay(true)
        resolve(socket)
      })
      socket.on('error', () => {
        resolve(null)
      })
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  /** @returns whether all bytes came; an image that is refused at its first byte is read to its end without an answer */
  async #receive(socket: Socket, reader: SocketReader, sizeBytes: number): Promise<boolean> {
    const { update } = this
    const { board } = this.#host
    let lastWritten = 0
    let prompts = 0
    let receivedBytes = 0
    while (update.progressBytes < sizeBytes) {
      const piece = await reader.read(READ_BYTES, this.#settings.readTimeoutMs)
      // Work in RAM that is lost: nobody is left to go on.
      if (this.#isStopped) await new Promise(() => undefined)
      if (piece === 'ended') return false
      if (piece === 'timeout') {
        // It repeats its last count, in case that was lost.
        if (lastWritten === 0 || prompts >= PROMPTS) return false
        prompts++
        socket.write(String(lastWritten))
        continue
      }
      prompts = 0
      const point: RequestPoint = { kind: 'chunk', chunk: Math.floor(receivedBytes / CHUNK_BYTES), target: null }
      this.#host.onDataPiece()
      const step = board.faults.onRequest(point)
      if (step === 'power-loss') return this.#die()
      if (step === 'cut') return false
      if (step === 'ignore') return this.#goDeaf(reader)
      const cut = board.faults.cutBody(point, piece.length, receivedBytes)
      const kept = cut === null ? piece : piece.subarray(0, cut.afterBytes)
      lastWritten = await this.#write(point, receivedBytes, kept)
      receivedBytes += kept.length
      if (cut !== null) {
        if (cut.how === 'power-loss') return this.#die()
        if (cut.how === 'reset') socket.resetAndDestroy()
        return false
      }
      if (board.faults.losesReply(point)) return false
      const isLast = update.progressBytes >= sizeBytes
      if (lastWritten > 0 && !(isLast && this.#settings.gluesEnd)) socket.write(String(lastWritten))
    }
    this.#heldCount = this.#settings.gluesEnd && lastWritten > 0 ? String(lastWritten) : ''
    return true
  }

  async #write(point: RequestPoint, offset: number, bytes: Uint8Array): Promise<number> {
    const { board } = this.#host
    const received = this.#hooks().reduce((all, hooks) => hooks.receiveInstead?.(offset, all) ?? all, bytes)
    const written = this.update.write(received)
    const busyMs = (written > 0 ? this.update.busyMs : 0) + board.faults.delayMs(point, bytes.length)
    if (busyMs >= 1) await board.pause(busyMs)
    return written
  }

  /** Loses power: nobody is left to go on. */
  #die(): Promise<never> {
    void this.#host.board.panic()
    return new Promise(() => undefined)
  }

  /** Takes what comes and answers nothing, until the other side gives up. */
  async #goDeaf(reader: SocketReader): Promise<boolean> {
    for (;;) {
      const piece = await reader.read(READ_BYTES, this.#settings.readTimeoutMs)
      if (piece === 'ended') return false
    }
  }

  async #finish(socket: Socket): Promise<void> {
    const { board } = this.#host
    const { update } = this
    const complete: RequestPoint = { kind: 'complete', chunk: null, target: null }
    const failure = this.#hooks().reduce<string | null>((text, hooks) => text ?? hooks.failsAtEnd?.() ?? null, null)
    if (failure !== null) {
      update.abort()
      socket.end(this.#heldCount + failure)
      return
    }
    const step = board.faults.onRequest(complete)
    if (step === 'power-loss') return this.#die()
    if (step !== 'serve') {
      update.abort()
      socket.destroy()
      return
    }
    const delayMs = board.faults.delayMs(complete, 0)
    if (delayMs >= 1) await board.pause(delayMs)
    if (!update.end(false)) {
      const text = board.faults.disguise(update.errorText)
      socket.end(`${this.#heldCount}ERROR[${String(errorNumber(update.errorText))}]: ${text}`)
      return
    }
    if (update.busyMs >= 1) await board.pause(update.busyMs)
    if (board.faults.losesReply(complete)) socket.destroy()
    else socket.end(`${this.#heldCount}OK`)
    board.later(this.#settings.rebootDelayMs, () => void board.reboot())
    // Until it restarts it does nothing else.
    await new Promise(() => undefined)
  }

  /** @param next what it does as soon as the answer went out, or was lost on its way */
  #answer(text: string, to: UdpSender, what: 'invitation' | 'authentication', next?: () => void): void {
    const { board } = this.#host
    const isLost = this.#loses('out', what)
    const finish = (): void => {
      if (!isLost) this.#host.send(text, to)
      next?.()
    }
    const delayMs = board.faults.delayMs(datagram, 0)
    if (delayMs < 1) finish()
    else board.later(delayMs, finish)
  }

  #loses(direction: 'in' | 'out', what: 'invitation' | 'authentication'): boolean {
    return this.#ask(hooks => hooks.losesDatagram?.(direction, what) === true)
  }

  /** Every fault is asked, so that each counts for itself. */
  #ask(question: (hooks: OtaFaultHooks) => boolean): boolean {
    return this.#hooks().filter(question).length > 0
  }

  #hooks(): OtaFaultHooks[] {
    return this.#host.board.faults.all.flatMap(({ arduinoOta }) => (arduinoOta === undefined ? [] : [arduinoOta]))
  }

  #makeNonce(): string {
    const seed = String(this.#host.random.next())
    return createHash(this.#settings.auth === 'md5' ? 'md5' : 'sha256')
      .update(seed)
      .digest('hex')
  }
}

/** As in arduino-esp32, libraries/Update/src/Updater.cpp, where 0 is no error. */
function errorNumber(error: UpdateError): number {
  return updateErrors.findIndex(known => known === error) + 1
}
