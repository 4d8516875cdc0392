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

type Heard = { readonly link: TcpLink } | { readonly text: string }

/**
 * Invites the device and waits until it connects back.
 * @throws {FlashproofError} device.unauthorised, device.no-connect-back, device.* when it refuses, network.refused and
 *   network.timeout when nobody answers
 */
export async function invite(invitation: Invitation, world: InvitationWorld): Promise<TcpLink> {
  const hashes: readonly PasswordHash[] = ['sha256', 'md5']
  for (const hash of hashes) {
    const outcome = await inviteWith(invitation, hash, world)
    if (outcome !== 'refused') return outcome
    // A device that was set up with the MD5 hash of its password wants that hash in the new scheme too.
    world.log('the device refused the password in its newer form: it is invited again with the older one')
  }
  throw new FlashproofError('device.unauthorised', 'the device refused the password', { secret: 'password' })
}

/** @returns `refused` when the password was refused in this form and another form may be right */
async function inviteWith(
  invitation: Invitation,
  hash: PasswordHash,
  world: InvitationWorld,
): Promise<TcpLink | 'refused'> {
  const heard = await call(invitation, world)
  if ('link' in heard) return heard.link
  const { text } = heard
  if (text === 'OK') return await awaitDevice(world)
  const nonce = /^AUTH\s+(\S+)$/.exec(text)?.[1]
  if (nonce === undefined) throw updateRefusal(text.replace(/^ERR:\s*/, ''))
  const kind = challengeKind(nonce)
  if (kind === null) {
    throw new FlashproofError('device.bad-answer', 'the challenge of the device is of no known kind', {
      answer: stripControl(text, LONGEST_TEXT),
    })
  }
  const { password } = invitation
  if (password === null) {
    throw new FlashproofError('device.unauthorised', 'the device wants a password, and none was given', {
      secret: 'password',
    })
  }
  const clientNonce = newClientNonce(nonce)
  const response =
    kind === 'md5'
      ? md5Response(password, nonce, clientNonce)
      : await pbkdf2Response(password, hash, nonce, clientNonce)
  const verdict = await answerChallenge(`${String(AUTH_COMMAND)} ${clientNonce} ${response}\n`, world)
  if ('link' in verdict) return verdict.link
  if (verdict.text === 'OK') return await awaitDevice(world)
  if (!/auth/i.test(verdict.text)) throw updateRefusal(verdict.text.replace(/^ERR:\s*/, ''))
  if (kind === 'pbkdf2' && hash === 'sha256') return 'refused'
  throw new FlashproofError('device.unauthorised', 'the device refused the password', { secret: 'password' })
}

/** Repeats the invitation until something is heard. A device that took one whose answer was lost connects at once. */
async function call(invitation: Invitation, world: InvitationWorld): Promise<Heard> {
  const { exchange, port, times, signal } = world
  const { command, sizeBytes, md5 } = invitation
  const datagram = Buffer.from(`${String(command)} ${String(port.port)} ${String(sizeBytes)} ${md5}\n`)
  let failure: FlashproofError | null = null
  for (let attempt = 1; attempt <= times.tries; attempt++) {
    // A job that was stopped begins nothing in the device.
    signal.throwIfAborted()
    const untilMs = performance.now() + times.answerMs
    exchange.send(datagram)
    try {
      return await hear(world, times.answerMs)
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      if (signal.aborted || !hasErrorCode(error, 'network.timeout', 'network.refused')) throw error
      failure = error
      // A closed port is told at once; a device that restarts opens it within the time of one answer.
      if (error.code === 'network.refused') await pause(Math.max(0, untilMs - performance.now()), signal)
    }
  }
  const tries = String(times.tries)
  const code = failure?.code === 'network.refused' ? 'network.refused' : 'network.timeout'
  throw new FlashproofError(code, `the device answered none of ${tries} invitations`, { tries: times.tries })
}

/** Sends the proof of the password once: a device answers a second one with nothing. */
async function answerChallenge(text: string, world: InvitationWorld): Promise<Heard> {
  world.exchange.send(Buffer.from(text))
  return await hear(world, world.times.patienceMs)
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
