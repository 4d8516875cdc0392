/**
 * The server's side of a serial port over telnet (RFC 854, 855, 856, 2217): takes the client's stream apart into data and
 * settings of the port, and answers each setting with the value in force.
 */
import type { UartLine, UartLines } from './uart.ts'

/** What the port behind it offers. Everything is called in the order of the stream. */
export interface ComPortHost {
  /** Bytes for the line. */
  onData(bytes: Uint8Array): void
  /** The client's rate and parity. */
  line(): UartLine
  setLine(line: UartLine): void
  /** What the client asserts. */
  lines(): UartLines
  setLines(lines: UartLines): void
  /** Drops what waits in the port: towards the client, towards the line. */
  purge(direction: 'received' | 'unsent'): void
  reply(bytes: Uint8Array): void
}

const IAC = 255
const DONT = 254
const DO = 253
const WONT = 252
const WILL = 251
const SB = 250
const SE = 240

const BINARY = 0
const SUPPRESS_GO_AHEAD = 3
const COM_PORT = 44
const knownOptions: ReadonlySet<number> = new Set([BINARY, SUPPRESS_GO_AHEAD, COM_PORT])

/** Added to a command's number in its answer. */
const ANSWER = 100
const parities = ['none', 'odd', 'even'] as const
const SIGNATURE_TEXT = 'Flashproof practice port'
/** No subnegotiation of the port is longer, but a signature. */
const MAXIMUM_SUBNEGOTIATION_BYTES = 256

type State = 'data' | 'command' | 'option' | 'subnegotiation' | 'subnegotiation-command'

export class ComPortServer {
  readonly #host: ComPortHost
  #state: State = 'data'
  #verb = 0
  #subnegotiation: number[] = []
  #isBreak = false
  /** What was last said to each option, so that two sides that agree fall silent. */
  readonly #said = new Map<string, number>()

  constructor(host: ComPortHost) {
    this.#host = host
  }

  /** Says what this side is, as servers do at the start. */
  greet(): void {
    this.#say(WILL, BINARY)
    this.#say(DO, BINARY)
    this.#say(WILL, SUPPRESS_GO_AHEAD)
    this.#say(DO, COM_PORT)
  }

  receive(bytes: Uint8Array): void {
    let data: Uint8Array[] = []
    const passOn = (): void => {
      if (data.length > 0) this.#host.onData(Buffer.concat(data))
      data = []
    }
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (this.#state === 'data') {
        const control = bytes.indexOf(IAC, at)
        const end = control === -1 ? bytes.length : control
        if (end > at) data.push(bytes.subarray(at, end))
        if (control !== -1) this.#state = 'command'
        at = end
      } else if (this.#state === 'command' && byte === IAC) {
        data.push(bytes.subarray(at, at + 1))
        this.#state = 'data'
      } else {
        // A setting takes effect behind the bytes that came before it.
        passOn()
        this.#control(byte)
      }
    }
    passOn()
  }

  /** Bytes of the line as the telnet stream carries them. */
  static encode(bytes: Uint8Array): Uint8Array {
    if (!bytes.includes(IAC)) return bytes
    return Uint8Array.from([...bytes].flatMap(byte => (byte === IAC ? [IAC, IAC] : [byte])))
  }

  #control(byte: number): void {
    switch (this.#state) {
      case 'command':
        if (byte === SB) {
          this.#subnegotiation = []
          this.#state = 'subnegotiation'
        } else if (byte >= WILL && byte <= DONT) {
          this.#verb = byte
          this.#state = 'option'
        } else this.#state = 'data'
        return
      case 'option':
        this.#negotiate(this.#verb, byte)
        this.#state = 'data'
        return
      case 'subnegotiation':
        if (byte === IAC) this.#state = 'subnegotiation-command'
        else this.#gather(byte)
        return
      case 'subnegotiation-command':
        this.#state = byte === IAC ? 'subnegotiation' : 'data'
        if (byte === IAC) this.#gather(byte)
        else if (byte === SE) this.#onSubnegotiation(this.#subnegotiation)
        return
      case 'data':
        return
    }
  }

  #gather(byte: number): void {
    if (this.#subnegotiation.length < MAXIMUM_SUBNEGOTIATION_BYTES) this.#subnegotiation.push(byte)
  }

  #negotiate(verb: number, option: number): void {
    const isKnown = knownOptions.has(option)
    if (verb === WILL) this.#say(isKnown ? DO : DONT, option)
    if (verb === DO) this.#say(isKnown ? WILL : WONT, option)
    if (verb === WONT) this.#say(DONT, option)
    if (verb === DONT) this.#say(WONT, option)
  }

  #say(verb: number, option: number): void {
    const side = verb === WILL || verb === WONT ? 'us' : 'them'
    const key = `${side} ${String(option)}`
    if (this.#said.get(key) === verb) return
    this.#said.set(key, verb)
    this.#host.reply(Uint8Array.of(IAC, verb, option))
  }

  #onSubnegotiation([option, command, ...value]: readonly number[]): void {
    if (option !== COM_PORT || command === undefined) return
    const answer = this.#execute(command, value)
    if (answer === null) return
    const content = ComPortServer.encode(Uint8Array.of(COM_PORT, command + ANSWER, ...answer))
    this.#host.reply(Uint8Array.of(IAC, SB, ...content, IAC, SE))
  }

  /** @returns the value in force; null for what has no answer */
  #execute(command: number, value: readonly number[]): readonly number[] | null {
    const [first = 0] = value
    switch (command) {
      case 0:
        return value.length === 0 ? [...new TextEncoder().encode(SIGNATURE_TEXT)] : null
      case 1:
        return this.#setBaudRate(value)
      case 2:
        return [8]
      case 3:
        return this.#setParity(first)
      case 4:
        return [1]
      case 5:
        return [this.#setControl(first)]
      // Masks of notifications, of which it sends none.
      case 10:
      case 11:
        return [0]
      case 12:
        if (first === 1 || first === 3) this.#host.purge('received')
        if (first === 2 || first === 3) this.#host.purge('unsent')
        return [first]
      default:
        return null
    }
  }

  #setBaudRate(value: readonly number[]): readonly number[] {
    const [a = 0, b = 0, c = 0, d = 0] = value
    const asked = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    if (value.length === 4 && asked > 0) this.#host.setLine({ ...this.#host.line(), baudRate: asked })
    const { baudRate } = this.#host.line()
    return [baudRate >>> 24, (baudRate >>> 16) & 0xff, (baudRate >>> 8) & 0xff, baudRate & 0xff]
  }

  #setParity(asked: number): readonly number[] {
    const parity = parities[asked - 1]
    if (parity !== undefined) this.#host.setLine({ ...this.#host.line(), parity })
    return [parities.indexOf(this.#host.line().parity) + 1]
  }

  #setControl(asked: number): number {
    const host = this.#host
    switch (asked) {
      case 4:
      case 5:
      case 6:
        if (asked !== 4) this.#isBreak = asked === 5
        return this.#isBreak ? 5 : 6
      case 7:
      case 8:
      case 9:
        if (asked !== 7) host.setLines({ ...host.lines(), dtr: asked === 8 })
        return host.lines().dtr ? 8 : 9
      case 10:
      case 11:
      case 12:
        if (asked !== 10) host.setLines({ ...host.lines(), rts: asked === 11 })
        return host.lines().rts ? 11 : 12
      default:
        // Flow control, outbound (0 to 3, 17, 19) and inbound (13 to 16, 18): there is none.
        return asked >= 13 && asked !== 17 && asked !== 19 ? 14 : 1
    }
  }
}
