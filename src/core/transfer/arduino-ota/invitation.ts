/**
 * The invitation over UDP, until the device connects back: says what will be sent and from where, signs in where the
 * device wants that, and tells a firewall from a device that is not there. Source: arduino-esp32, `espota.py` and
 * `ArduinoOTA.cpp`.
 */
import { FlashproofError, asFlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'
import type { OpenPort, TcpLink } from '../../links/tcp-link.ts'
import type { UdpExchange } from '../../links/udp-exchange.ts'
import { updateRefusal } from '../update-refusal.ts'
import { challengeKind, md5Response, newClientNonce, pbkdf2Response, type PasswordHash } from './authentication.ts'

export interface Invitation {
  readonly command: 0 | 100
  readonly sizeBytes: number
  readonly md5: string
  /** Null where none was given. */
  readonly password: string | null
}

export interface InvitationTimes {
  readonly tries: number
  /** For the answer to one invitation. */
  readonly answerMs: number
  /** For the answer to a password, and for the device to connect. */
  readonly patienceMs: number
}

export interface InvitationWorld {
  readonly exchange: UdpExchange
  readonly port: OpenPort
  readonly times: InvitationTimes
  readonly signal: AbortSignal
  log(text: string): void
}

const AUTH_COMMAND = 200
const LONGEST_TEXT = 200
/** A device whose answer came so late is given this many times as long. */
const LATE_ANSWERS = 2
/** Proofs of the password in one try: two forms of it, and some that came too late. */
const MOST_PROOFS = 6

type Heard = { readonly link: TcpLink } | { readonly text: string }

/**
 * Invites the device and waits until it connects back.
 * @throws {FlashproofError} device.unauthorised, device.no-connect-back, device.* when it refuses, network.refused and
 *   network.timeout when nobody answers
 */
export async function invite(invitation: Invitation, world: InvitationWorld): Promise<TcpLink> {
  return await new Calling(invitation, world).run()
}

/**
 * The exchange until the device connects. A device with a password knows one challenge at a time: the next datagram that
 * is no right answer makes it forget that challenge, and a repeated invitation is such a datagram, which is swallowed
 * without an answer (ArduinoOTA.cpp, _onRx). So an answer that came later than the repetition may belong to nothing any
 * more: after a silence or a refusal there the device is invited anew, and given longer to answer.
 */
class Calling {
  readonly #invitation: Invitation
  readonly #world: InvitationWorld
  /** A device that was set up with the MD5 hash of its password wants that hash in the newer scheme too. */
  #passwordHash: PasswordHash = 'sha256'
  /** For the answer to one invitation; longer for a device that was seen to be slow. */
  #answerMs: number
  #sent = 0
  /** Invitations of which one may still be answered. */
  #open = 0
  #firstOpenMs = 0
  #proofs = 0
  #failure: FlashproofError | null = null

  constructor(invitation: Invitation, world: InvitationWorld) {
    this.#invitation = invitation
    this.#world = world
    this.#answerMs = world.times.answerMs
  }

  async run(): Promise<TcpLink> {
    const { tries } = this.#world.times
    while (this.#sent < tries && this.#proofs < MOST_PROOFS) {
      const heard = await this.#call()
      if (heard === null) continue
      if ('link' in heard) return heard.link
      const { text } = heard
      if (text === 'OK') return await awaitDevice(this.#world)
      // A word about a proof that was given up.
      if (this.#proofs > 0 && /auth\w* failed/i.test(text)) continue
      const nonce = nonceIn(text)
      if (nonce === null) throw updateRefusal(text.replace(/^ERR:\s*/, ''))
      const link = await this.#signIn(nonce)
      if (link !== null) return link
    }
    if (this.#failure !== null) throw this.#failure
    throw new FlashproofError('network.timeout', `the device answered none of ${String(tries)} invitations`, { tries })
  }

  /** Invites once. @returns null after a silence, or when nobody listens there now */
  async #call(): Promise<Heard | null> {
    const { exchange, port, signal, times } = this.#world
    const { command, sizeBytes, md5 } = this.#invitation
    // A job that was stopped begins nothing in the device.
    signal.throwIfAborted()
    const sentMs = performance.now()
    if (this.#open === 0) this.#firstOpenMs = sentMs
    this.#open++
    this.#sent++
    exchange.send(Buffer.from(`${String(command)} ${String(port.port)} ${String(sizeBytes)} ${md5}\n`))
    try {
      return await hear(this.#world, this.#answerMs)
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      if (signal.aborted || !hasErrorCode(error, 'network.timeout', 'network.refused')) throw error
      if (this.#proofs === 0) {
        const text = `the device answered none of ${String(times.tries)} invitations`
        this.#failure = new FlashproofError(error.code, text, { tries: times.tries })
      }
      // A closed port is told at once; a device that restarts opens it within the time of one answer.
      const restMs = sentMs + this.#answerMs - performance.now()
      if (error.code === 'network.refused') await pause(Math.max(0, restMs), signal)
      return null
    }
  }

  /**
   * Answers the newest challenge.
   * @returns null where a new invitation may go well
   * @throws {FlashproofError} device.unauthorised, device.* when it refuses, device.no-connect-back
   */
  async #signIn(firstNonce: string): Promise<TcpLink | null> {
    const { times } = this.#world
    let nonce = firstNonce
    for (;;) {
      const proof = await this.#proofFor(nonce)
      const isSure = this.#open === 1
      if (!isSure) {
        const lateMs = performance.now() - this.#firstOpenMs
        this.#answerMs = Math.min(times.patienceMs, Math.max(this.#answerMs, LATE_ANSWERS * lateMs))
      }
      this.#world.exchange.send(Buffer.from(proof.text))
      const heard = await this.#awaitVerdict(nonce, isSure ? times.patienceMs : this.#answerMs)
      if (heard !== null && 'link' in heard) return heard.link
      if (heard?.text === 'OK') return await awaitDevice(this.#world)
      const newer = heard === null ? null : nonceIn(heard.text)
      if (newer !== null && this.#proofs < MOST_PROOFS) {
        nonce = newer
        continue
      }
      // What was still on its way has come: the next invitation is answered by itself, or swallowed.
      this.#open = 0
      if (heard === null || newer !== null) {
        this.#note('network.timeout', 'the device wants a password and does not answer to it')
        return null
      }
      if (!/auth/i.test(heard.text)) throw updateRefusal(heard.text.replace(/^ERR:\s*/, ''))
      if (isSure && !this.#takeOtherHash(proof.kind)) throw refusedPassword()
      if (isSure) return null
      this.#note('device.unauthorised', 'the device refused the password')
      return await this.#letPass()
    }
  }

  /** Computes what is sent for a challenge; a password that stays the same is worth few of them. */
  async #proofFor(nonce: string): Promise<{ readonly text: string; readonly kind: 'md5' | 'pbkdf2' }> {
    const kind = challengeKind(nonce)
    if (kind === null) {
      const answer = stripControl(nonce, LONGEST_TEXT)
      throw new FlashproofError('device.bad-answer', 'the challenge of the device is of no known kind', { answer })
    }
    const { password } = this.#invitation
    if (password === null) {
      const text = 'the device wants a password, and none was given'
      throw new FlashproofError('device.unauthorised', text, { secret: 'password' })
    }
    this.#proofs++
    const clientNonce = newClientNonce(nonce)
    const response =
      kind === 'md5'
        ? md5Response(password, nonce, clientNonce)
        : await pbkdf2Response(password, this.#passwordHash, nonce, clientNonce)
    return { text: `${String(AUTH_COMMAND)} ${clientNonce} ${response}\n`, kind }
  }

  /** Waits for what follows a proof; the same challenge once more is an old datagram. @returns null after a silence */
  async #awaitVerdict(nonce: string, timeoutMs: number): Promise<Heard | null> {
    const untilMs = performance.now() + timeoutMs
    for (;;) {
      const restMs = untilMs - performance.now()
      if (restMs <= 0) return null
      const heard = await this.#hearOrNull(restMs)
      if (heard === null || 'link' in heard || nonceIn(heard.text) !== nonce) return heard
    }
  }

  /** Lets answers pass that are still on their way and belong to nothing any more. */
  async #letPass(): Promise<TcpLink | null> {
    const heard = await this.#hearOrNull(this.#answerMs)
    return heard !== null && 'link' in heard ? heard.link : null
  }

  async #hearOrNull(timeoutMs: number): Promise<Heard | null> {
    try {
      return await hear(this.#world, timeoutMs)
    } catch (thrown) {
      if (this.#world.signal.aborted || !hasErrorCode(thrown, 'network.timeout', 'network.refused')) throw thrown
      return null
    }
  }

  /** @returns whether there is another form of the password to try */
  #takeOtherHash(kind: 'md5' | 'pbkdf2'): boolean {
    if (kind !== 'pbkdf2' || this.#passwordHash === 'md5') return false
    this.#passwordHash = 'md5'
    this.#world.log('the device refused the password in its newer form: it is invited again with the older one')
    return true
  }

  #note(code: 'network.timeout' | 'device.unauthorised', text: string): void {
    this.#failure = code === 'device.unauthorised' ? refusedPassword() : new FlashproofError(code, text, {})
    this.#world.log(`${text}: it is invited again`)
  }
}

/** The challenge in an answer; null where it is none. */
function nonceIn(text: string): string | null {
  return /^AUTH\s+(\S+)$/.exec(text)?.[1] ?? null
}

function refusedPassword(): FlashproofError {
  return new FlashproofError('device.unauthorised', 'the device refused the password', { secret: 'password' })
}

/** Waits for an answer over UDP or a connection over TCP, whichever comes first. */
async function hear({ exchange, port, signal }: InvitationWorld, timeoutMs: number): Promise<Heard> {
  const isOver = new AbortController()
  const waiting = { timeoutMs, signal: AbortSignal.any([signal, isOver.signal]) }
  try {
    return await Promise.race([
      exchange.receive(waiting).then(answer => ({
        text: Buffer.from(answer).toString('latin1').slice(0, LONGEST_TEXT).trim(),
      })),
      port.accept(waiting).then(link => ({ link })),
    ])
  } finally {
    isOver.abort()
  }
}

async function awaitDevice({ port, times, signal }: InvitationWorld): Promise<TcpLink> {
  try {
    return await port.accept({ timeoutMs: times.patienceMs, signal })
  } catch (thrown) {
    if (!hasErrorCode(thrown, 'network.timeout')) throw thrown
    const strangers = [...port.turnedAway]
    const others = strangers.length === 0 ? '' : `; ${strangers.join(', ')} connected instead and was turned away`
    const message = `the device accepted and did not connect to port ${String(port.port)} of this PC: a firewall, or an image for which it has no room${others}`
    throw new FlashproofError('device.no-connect-back', message, {
      port: port.port,
      waitedMs: times.patienceMs,
      turnedAway: strangers,
    })
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal.reason instanceof Error ? signal.reason : new FlashproofError('call.aborted', 'cancelled'))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, delayMs)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
