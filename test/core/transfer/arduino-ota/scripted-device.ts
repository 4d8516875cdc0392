/**
 * A device that speaks ArduinoOTA as it is described (arduino-esp32, `ArduinoOTA.cpp`), with a script for what goes wrong.
 * Independent of the simulator.
 */
import { createHash, pbkdf2Sync, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'

export interface Script {
  readonly password?: string
  /** How it checks: 32 digits and MD5, or 64 digits and PBKDF2 with the password kept as one hash or the other. */
  readonly auth?: 'md5' | 'pbkdf2-sha256' | 'pbkdf2-md5'
  /** Does not hear the first so many invitations. */
  readonly deafFor?: number
  /** How long each of its answers over UDP takes; what it knows changes at once. */
  readonly answersAfterMs?: number
  /** Does not hear the first so many proofs of the password. */
  readonly missesProofs?: number
  /** Asks with another challenge again, this many times. */
  readonly asksAgain?: number
  /** Takes the invitation and loses its answer: it only connects. */
  readonly losesAnswer?: boolean
  /** Answers the invitation with this text. */
  readonly refusal?: string
  /** Takes the invitation and does not connect. */
  readonly noConnect?: boolean
  /** Connects from this address. */
  readonly connectsFrom?: string
  /** How it answers a piece: its count, or nothing. */
  readonly counts?: 'each' | 'glued-end' | 'in-two' | 'silent'
  /** Closes hard when so many bytes came. */
  readonly cutAt?: number
  /** Says this in place of a count when so many bytes came. */
  readonly saysAt?: { readonly bytes: number; readonly text: string }
  /** Its final word; `HANG_UP`: none. */
  readonly finalWord?: string
  /** Says the final word again and again, a piece at a time, and never ends. */
  readonly dripsFinalWord?: boolean
}

export const HANG_UP = 'hang up'

export interface ScriptedDevice {
  readonly target: string
  readonly received: () => Uint8Array
  readonly invitations: () => readonly string[]
  readonly proofs: () => number
  readonly command: () => number | null
  setScript(script: Script): void
  close(): void
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export async function scriptDevice(script: Script = {}): Promise<ScriptedDevice> {
  let current = script
  let received = Buffer.alloc(0)
  const invitations: string[] = []
  let command: number | null = null
  let nonce: string | null = null
  let proofs = 0
  let invited: { port: number; sizeBytes: number; md5: string } | null = null
  const sockets = new Set<Socket>()
  const timers = new Set<NodeJS.Timeout>()
  const udp = createSocket('udp4')

  const newNonce = (): string => randomBytes(current.auth?.startsWith('pbkdf2') === true ? 32 : 16).toString('hex')
  const expected = (clientNonce: string): string => {
    const { password = '', auth = 'md5' } = current
    if (auth === 'md5') return md5(`${md5(password)}:${nonce ?? ''}:${clientNonce}`)
    const kept = auth === 'pbkdf2-sha256' ? sha256(password) : md5(password)
    const key = pbkdf2Sync(kept, `${nonce ?? ''}:${clientNonce}`, 10_000, 32, 'sha256').toString('hex')
    return sha256(`${key}:${nonce ?? ''}:${clientNonce}`)
  }

  const runUpdate = (): void => {
    if (invited === null || current.noConnect === true) return
    const plan = current
    const { port, sizeBytes, md5: wanted } = invited
    received = Buffer.alloc(0)
    const socket = connect({
      port,
      host: '127.0.0.1',
      ...(plan.connectsFrom === undefined ? {} : { localAddress: plan.connectsFrom }),
    })
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (piece: Buffer) => {
      received = Buffer.concat([received, piece])
      if (plan.cutAt !== undefined && received.length >= plan.cutAt) {
        socket.resetAndDestroy()
        return
      }
      if (plan.saysAt !== undefined && received.length >= plan.saysAt.bytes) {
        socket.end(plan.saysAt.text)
        return
      }
      const isAll = received.length === sizeBytes
      const count = String(piece.length)
      const word = createHash('md5').update(received).digest('hex') === wanted ? 'OK' : 'MD5 Check Failed\r\n'
      const finalWord = plan.finalWord ?? word
      if (plan.counts === 'silent') return
      if (isAll && plan.counts === 'glued-end') {
        socket.end(count + finalWord)
        return
      }
      if (plan.counts === 'in-two') socket.write('5')
      socket.write(count)
      if (!isAll) return
      if (plan.dripsFinalWord === true) {
        const timer = setInterval(() => socket.write(finalWord.startsWith('E') ? ' ' : finalWord), 5)
        if (finalWord.startsWith('E')) socket.write(finalWord)
        socket.on('close', () => {
          clearInterval(timer)
        })
        return
      }
      if (finalWord === HANG_UP) socket.resetAndDestroy()
      else setImmediate(() => socket.end(finalWord))
    })
  }

  udp.on('message', (message, from) => {
    const text = message.toString()
    const answer = (said: string): void => {
      const { answersAfterMs = 0 } = current
      if (answersAfterMs === 0) udp.send(said, from.port, from.address)
      else timers.add(setTimeout(() => udp.send(said, from.port, from.address), answersAfterMs))
    }
    const words = text.trim().split(' ')
    if (nonce !== null) {
      const [number, clientNonce = '', response = ''] = words
      if (number === '200' && ++proofs <= (current.missesProofs ?? 0)) return
      const isRight = number === '200' && response === expected(clientNonce)
      nonce = null
      if (number !== '200') return
      if (proofs <= (current.asksAgain ?? 0)) {
        nonce = newNonce()
        answer(`AUTH ${nonce}`)
        return
      }
      answer(isRight ? 'OK' : 'Authentication Failed')
      if (isRight) runUpdate()
      return
    }
    // A proof without a challenge is no invitation.
    if (words[0] !== '0' && words[0] !== '100') return
    invitations.push(text)
    if (invitations.length <= (current.deafFor ?? 0)) return
    if (current.refusal !== undefined) {
      answer(current.refusal)
      return
    }
    command = Number(words[0])
    invited = { port: Number(words[1]), sizeBytes: Number(words[2]), md5: words[3] ?? '' }
    if (current.password !== undefined) {
      nonce = newNonce()
      answer(`AUTH ${nonce}`)
      return
    }
    if (current.losesAnswer !== true) answer('OK')
    runUpdate()
  })
  await new Promise<void>(resolve => {
    udp.bind(0, '127.0.0.1', resolve)
  })
  return {
    target: `udp://127.0.0.1:${String(udp.address().port)}`,
    received: () => received,
    invitations: () => invitations,
    proofs: () => proofs,
    command: () => command,
    setScript(next) {
      current = next
    },
    close() {
      for (const timer of timers) clearTimeout(timer)
      udp.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
