/**
 * A server that speaks ESPHome's native update protocol as it is described (ESPHome, `ota_esphome.cpp`), with a script for
 * what goes wrong. Independent of the simulator.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'

export interface Script {
  readonly version?: number
  readonly password?: string
  readonly auth?: 'md5' | 'sha256'
  readonly featureByte?: number
  /** A byte said in place of the expected one. */
  readonly says?: Partial<Record<'greeting' | 'features' | 'auth' | 'prepare' | 'md5' | 'receive' | 'end', number>>
  /** Refuses with the byte when this many bytes of data came. */
  readonly refuseAt?: { readonly bytes: number; readonly byte: number }
  /** Closes hard when this many bytes of data came. */
  readonly cutAt?: number
  /** Closes hard in place of the final byte. */
  readonly loseEnd?: boolean
  /** Says nothing any more from this place on. */
  readonly silentAt?: 'greeting' | 'prepare' | 'end'
}

export interface ScriptedDevice {
  readonly target: string
  readonly port: number
  /** What the last transfer brought. */
  readonly received: () => Uint8Array
  readonly connections: () => number
  readonly features: () => number | null
  readonly wasThanked: () => boolean
  setScript(script: Script): void
  /** Stops listening and, after `awayMs`, listens again at the same port, as a board that restarts does. */
  restart(awayMs: number): void
  /** Restarts by itself after each success. */
  restartsAfterSuccess: boolean
  close(): void
}

const BLOCK_BYTES = 8192

/** Reads exact numbers of bytes of one socket. */
class Reader {
  #buffer = Buffer.alloc(0)
  #wake: (() => void) | null = null
  #isOver = false

  constructor(socket: Socket) {
    socket.on('data', (piece: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, piece])
      this.#wake?.()
    })
    const over = (): void => {
      this.#isOver = true
      this.#wake?.()
    }
    socket.on('close', over)
    socket.on('end', over)
    socket.on('error', over)
  }

  async take(sizeBytes: number): Promise<Buffer> {
    while (this.#buffer.length < sizeBytes) {
      if (this.#isOver) throw new Error('over')
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    const taken = this.#buffer.subarray(0, sizeBytes)
    this.#buffer = this.#buffer.subarray(sizeBytes)
    return taken
  }

  /** At least one byte and at most so many. */
  async takeSome(mostBytes: number): Promise<Buffer> {
    await this.take(1).then(first => {
      this.#buffer = Buffer.concat([first, this.#buffer])
    })
    return await this.take(Math.min(mostBytes, this.#buffer.length))
  }
}

export async function scriptDevice(script: Script = {}, port = 0): Promise<ScriptedDevice> {
  let current = script
  let received = Buffer.alloc(0)
  let connections = 0
  let features: number | null = null
  let wasThanked = false
  const sockets = new Set<Socket>()
  let server: Server | null = null
  let boundPort = port
  let isClosed = false

  const serve = async (socket: Socket): Promise<void> => {
    const plan = current
    const { says = {}, version = 2 } = plan
    const reader = new Reader(socket)
    const say = (byte: number): void => {
      socket.write(Uint8Array.of(byte))
    }
    const sayOr = (place: keyof NonNullable<Script['says']>, usual: number): void => {
      const byte = says[place] ?? usual
      say(byte)
      if (byte >= 0x80) {
        socket.end()
        throw new Error('refused')
      }
    }
    await reader.take(5)
    if (plan.silentAt === 'greeting') return
    if (says.greeting !== undefined) sayOr('greeting', 0)
    else socket.write(Uint8Array.of(0, version))
    features = (await reader.take(1))[0] ?? null
    sayOr('features', plan.featureByte ?? 0x40)
    if (plan.password !== undefined) {
      const hash = plan.auth ?? 'sha256'
      const digits = hash === 'sha256' ? 64 : 32
      const nonce = randomBytes(digits / 2).toString('hex')
      socket.write(Buffer.concat([Uint8Array.of(hash === 'sha256' ? 2 : 1), Buffer.from(nonce)]))
      const clientNonce = (await reader.take(digits)).toString()
      const response = (await reader.take(digits)).toString()
      const right = createHash(hash)
        .update(plan.password + nonce + clientNonce)
        .digest('hex')
      if (response !== right) {
        say(0x82)
        socket.end()
        return
      }
    }
    sayOr('auth', 0x41)
    const sizeBytes = (await reader.take(4)).readUInt32BE()
    if (plan.silentAt === 'prepare') return
    sayOr('prepare', 0x42)
    const md5 = (await reader.take(32)).toString()
    sayOr('md5', 0x43)
    received = Buffer.alloc(0)
    let acknowledged = 0
    while (received.length < sizeBytes) {
      received = Buffer.concat([received, await reader.takeSome(sizeBytes - received.length)])
      if (plan.cutAt !== undefined && received.length >= plan.cutAt) {
        socket.resetAndDestroy()
        return
      }
      if (plan.refuseAt !== undefined && received.length >= plan.refuseAt.bytes) {
        say(plan.refuseAt.byte)
        socket.end()
        return
      }
      if (version < 2) continue
      while (
        acknowledged + BLOCK_BYTES <= received.length ||
        (received.length === sizeBytes && acknowledged < sizeBytes)
      ) {
        say(0x47)
        acknowledged += BLOCK_BYTES
      }
    }
    if (plan.silentAt === 'end') return
    sayOr('receive', 0x44)
    if (plan.loseEnd === true) {
      socket.resetAndDestroy()
      if (device.restartsAfterSuccess) device.restart(20)
      return
    }
    const isRight = createHash('md5').update(received).digest('hex') === md5
    sayOr('end', isRight ? 0x45 : 0x8b)
    wasThanked = (await reader.take(1).catch(() => Buffer.of(1)))[0] === 0
    socket.end()
    if (device.restartsAfterSuccess) device.restart(20)
  }

  const listen = (): Promise<void> =>
    new Promise(resolve => {
      server = createServer(socket => {
        connections++
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => sockets.delete(socket))
        serve(socket).catch(() => undefined)
      })
      server.listen(boundPort, '127.0.0.1', () => {
        const address = server?.address()
        boundPort = typeof address === 'object' && address !== null ? address.port : 0
        resolve()
      })
    })
  const stop = (): void => {
    server?.close()
    for (const socket of sockets) socket.destroy()
  }
  await listen()
  const device: ScriptedDevice = {
    target: `tcp://127.0.0.1:${String(boundPort)}`,
    port: boundPort,
    received: () => received,
    connections: () => connections,
    features: () => features,
    wasThanked: () => wasThanked,
    setScript(next) {
      current = next
    },
    restart(awayMs) {
      stop()
      setTimeout(() => {
        if (!isClosed) void listen()
      }, awayMs)
    },
    restartsAfterSuccess: true,
    close() {
      isClosed = true
      stop()
    },
  }
  return device
}
