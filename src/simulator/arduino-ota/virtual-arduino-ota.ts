/** A virtual ESP32 with ArduinoOTA: a UDP port, connections that it opens itself, real flash and reboots. */
import { boardOptionsOf, type BoardSettings } from '../board/board-options.ts'
import { VirtualBoard, type BoardNetwork } from '../board/board.ts'
import { openFlashStorage } from '../board/flash-storage.ts'
import { BoardHttpFront, otherPoint } from '../board/http-front.ts'
import { HttpNetwork } from '../board/http-network.ts'
import { listenAddress } from '../board/listen-address.ts'
import { findFreePortPair, KeptUdpPort } from '../board/kept-udp-port.ts'
import { describeTelemetry } from '../board/telemetry.ts'
import type { VirtualDevice } from '../device-kind.ts'
import { seededRandom, type Random } from '../random.ts'
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
  const needsPair = options.telemetry === true && options.port === undefined
  const network = new OtaNetwork(board, options, needsPair ? await findFreePortPair() : (options.port ?? 0))
  await board.powerOn(network)
  const target = `udp://${listenAddress()}:${String(network.port)}`
  return {
    target,
    telemetryUrl: options.telemetry === true ? `http://${listenAddress()}:${String(network.port)}/telemetry` : null,
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
  readonly #udp: KeptUdpPort
  readonly #nonces: Random

  constructor(board: VirtualBoard, options: ArduinoOtaOptions, port: number) {
    this.#board = board
    this.#settings = {
      auth: options.auth ?? 'none',
      password: options.password ?? PRACTICE_PASSWORD,
      answersInvitationOnly: options.answersInvitationOnly ?? false,
      gluesEnd: options.gluesEnd ?? false,
      readTimeoutMs: options.readTimeoutMs ?? 1000,
      rebootDelayMs: options.rebootDelayMs ?? 110,
    }
    this.#nonces = seededRandom(board.options.seed, `${board.options.identity.id} nonce`)
    this.#udp = new KeptUdpPort(port, board.options.clock, (message, from) => {
      this.service.onDatagram(message.toString('latin1'), from)
    })
    this.#web = options.telemetry === true ? telemetryServer(board, port) : null
    this.service = this.#newService()
  }

  get port(): number {
    return this.#udp.number
  }

  async comeUp(): Promise<void> {
    this.service = this.#newService()
    await this.#web?.comeUp()
    await this.#udp.open()
  }

  async goDown(isOrderly: boolean): Promise<void> {
    this.service.stop(isOrderly)
    this.#udp.shut()
    await this.#web?.goDown(isOrderly)
  }

  #newService(): OtaService {
    return new OtaService(
      {
        board: this.#board,
        random: this.#nonces,
        send: (text, to) => {
          this.#udp.send(text, to)
        },
        onDataPiece: () => this.dataPieces++,
      },
      this.#settings,
    )
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
