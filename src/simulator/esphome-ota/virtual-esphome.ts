/** A virtual board with ESPHome's own update protocol on a TCP port, and where wanted telemetry on another. */
import { createServer, type Socket } from 'node:net'
import { boardOptionsOf } from '../board/board-options.ts'
import { VirtualBoard } from '../board/board.ts'
import { openFlashStorage } from '../board/flash-storage.ts'
import { BoardHttpFront } from '../board/http-front.ts'
import { HttpNetwork } from '../board/http-network.ts'
import { KeptPort } from '../board/kept-port.ts'
import { listenAddress } from '../board/listen-address.ts'
import {
  boardHandle,
  isTelemetryRequest,
  restartAfter,
  telemetryRoute,
  type UpdateServerSettings,
} from '../board/update-server.ts'
import { UpdateObject } from '../board/update.ts'
import type { VirtualDevice } from '../device-kind.ts'
import { seededRandom } from '../random.ts'
import { esphomeFaults } from './faults.ts'
import { OtaSession, type OtaRules } from './ota-session.ts'

export interface EsphomeStats {
  connections: number
  /** Blocks of 8192 bytes of which something arrived. */
  blocks: number
  /** Image bytes of all connections. */
  imageBytes: number
}

export interface VirtualEsphome extends VirtualDevice {
  /** Counted since it was started; restarts do not clear it. */
  readonly stats: Readonly<EsphomeStats> & { readonly boots: number }
  /** `http://127.0.0.1:PORT/telemetry`; null without telemetry. */
  readonly telemetryUrl: string | null
  refusedImage(): string | null
  nextBoot(): Promise<void>
}

/**
 * Switches a board on and resolves when it listens.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startTcpEsphome(settings: UpdateServerSettings, rules: OtaRules): Promise<VirtualEsphome> {
  const board = new VirtualBoard(openFlashStorage(settings.flashDir ?? null), boardOptionsOf(settings, esphomeFaults))
  const random = seededRandom(board.options.seed, `${board.options.identity.id} ota`)
  const stats: EsphomeStats = { connections: 0, blocks: 0, imageBytes: 0 }
  let update = new UpdateObject(board, { acceptsGzip: rules.isEsp8266 })
  // One client at a time: another one waits until the first has gone.
  let last: Promise<void> = Promise.resolve()
  const serve = (socket: Socket): void => {
    stats.connections++
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    const session = new OtaSession(
      {
        board,
        update,
        random,
        rules,
        onData: (sizeBytes, isNewBlock) => {
          stats.imageBytes += sizeBytes
          if (isNewBlock) stats.blocks++
        },
        receivedBytes: () => stats.imageBytes,
        restart: () => {
          const { restartsAfterMs } = restartAfter(board, rules.rebootDelayMs)
          if (restartsAfterMs !== undefined) board.later(restartsAfterMs, () => void board.reboot())
        },
      },
      socket,
    )
    const previous = last
    last = previous.then(() => (board.isUp ? session.run() : undefined))
  }
  const port = new KeptPort(createServer(serve), settings.port ?? 0, board.options.clock)
  const front = new BoardHttpFront(board, {
    route: request => (isTelemetryRequest(request) ? telemetryRoute(board, random) : null),
  })
  const web = settings.telemetry === true ? new HttpNetwork(front, 0, board.options.clock) : null
  await board.powerOn({
    goDown: async isOrderly => {
      await Promise.all([port.shut(isOrderly), web?.goDown(isOrderly)])
    },
    comeUp: async () => {
      update = new UpdateObject(board, { acceptsGzip: rules.isEsp8266 })
      last = Promise.resolve()
      await Promise.all([port.open(), web?.comeUp()])
    },
  })
  return {
    ...boardHandle(board, () => update),
    target: `tcp://${listenAddress()}:${String(port.number)}`,
    telemetryUrl: web === null ? null : `http://${listenAddress()}:${String(web.port)}/telemetry`,
    get identity() {
      return board.identity
    },
    get faults() {
      return board.faults.specs
    },
    get stats() {
      return { ...stats, boots: board.state.bootCount }
    },
    dataRequests: () => stats.blocks,
  }
}
