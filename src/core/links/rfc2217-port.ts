/**
 * A serial port over TCP whose rate, parity and modem lines are set from here (RFC 2217): ser2net, sredird, adapters with a
 * network socket, and the practice boards. Every command waits until the server says that it did it.
 */
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { FlashproofError, hasErrorCode } from '../../shared/errors.ts'
import { BufferedLink } from './buffered-link.ts'
import type { LineSettings, LinkWaiting, ModemLines } from './byte-link.ts'
import { closeSocket, writeToSocket } from './raw-tcp-port.ts'
import { connectSocket, feedFromSocket, type TcpTarget } from './tcp-link.ts'
import { escapeIac, optionCommand, options, subnegotiation, TelnetDecoder, verbs, type Verb } from './telnet.ts'

/** RFC 2217: what the client asks; the server answers with the number that is higher by ANSWER. */
const commands = { baudRate: 1, dataSize: 2, parity: 3, stopSize: 4, control: 5, purge: 12 } as const
const ANSWER = 100
const SUSPEND = 108
const RESUME = 109
const parities = { none: 1, odd: 2, even: 3 } as const
const controls = { noFlowControl: 1, dtr: { on: 8, off: 9 }, rts: { on: 11, off: 12 } } as const
const PURGE_RECEIVED = 1
/** A server on a slow network, and one that talks to its adapter first. */
const ANSWER_WITHIN_MS = 5000
const LINES_WITHIN_MS = 3000
/** A server that hangs must not hold up the end of a job. */
const RELEASE_WITHIN_MS = 1000
/** Servers tell the rate that the hardware could make of it. */
const MOST_RATE_ERROR = 0.03

const spokenOptions: ReadonlySet<number> = new Set(Object.values(options))

interface Request {
  readonly command: number
  readonly value: number
  /** 1 byte, or 4 for a rate. */
  readonly sizeBytes: 1 | 4
}

/**
 * Opens the port, sets the line and releases both modem lines.
 * @throws {FlashproofError} serial.not-rfc2217 when the server does not speak it, serial.failed when it refuses the line;
 *   network.refused, network.unreachable, network.name-not-found, network.reset; the signal's reason
 */
export async function openRfc2217Port(
  target: TcpTarget & { readonly text: string },
  settings: LineSettings,
  waiting: LinkWaiting,
): Promise<BufferedLink> {
  const { signal } = waiting
  const socket = await connectSocket(target, waiting)
  const port = new Rfc2217Port(target.text, socket, settings)
  const onAbort = (): void => {
    socket.destroy()
  }
  signal?.addEventListener('abort', onAbort)
  try {
    await port.start(waiting)
    return port
  } catch (error) {
    await port.close()
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

class Rfc2217Port extends BufferedLink {
  readonly canConfigure = true
  readonly #socket: Socket
  #settings: LineSettings
  #modemLines: 'yes' | 'no' = 'yes'
  /** As a server leaves them when it opens its port. */
  #lines: ModemLines = { dtr: true, rts: true }
  #isSuspended = false
  /** What the server agreed to, as `verb option`, and what was answered, so that nobody repeats himself for ever. */
  readonly #agreed = new Set<string>()
  readonly #answered = new Set<string>()
  #refusal: string | null = null
  /** In the order of the questions; one that nobody waits for any more stays, so that a late answer finds it. */
  readonly #awaited: (Pick<Request, 'command' | 'sizeBytes'> & { readonly take: (value: number) => void })[] = []

  constructor(description: string, socket: Socket, settings: LineSettings) {
    super(description, socket)
    this.#socket = socket
    this.#settings = settings
    const decoder = new TelnetDecoder({
      onData: bytes => {
        this.received.push(bytes)
      },
      onOption: (verb, option) => {
        this.#onOption(verb, option)
      },
      onSubnegotiation: (option, body) => {
        if (option === options.comPort) this.#onComPort(body)
      },
    })
    feedFromSocket(socket, this.received, piece => {
      decoder.feed(piece)
    })
  }

  get modemLines(): 'yes' | 'no' {
    return this.#modemLines
  }

  get settings(): LineSettings {
    return this.#settings
  }

  async start({ timeoutMs, signal }: LinkWaiting): Promise<void> {
    await this.#agree({ timeoutMs: Math.min(timeoutMs, ANSWER_WITHIN_MS), ...(signal && { signal }) })
    const fixed: readonly Request[] = [
      { command: commands.dataSize, value: 8, sizeBytes: 1 },
      { command: commands.stopSize, value: 1, sizeBytes: 1 },
      { command: commands.control, value: controls.noFlowControl, sizeBytes: 1 },
    ]
    await this.#setLine(this.#settings, fixed)
    await this.setLines({ dtr: false, rts: false })
    signal?.throwIfAborted()
  }

  async write(bytes: Uint8Array, waiting: LinkWaiting): Promise<void> {
    if (this.#isSuspended) {
      await this.received.until('writer', () => !this.#isSuspended, 'the server held the line', waiting)
    }
    await writeToSocket(this.#socket, this.received, escapeIac(bytes), waiting)
  }

  async configure(settings: Partial<LineSettings>): Promise<void> {
    const wanted = { ...this.#settings, ...settings }
    this.#send([{ command: commands.purge, value: PURGE_RECEIVED, sizeBytes: 1 }])
    await this.#setLine(wanted, [])
    // What came with another rate or parity is no data.
    this.received.take()
    this.#settings = wanted
  }

  async setLines(lines: ModemLines): Promise<'set' | 'unavailable'> {
    if (this.#modemLines === 'no') return 'unavailable'
    const requests = orderOfLines(this.#lines, lines).map(line => {
      const value = controls[line][lines[line] ? 'on' : 'off']
      return { command: commands.control, value, sizeBytes: 1 } as const
    })
    const answers = await this.#ask(requests, LINES_WITHIN_MS).catch((error: unknown) => {
      // ser2net says nothing at all when its port has no lines.
      if (hasErrorCode(error, 'serial.failed')) return []
      throw error
    })
    this.#lines = lines
    if (answers.length === 0 || requests.some(({ value }, index) => answers[index] === denials.get(value))) {
      this.#modemLines = 'no'
    }
    return this.#modemLines === 'yes' ? 'set' : 'unavailable'
  }

  protected async release(): Promise<void> {
    const { dtr, rts } = this.#lines
    if (!this.received.isLost && (dtr || rts)) {
      const releasing = this.setLines({ dtr: false, rts: false }).catch(() => undefined)
      await Promise.race([releasing, delay(RELEASE_WITHIN_MS)])
    }
    await closeSocket(this.#socket, this.received)
  }

  /** Both directions must carry every byte as it is, and the server must take commands for the port. */
  async #agree(waiting: LinkWaiting): Promise<void> {
    const wanted = [
      [verbs.will, options.comPort],
      [verbs.will, options.binary],
      [verbs.do, options.binary],
      [verbs.will, options.suppressGoAhead],
      [verbs.do, options.suppressGoAhead],
    ] as const
    for (const [verb, option] of wanted) this.#answered.add(`${String(verb)} ${String(option)}`)
    this.#socket.write(Buffer.concat(wanted.map(([verb, option]) => optionCommand(verb, option))))
    const needed = [
      `${String(verbs.do)} ${String(options.comPort)}`,
      `${String(verbs.do)} ${String(options.binary)}`,
      `${String(verbs.will)} ${String(options.binary)}`,
    ]
    const isSettled = (): boolean => this.#refusal !== null || needed.every(answer => this.#agreed.has(answer))
    try {
      await this.received.until('writer', isSettled, 'the server did not agree to control of a serial port', waiting)
    } catch (error) {
      if (!hasErrorCode(error, 'network.timeout')) throw error
      this.#refusal = error.message
    }
    if (this.#refusal !== null) {
      throw new FlashproofError('serial.not-rfc2217', `${this.description}: ${this.#refusal}`, {
        target: this.description,
      })
    }
  }

  #onOption(verb: Verb, option: number): void {
    this.#agreed.add(`${String(verb)} ${String(option)}`)
    if (verb === verbs.do || verb === verbs.will) this.#answerOption(verb, option)
    else if (option === options.comPort && verb === verbs.dont) this.#refusal = 'the server refuses control of its port'
    else if (option === options.binary) this.#refusal = 'the server does not pass every byte on as it is'
    this.received.look('writer')
  }

  #answerOption(verb: Verb, option: number): void {
    const [yes, no] = verb === verbs.do ? [verbs.will, verbs.wont] : [verbs.do, verbs.dont]
    const answer = `${String(yes)} ${String(option)}`
    if (this.#answered.has(answer)) return
    this.#answered.add(answer)
    this.#socket.write(optionCommand(spokenOptions.has(option) ? yes : no, option))
  }

  #onComPort(body: Uint8Array): void {
    const [command = 0, ...valueBytes] = body
    if (command === SUSPEND || command === RESUME) {
      this.#isSuspended = command === SUSPEND
      this.received.look('writer')
      return
    }
    const index = this.#awaited.findIndex(awaited => awaited.command + ANSWER === command)
    if (index === -1) return
    const [awaited] = this.#awaited.splice(index, 1)
    // sredird appends four bytes to a rate.
    awaited?.take(bigEndian(valueBytes.slice(0, awaited.sizeBytes)))
  }

  async #setLine({ baudRate, parity }: LineSettings, more: readonly Request[]): Promise<void> {
    const wantedParity = parities[parity]
    const [rate = 0, gotParity, ...rest] = await this.#ask([
      { command: commands.baudRate, value: baudRate, sizeBytes: 4 },
      { command: commands.parity, value: wantedParity, sizeBytes: 1 },
      ...more,
    ])
    const isRefused = rest.some((answer, index) => answer !== more[index]?.value)
    if (Math.abs(rate - baudRate) > baudRate * MOST_RATE_ERROR || gotParity !== wantedParity || isRefused) {
      const set = `${String(rate)} baud, parity ${nameOfParity(gotParity)}`
      const message = `${this.description}: asked for ${String(baudRate)} baud, parity ${parity}; the server set ${set}${isRefused ? ', and not 8 data bits, 1 stop bit, no flow control' : ''}`
      throw new FlashproofError('serial.failed', message, { target: this.description, baudRate, parity })
    }
  }

  /** All in one write, so that nothing comes between two lines that change together. */
  #send(requests: readonly Request[]): void {
    if (this.received.isLost) return
    this.#socket.write(
      Buffer.concat(
        requests.map(({ command, value, sizeBytes }) => {
          const body = Buffer.alloc(1 + sizeBytes)
          body[0] = command
          body.writeUIntBE(value, 1, sizeBytes)
          return subnegotiation(options.comPort, body)
        }),
      ),
    )
  }

  /** Resolves to what the server says it set, one value a request. */
  #ask(requests: readonly Request[], withinMs = ANSWER_WITHIN_MS): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      const answers: number[] = []
      let missing = requests.length
      const end = (error: FlashproofError | null): void => {
        clearTimeout(timer)
        this.#socket.removeListener('close', onClose)
        if (error === null) resolve(answers)
        else reject(error)
      }
      const onClose = (): void => {
        const message = `${this.description}: the connection ended before the server had set the port`
        end(new FlashproofError('network.reset', message, { target: this.description, systemCode: '' }))
      }
      const timer = setTimeout(() => {
        const message = `${this.description}: the server did not say within ${String(withinMs)} ms that it set the port`
        end(new FlashproofError('serial.failed', message, { target: this.description, timeoutMs: withinMs }))
      }, withinMs)
      this.#socket.once('close', onClose)
      if (this.#socket.destroyed) onClose()
      for (const [index, { command, sizeBytes }] of requests.entries()) {
        const take = (value: number): void => {
          answers[index] = value
          missing--
          if (missing === 0) end(null)
        }
        this.#awaited.push({ command, sizeBytes, take })
      }
      this.#send(requests)
    })
  }
}

/**
 * Which of two lines goes first when both change: the one that is asserted, because with EN on RTS and IO0 on DTR the
 * board then goes from reset to its bootloader without IO0 being high while EN rises. Both on: DTR first, both off: RTS
 * first, so that RTS is never asserted alone, which is a reset.
 */
export function orderOfLines(from: ModemLines, to: ModemLines): readonly ('dtr' | 'rts')[] {
  const isRtsFirst = to.rts === to.dtr ? !to.rts : to.rts
  const order = isRtsFirst ? (['rts', 'dtr'] as const) : (['dtr', 'rts'] as const)
  const [first] = order
  return from[first] === to[first] ? [order[1], first] : order
}

/** What denies that a line was set. sredird answers each with “no flow control”, and sets it all the same. */
const denials: ReadonlyMap<number, number> = new Map(
  [controls.dtr, controls.rts].flatMap(({ on, off }) => [
    [on, off],
    [off, on],
  ]),
)

function nameOfParity(value: number | undefined): string {
  return Object.entries(parities).find(([, number]) => number === value)?.[0] ?? String(value)
}

function bigEndian(bytes: readonly number[]): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0)
}
