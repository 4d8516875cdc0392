/** A virtual ESP32 with ArduinoOTA: a UDP port on 127.0.0.1, connections that it opens itself, real flash and reboots. */
import { createSocket, type Socket } from 'node:dgram'
import { boardOptionsOf, type BoardSettings } from '../board/board-options.ts'
import { VirtualBoard, type BoardNetwork } from '../board/board.ts'
import { openFlashStorage } from '../board/flash-storage.ts'
import { BoardHttpFront, otherPoint } from '../board/http-front.ts'
import { HttpNetwork } from '../board/http-network.ts'
import { listenAddress } from '../board/listen-address.ts'
import { describeTelemetry } from '../board/telemetry.ts'
import type { VirtualDevice } from '../device-kind.ts'
import { seededRandom } from '../random.ts'
import { arduinoOtaFaults } from './ota-faults.ts'
import { OtaService, type OtaSettings } from './ota-service.ts'
import type { AuthForm } from './password.ts'

export interface ArduinoOtaOptions extends BoardSettings {
  /** How it asks for a password; not at all by default. */
  readonly auth?: AuthForm
  readonly password?: string
  /** Core before 3.3.1: answers on the invitation's socket alone. */
  readonly answersInvitationOnly?: boolean
  readonly gluesEnd?: boolean
  readonly readTimeoutMs?: number
  readonly rebootDelayMs?: number
  /** Whether `GET /telemetry` is answered on the TCP port of the same number. */
  readonly telemetry?: boolean
  readonly port?: number
}

/** The password of virtual devices that ask for one. */
export const PRACTICE_PASSWORD = 'practice-password'

export interface VirtualArduinoOta extends VirtualDevice {
  readonly port: number
  /** Why the bootloader refused the last new image; null when it did not. */
  refusedImage(): string | null
  /** Resolves when it has come back from its next reboot. Call it before what causes the reboot. */
  nextBoot(): Promise<void>
}

/**
 * Switches one on and resolves when it hears invitations.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startVirtualArduinoOta(options: ArduinoOtaOptions = {}): Promise<VirtualArduinoOta> {
  const board = new VirtualBoard(openFlashStorage(options.flashDir ?? null), boardOptionsOf(options, arduinoOtaFaults))
  const network = new OtaNetwork(board, options)
  await board.powerOn(network)
  const target = `udp://${listenAddress()}:${String(network.port)}`
  return {
    target,
    port: network.port,
    get identity() {
      return board.identity
    },
    get faults() {
      return board.faults.specs
    },
    stored: () => network.service.update.stored(),
    activeImage: () => board.activeImage(),
    leftovers: () => (network.service.update.isRunning ? 1 : 0),
    dataRequests: () => network.dataPieces,
    setFaults: faults => {
      board.setFaults(faults)
    },
    reboot: () => board.reboot(),
    panic: () => board.panic(),
    refusedImage: () => board.state.refusedImage,
    nextBoot: () => board.nextBoot(),
    close: () => board.powerOff(),
  }
}

class OtaNetwork implements BoardNetwork {
  service: OtaService
  dataPieces = 0
  readonly #board: VirtualBoard
  readonly #settings: OtaSettings
  readonly #web: HttpNetwork | null
  readonly #nonces
  #udp: Socket | null = null
  #port: number

  constructor(board: VirtualBoard, options: ArduinoOtaOptions) {
    this.#board = board
    this.#port = options.port ?? 0
    this.#settings = {
      auth: options.auth ?? 'none',
      password: options.password ?? PRACTICE_PASSWORD,
      answersInvitationOnly: options.answersInvitationOnly ?? false,
      gluesEnd: options.gluesEnd ?? false,
      readTimeoutMs: options.readTimeoutMs ?? 1000,
      rebootDelayMs: options.rebootDelayMs ?? 110,
    }
    this.#nonces = seededRandom(board.options.seed, `${board.options.identity.id} nonce`)
    this.#web = options.telemetry === true ? telemetryServer(board, this.#port) : null
    this.service = this.#newService()
  }

  get port(): number {
    return this.#port
  }

  async comeUp(): Promise<void> {
    this.service = this.#newService()
    if (this.#web !== null) {
      await this.#web.comeUp()
      this.#port = this.#web.port
    }
    await this.#bind()
  }

  async goDown(isOrderly: boolean): Promise<void> {
    this.service.stop(isOrderly)
    this.#udp?.close()
    this.#udp = null
    await this.#web?.goDown(isOrderly)
  }

  #newService(): OtaService {
    return new OtaService(
      {
        board: this.#board,
        random: this.#nonces,
        send: (text, { port, address }) => this.#udp?.send(text, port, address),
        onDataPiece: () => this.dataPieces++,
      },
      this.#settings,
    )
  }

  #bind(): Promise<void> {
    const udp = createSocket('udp4')
    this.#udp = udp
    udp.on('message', (message, { address, port }) => {
      this.service.onDatagram(message.toString('latin1'), { address, port })
    })
    return new Promise((resolve, reject) => {
      udp.once('error', reject)
      udp.bind(this.#port, listenAddress(), () => {
        udp.off('error', reject)
        // Somebody who is gone may send an ICMP error back; the device does not mind.
        udp.on('error', () => undefined)
        this.#port = udp.address().port
        resolve()
      })
    })
  }
}

function telemetryServer(board: VirtualBoard, port: number): HttpNetwork {
  const random = seededRandom(board.options.seed, `${board.options.identity.id} signal`)
  const space = { totalBytes: board.options.slotBytes, usedBytes: 0 }
  const front = new BoardHttpFront(board, {
    route: ({ method, path }) =>
      method === 'GET' && path === '/telemetry'
        ? {
            point: { ...otherPoint, kind: 'telemetry' },
            answer: () => ({ reply: { kind: 'json', status: 200, value: describeTelemetry(board, space, random) } }),
          }
        : null,
  })
  return new HttpNetwork(front, port, board.options.clock)
}
