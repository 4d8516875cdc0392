/** A virtual device that is a web server with files: it runs no image, but knows restarts, flash, faults and, where wanted, telemetry. */
import type { VirtualDevice } from '../device-kind.ts'
import type { FaultTable, NamedFault } from '../faults/fault-table.ts'
import { seededRandom } from '../random.ts'
import { boardOptionsOf, type BoardSettings } from './board-options.ts'
import { VirtualBoard } from './board.ts'
import { FILE_SYSTEM_BYTES, FileStore } from './file-store.ts'
import { openFlashStorage } from './flash-storage.ts'
import { BoardHttpFront, type FrontOptions, type FrontRequest, type FrontRoute, type FrontStats } from './http-front.ts'
import { HttpNetwork } from './http-network.ts'
import type { VirtualIdentity } from './identity.ts'
import { listenAddress } from './listen-address.ts'
import { describeTelemetry } from './telemetry.ts'

export interface FileServerSettings extends BoardSettings {
  /** Whether it answers `GET /telemetry`. */
  readonly telemetry?: boolean
  readonly port?: number
}

/** What a boot makes anew: all that is in RAM. */
export interface FileService {
  route(request: FrontRequest): FrontRoute | null
  /** What the newest finished upload left; null when there is none. */
  stored(): Uint8Array | null
  leftovers(): number
}

export interface FileServerPlan {
  readonly faultTable: FaultTable
  readonly createService: (board: VirtualBoard, files: FileStore) => FileService
  readonly writeJson?: NonNullable<FrontOptions['writeJson']>
}

export class FileServer implements VirtualDevice {
  readonly files: FileStore
  readonly #board: VirtualBoard
  readonly #front: BoardHttpFront
  readonly #network: HttpNetwork
  readonly #plan: FileServerPlan
  #service: FileService

  /** @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range */
  constructor(settings: FileServerSettings, plan: FileServerPlan) {
    const flash = openFlashStorage(settings.flashDir ?? null)
    this.#board = new VirtualBoard(flash, boardOptionsOf(settings, plan.faultTable))
    this.#plan = plan
    this.files = new FileStore(flash)
    this.#service = plan.createService(this.#board, this.files)
    const telemetry = settings.telemetry === true ? telemetryRoute(this.#board, this.files) : null
    this.#front = new BoardHttpFront(this.#board, {
      route: request => {
        const isTelemetry = request.method === 'GET' && request.path === '/telemetry'
        return isTelemetry && telemetry !== null ? telemetry : this.#service.route(request)
      },
      ...(plan.writeJson === undefined ? {} : { writeJson: plan.writeJson }),
    })
    this.#network = new HttpNetwork(this.#front, settings.port ?? 0, this.#board.options.clock)
  }

  /** Switches it on; resolves when it listens. */
  async powerOn(): Promise<this> {
    await this.#board.powerOn({
      goDown: isOrderly => this.#network.goDown(isOrderly),
      comeUp: () => {
        this.#service = this.#plan.createService(this.#board, this.files)
        return this.#network.comeUp()
      },
    })
    return this
  }

  get target(): string {
    return `http://${listenAddress()}:${String(this.#network.port)}`
  }

  get identity(): VirtualIdentity {
    return this.#board.identity
  }

  get faults(): readonly NamedFault[] {
    return this.#board.faults.specs
  }

  /** Counted since it was started; restarts do not clear it. */
  get stats(): Readonly<FrontStats> & { readonly boots: number; readonly freeHeapBytes: number } {
    return {
      ...this.#front.stats,
      boots: this.#board.state.bootCount,
      freeHeapBytes: this.#board.heap.freeBytes,
    }
  }

  stored(): Uint8Array | null {
    return this.#service.stored()
  }

  /** It keeps files and starts none of them. */
  activeImage(): null {
    return null
  }

  leftovers(): number {
    return this.#service.leftovers()
  }

  dataRequests(): number {
    return this.#front.stats.dataRequests
  }

  setFaults(faults: readonly NamedFault[]): void {
    this.#board.setFaults(faults)
  }

  reboot(): Promise<void> {
    return this.#board.reboot()
  }

  panic(): Promise<void> {
    return this.#board.panic()
  }

  /** Resolves when it has come back from its next restart. Call it before what causes the restart. */
  nextBoot(): Promise<void> {
    return this.#board.nextBoot()
  }

  close(): Promise<void> {
    return this.#board.powerOff()
  }
}

function telemetryRoute(board: VirtualBoard, files: FileStore): FrontRoute {
  const random = seededRandom(board.options.seed, `${board.options.identity.id} signal`)
  return {
    point: { kind: 'telemetry', chunk: null, target: null },
    answer: () => {
      const space = { totalBytes: FILE_SYSTEM_BYTES, usedBytes: files.usedBytes() }
      return { reply: { kind: 'json', status: 200, value: describeTelemetry(board, space, random) } }
    },
  }
}
