/**
 * Telnet (RFC 854) as far as a serial port over TCP needs it: commands told from data, options agreed on (RFC 855), and
 * data in which the byte 255 is doubled.
 */

export const IAC = 255
export const verbs = { will: 251, wont: 252, do: 253, dont: 254 } as const
export type Verb = (typeof verbs)[keyof typeof verbs]
const SB = 250
const SE = 240

/** Options: 8-bit data (RFC 856), no “go ahead” (RFC 858), control of a serial port (RFC 2217). */
export const options = { binary: 0, suppressGoAhead: 3, comPort: 44 } as const

/** Longer ones are cut: none that a serial port needs is longer. */
const LONGEST_SUBNEGOTIATION_BYTES = 1024

export interface TelnetListener {
  onData(bytes: Uint8Array): void
  onOption(verb: Verb, option: number): void
  onSubnegotiation(option: number, body: Uint8Array): void
}

type State = 'data' | 'command' | 'option' | 'subnegotiation' | 'subnegotiation-command'

/** Takes a stream apart, wherever it is cut into pieces. */
export class TelnetDecoder {
  readonly #listener: TelnetListener
  #state: State = 'data'
  #verb: Verb = verbs.will
  #body: number[] = []

  constructor(listener: TelnetListener) {
    this.#listener = listener
  }

  feed(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) at = this.#state === 'data' ? this.#feedData(bytes, at) : this.#feedByte(bytes, at)
  }

  #feedData(bytes: Uint8Array, from: number): number {
    const iacAt = bytes.indexOf(IAC, from)
    const to = iacAt === -1 ? bytes.length : iacAt
    if (to > from) this.#listener.onData(bytes.subarray(from, to))
    if (iacAt === -1) return to
    this.#state = 'command'
    return to + 1
  }

  #feedByte(bytes: Uint8Array, at: number): number {
    const byte = bytes[at] ?? 0
    switch (this.#state) {
      case 'command':
        this.#beginCommand(byte)
        break
      case 'option':
        this.#state = 'data'
        this.#listener.onOption(this.#verb, byte)
        break
      case 'subnegotiation':
        if (byte === IAC) this.#state = 'subnegotiation-command'
        else this.#keep(byte)
        break
      default:
        if (byte === SE) this.#endSubnegotiation()
        else {
          this.#keep(byte)
          this.#state = 'subnegotiation'
        }
    }
    return at + 1
  }

  #beginCommand(byte: number): void {
    this.#state = 'data'
    if (byte === IAC) this.#listener.onData(Uint8Array.of(IAC))
    else if (byte === SB) {
      this.#body = []
      this.#state = 'subnegotiation'
    } else if (isVerb(byte)) {
      this.#verb = byte
      this.#state = 'option'
    }
    // All others are single bytes that mean nothing to a serial line (NOP, data mark, …).
  }

  #keep(byte: number): void {
    if (this.#body.length < LONGEST_SUBNEGOTIATION_BYTES) this.#body.push(byte)
  }

  #endSubnegotiation(): void {
    this.#state = 'data'
    const [option, ...body] = this.#body
    if (option !== undefined) this.#listener.onSubnegotiation(option, Uint8Array.from(body))
  }
}

/** Doubles every byte 255; gives the same bytes back where there is none. */
export function escapeIac(bytes: Uint8Array): Uint8Array {
  let count = 0
  for (let at = bytes.indexOf(IAC); at !== -1; at = bytes.indexOf(IAC, at + 1)) count++
  if (count === 0) return bytes
  const escaped = new Uint8Array(bytes.length + count)
  let to = 0
  for (const byte of bytes) {
    escaped[to++] = byte
    if (byte === IAC) escaped[to++] = IAC
  }
  return escaped
}

export function optionCommand(verb: Verb, option: number): Uint8Array {
  return Uint8Array.of(IAC, verb, option)
}

export function subnegotiation(option: number, body: Uint8Array): Uint8Array {
  return Uint8Array.of(IAC, SB, option, ...escapeIac(body), IAC, SE)
}

function isVerb(byte: number): byte is Verb {
  return byte >= verbs.will && byte <= verbs.dont
}
