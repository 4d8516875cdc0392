/** A virtual ESP32 that speaks `esp-parts`: a real HTTP server on 127.0.0.1 with flash, heap, reboots and named faults. */
import { VirtualBoard, type BoardOptions } from './board/board.ts'
import { boardOptionsOf, instantTimes } from './board/board-options.ts'
import type { DeviceClock } from './board/device-clock.ts'
import { openFlashStorage } from './board/flash-storage.ts'
import type { FlashSpeed } from './board/flash-time.ts'
import { HttpNetwork } from './board/http-network.ts'
import type { VirtualIdentity } from './board/identity.ts'
import { listenAddress } from './board/listen-address.ts'
import { PartFiles, SlotWriter } from './esp-parts/chunk-store.ts'
import { HttpFront, type DeviceStats, type UploadFeatures } from './esp-parts/http-front.ts'
import { describeTelemetry } from './board/telemetry.ts'
import { json, UploadService, type ChunkLimits } from './esp-parts/upload-service.ts'
import type { FaultSpec, NamedFault } from './faults/fault-table.ts'
import { seededRandom } from './random.ts'

export type { FaultSpec } from './faults/fault-table.ts'
export type { DeviceStats, UploadFeatures } from './esp-parts/http-front.ts'
export type { VirtualIdentity } from './board/identity.ts'
export { instantTimes }

export interface VirtualEsp32Options {
  readonly identity?: Partial<VirtualIdentity>
  /** What runs before the first upload. */
  readonly firmware?: Partial<BoardOptions['firmware']>
  /** Optional endpoints; all are on by default. */
  readonly features?: Partial<UploadFeatures>
  /** `parts`: files joined at the completion, as in the seed. `direct`: chunks programmed into the inactive slot. */
  readonly storage?: 'parts' | 'direct'
  readonly chunkLimits?: ChunkLimits
  /** JSON without spaces, which the seed's shell client looks for. */
  readonly compactJson?: boolean
  /** Folder of this device's flash; null keeps it in memory. */
  readonly flashDir?: string | null
  readonly flashSpeed?: Partial<FlashSpeed>
  readonly fileSystemBytes?: number
  readonly slotBytes?: number
  readonly whenHeapIsFull?: 'reset' | 'error-500'
  /** Whether a stored ESP image is started. */
  readonly apply?: 'reboot' | 'none'
  readonly rebootDelayMs?: number
  readonly bootMs?: number
  readonly confirmMs?: number
  readonly faults?: readonly FaultSpec[]
  readonly seed?: number
  readonly port?: number
  /** Decides when timed things happen; the system's clock by default. */
  readonly clock?: DeviceClock
}

/** A device as the seed describes it: no optional endpoint at all. */
export const seedFeatures: UploadFeatures = {
  capabilities: false,
  status: false,
  hash: false,
  session: false,
  telemetry: false,
}

export const allFeatures: UploadFeatures = {
  capabilities: true,
  status: true,
  hash: true,
  session: true,
  telemetry: true,
}

export interface VirtualEsp32 {
  /** `http://127.0.0.1:PORT` */
  readonly target: string
  readonly port: number
  readonly identity: VirtualIdentity
  readonly faults: readonly NamedFault[]
  readonly flash: {
    /** What a finished upload holds in flash; null when there is none. */
    readTarget(target: string): Uint8Array | null
    /** What the newest finished upload holds, whatever its name; null when there is none. */
    readLatest(): Uint8Array | null
    /** Uploads that were begun and are not finished: 0 or 1. */
    leftovers(): number
    /** The image that the board runs; null for factory firmware without a known image. */
    activeImage(): Uint8Array | null
    /** Why the bootloader refused the last new image; null when it did not. */
    refusedImage(): string | null
  }
  /** Counted since it was started; reboots do not clear it. */
  readonly stats: Readonly<DeviceStats> & { readonly boots: number; readonly heap: HeapReading }
  /** Replaces all faults, their counters included. */
  setFaults(faults: readonly FaultSpec[]): void
  /** Restarts it; resolves when it answers again. */
  reboot(): Promise<void>
  /** Loses power in the middle of whatever it does; resolves when it answers again. */
  panic(): Promise<void>
  /** Resolves when it has come back from its next reboot. Call it before what causes the reboot. */
  nextBoot(): Promise<void>
  close(): Promise<void>
}

export interface HeapReading {
  readonly totalBytes: number
  readonly freeBytes: number
  readonly minimumFreeBytes: number
  readonly largestBlockBytes: number
}

const KIB = 1024
const MIB = 1024 * KIB
const DEFAULT_CHUNK_LIMITS: ChunkLimits = { minimumBytes: 512, maximumBytes: 16 * KIB }

/**
 * Switches a virtual ESP32 on and resolves when it listens.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startVirtualEsp32(options: VirtualEsp32Options = {}): Promise<VirtualEsp32> {
  const seed = options.seed ?? 1
  const flash = openFlashStorage(options.flashDir ?? null)
  const board = new VirtualBoard(flash, boardOptionsOf(options))
  const storage = options.storage ?? 'parts'
  const features: UploadFeatures = { ...allFeatures, ...options.features }
  const chunkLimits = options.chunkLimits ?? DEFAULT_CHUNK_LIMITS
  const createService = (): UploadService => {
    const boot = board.reboots
    const store =
      storage === 'direct'
        ? new SlotWriter(flash, board.options.slotBytes, () => board.state)
        : new PartFiles(flash, options.fileSystemBytes ?? 8 * MIB, () => board.isUp && board.reboots === boot)
    return new UploadService(hostOf(board, storage === 'direct'), store, {
      knowsSessions: features.session || storage === 'direct',
      needsSession: storage === 'direct',
      chunkLimits,
      appliesImages: options.apply !== 'none',
    })
  }
  // The service is RAM: every boot makes a new one.
  let service = createService()
  const random = seededRandom(seed, `${board.options.identity.id} signal`)
  const front = new HttpFront(board, () => service, {
    features: storage === 'direct' ? { ...features, session: true } : features,
    compactJson: options.compactJson ?? false,
    whenHeapIsFull: options.whenHeapIsFull ?? 'reset',
    rebootDelayMs: options.rebootDelayMs ?? 200,
    describeCapabilities: () =>
      json({
        chunk_bytes: [chunkLimits.minimumBytes, chunkLimits.maximumBytes],
        hash: features.hash,
        status: features.status,
        session: features.session || storage === 'direct',
      }),
    describeTelemetry: () => json(describeTelemetry(board, service.space(), random)),
  })
  const network = new HttpNetwork(front, options.port ?? 0, board.options.clock)
  await board.powerOn({
    goDown: isOrderly => network.goDown(isOrderly),
    comeUp: () => {
      service = createService()
      return network.comeUp()
    },
  })
  return handleOf(board, front, () => service, network.port)
}

function hostOf(board: VirtualBoard, isInSlot: boolean): ConstructorParameters<typeof UploadService>[0] {
  return {
    get state() {
      return board.state
    },
    get faults() {
      return board.faults
    },
    get flashTime() {
      return board.flashTime
    },
    get isRestarting() {
      return board.isRestarting
    },
    saveState: () => board.saveState(),
    install: image => board.install(image, isInSlot),
  }
}

function handleOf(board: VirtualBoard, front: HttpFront, service: () => UploadService, port: number): VirtualEsp32 {
  return {
    target: `http://${listenAddress()}:${String(port)}`,
    port,
    get identity() {
      return board.identity
    },
    get faults() {
      return board.faults.specs
    },
    flash: {
      readTarget: target => service().content(target),
      readLatest: () => {
        const target = Object.keys(board.state.stored).at(-1)
        return target === undefined ? null : service().content(target)
      },
      leftovers: () => (board.state.session === null ? 0 : 1),
      activeImage: () => board.activeImage(),
      refusedImage: () => board.state.refusedImage,
    },
    get stats() {
      const { totalBytes, freeBytes, minimumFreeBytes, largestBlockBytes } = board.heap
      const heap = { totalBytes, freeBytes, minimumFreeBytes, largestBlockBytes }
      return { ...front.stats, boots: board.state.bootCount, heap }
    },
    setFaults: faults => {
      board.setFaults(faults)
    },
    reboot: () => board.reboot(),
    panic: () => board.panic(),
    nextBoot: () => board.nextBoot(),
    close: () => board.powerOff(),
  }
}
