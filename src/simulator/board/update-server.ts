/** A virtual board with a web server and the Arduino core's `Update`: what all devices that take their image by a form have in common. */
import type { VirtualDevice } from '../device-kind.ts'
import type { FaultTable } from '../faults/fault-table.ts'
import { seededRandom, type Random } from '../random.ts'
import { boardOptionsOf, type BoardSettings } from './board-options.ts'
import { VirtualBoard } from './board.ts'
import { openFlashStorage } from './flash-storage.ts'
import { BoardHttpFront, type FrontRequest, type FrontRoute, type FrontStats, type Outcome } from './http-front.ts'
import { HttpNetwork } from './http-network.ts'
import { listenAddress } from './listen-address.ts'
import { describeTelemetry } from './telemetry.ts'
import { UpdateObject, type UpdateSettings } from './update.ts'

export interface UpdateServerSettings extends BoardSettings {
  /** Whether it answers `GET /telemetry`. */
  readonly telemetry?: boolean
  /** From the answer to an update until it restarts. */
  readonly rebootDelayMs?: number
  readonly fileSystemBytes?: number
  readonly port?: number
}

/** What a boot makes anew: all that is in RAM. */
export interface UpdateService {
  route(request: FrontRequest): FrontRoute | null
  /** Goes with the board, whatever takes it down. */
  stop?(): void
}

export interface UpdateBoot {
  readonly board: VirtualBoard
  readonly update: UpdateObject
  readonly random: Random
  /** The port it listens on; 0 before its first boot is over. */
  readonly port: () => number
}

export interface UpdateServer extends VirtualDevice {
  /** Counted since it was started; restarts do not clear it. */
  readonly stats: Readonly<FrontStats> & { readonly boots: number }
  /** Why the bootloader refused the last new image; null when it did not. */
  refusedImage(): string | null
  /** Resolves when it has come back from its next restart. Call it before what causes the restart. */
  nextBoot(): Promise<void>
}

export interface UpdateServerPlan {
  readonly settings: UpdateServerSettings
  readonly faultTable: FaultTable
  readonly updateSettings?: UpdateSettings
  readonly createService: (boot: UpdateBoot) => UpdateService
  /** Whether the application of the active slot runs; absent: always. */
  readonly runsApplication?: (board: VirtualBoard) => boolean
}

const APP_FLASH_BYTES = 8 * 1024 * 1024

/**
 * Switches a board on and resolves when it listens.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startUpdateServer(plan: UpdateServerPlan): Promise<UpdateServer> {
  const { settings, faultTable } = plan
  const board = new VirtualBoard(openFlashStorage(settings.flashDir ?? null), boardOptionsOf(settings, faultTable))
  const random = seededRandom(board.options.seed, `${board.options.identity.id} web`)
  const updateSettings = {
    ...plan.updateSettings,
    ...(settings.fileSystemBytes === undefined ? {} : { fileSystemBytes: settings.fileSystemBytes }),
  }
  let update = new UpdateObject(board, updateSettings)
  let service: UpdateService = { route: () => null }
  const front = new BoardHttpFront(board, {
    route: request => {
      if (settings.telemetry === true && isTelemetryRequest(request)) return telemetryRoute(board, random)
      return service.route(request)
    },
  })
  const network = new HttpNetwork(front, settings.port ?? 0, board.options.clock)
  await board.powerOn({
    goDown: isOrderly => {
      service.stop?.()
      return network.goDown(isOrderly)
    },
    comeUp: () => {
      update = new UpdateObject(board, updateSettings)
      service = plan.createService({ board, update, random, port: () => network.port })
      return network.comeUp()
    },
  })
  return {
    ...boardHandle(board, () => update),
    target: `http://${listenAddress()}:${String(network.port)}`,
    // Spreading would read them once and for all.
    get identity() {
      return board.identity
    },
    get faults() {
      return board.faults.specs
    },
    get stats() {
      return { ...front.stats, boots: board.state.bootCount }
    },
    activeImage: () => (plan.runsApplication?.(board) === false ? null : board.activeImage()),
    dataRequests: () => front.stats.dataRequests,
  }
}

/** What every handle of a board with an `Update` answers alike. */
export function boardHandle(
  board: VirtualBoard,
  update: () => UpdateObject,
): Omit<UpdateServer, 'target' | 'identity' | 'faults' | 'stats' | 'dataRequests'> {
  return {
    stored: () => update().stored(),
    activeImage: () => board.activeImage(),
    leftovers: () => (update().isRunning ? 1 : 0),
    refusedImage: () => board.state.refusedImage,
    setFaults: faults => {
      board.setFaults(faults)
    },
    reboot: () => board.reboot(),
    panic: () => board.panic(),
    nextBoot: () => board.nextBoot(),
    close: () => board.powerOff(),
  }
}

/** The restart behind an answer, unless a fault keeps the board up. */
export function restartAfter(board: VirtualBoard, delayMs: number): Pick<Outcome, 'restartsAfterMs'> {
  return board.faults.all.some(({ update }) => update?.staysUp === true) ? {} : { restartsAfterMs: delayMs }
}

export function isTelemetryRequest(request: FrontRequest): boolean {
  return request.method === 'GET' && request.path === '/telemetry'
}

export function telemetryRoute(board: VirtualBoard, random: Random): FrontRoute {
  return {
    point: { kind: 'telemetry', chunk: null, target: null },
    answer: () => {
      const usedBytes = board.state.slots.reduce((sum, slot) => sum + (slot?.sizeBytes ?? 0), 0)
      const value = describeTelemetry(board, { totalBytes: APP_FLASH_BYTES, usedBytes }, random)
      return { reply: { kind: 'json', status: 200, value } }
    },
  }
}
