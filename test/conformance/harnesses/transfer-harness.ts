/** What a protocol must bring to be held to the suite in `suite.ts` and to the random runs. */
import type { BoardNow, EvidenceLevel, Verdict } from '../../../src/shared/contract/models.ts'
import type { ErrorCode } from '../../../src/shared/errors.ts'
import type { OptionValues } from '../../../src/shared/option-spec.ts'
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import type { Random } from '../../../src/simulator/random.ts'
import type { Bench } from '../../fakes/bench.ts'

export interface TransferDevice {
  readonly target: string
  /** Options of every order to this one device, beside the harness's own. */
  readonly options?: OptionValues
  /** What the device holds of the upload now; null where it holds none, `undefined` where a test cannot look (hardware). */
  stored(): Uint8Array | null | undefined
  /** The image that it runs; null for factory firmware, `undefined` where it runs none or a test cannot look. */
  activeImage(): Uint8Array | null | undefined
  /** Unfinished uploads that still take room; `undefined` where a test cannot look. */
  leftovers(): number | undefined
  /** How many requests or frames carried image bytes; `undefined` where nobody counts. */
  dataRequests(): number | undefined
  /** From now on another board answers at the same address, right after the next break; absent where that cannot be made. */
  swapBoard?(): void
  /** Switches it off; absent for hardware. */
  close?(): Promise<void>
}

export interface DeviceWish {
  readonly faults: readonly NamedFault[]
  /** For what the device draws at random. */
  readonly seed?: number
}

/** What the parameters of a fault are drawn for. */
export interface FaultDraw {
  readonly random: Random
  /** Chunks, blocks or requests that carry the image; 1 where it goes in one request. */
  readonly chunkCount: number
  readonly sizeBytes: number
}

export interface FaultExpectation {
  /**
   * `passes`: goes by itself, so the run must end with the harness's best verdict, or with the honest “outcome unknown”
   * where `mayEndUnknown` says so. `stays`: whatever comes of it must never look better than it is.
   */
  readonly kind: 'passes' | 'stays'
  /** A fault that passes, and whose answer may be lost for good. */
  readonly mayEndUnknown?: boolean
  readonly draw: (from: FaultDraw) => NamedFault
}

export interface RefusedImage {
  /** Reads after “refuses”, such as `an image for another chip`. */
  readonly name: string
  readonly image: () => Uint8Array
  readonly fileName?: string
  readonly code: ErrorCode
}

export interface CutPoint {
  /** Reads after “goes on after”, such as `a cut in the middle of chunk 3`. */
  readonly name: string
  readonly fault: NamedFault
  /** Whether the answer that is lost there can be asked for again; else the end may be “outcome unknown”. */
  readonly mayEndUnknown?: boolean
}

export interface TransferHarness {
  readonly protocolId: string
  /** Which of several harnesses of one protocol; empty for the only one. */
  readonly variant?: string
  /** Options of every order of the suite. */
  readonly options: OptionValues
  readonly secrets?: Readonly<Record<string, string>>
  /** Decisions that every order of the suite accepts in advance; none by default. */
  readonly accept?: readonly string[]
  /**
   * An image that this device takes; without a size one of at least 20 chunks or blocks.
   * @param seed images of different seeds differ
   */
  image(sizeBytes?: number, seed?: number): Uint8Array
  readonly fileName?: string
  /** What the device holds once the image is stored, where that is not the image itself (padding). */
  asStored?(image: Uint8Array): Uint8Array
  /** Images that must be refused before the first byte, with the code that says why. */
  readonly refused: readonly RefusedImage[]
  /** What the honest device without a fault comes to without an explicit requirement. */
  readonly best: Verdict
  /** The highest level among its facts then: nothing above it may be claimed. */
  readonly highestFact: EvidenceLevel
  /** Whether `probe` knows the device for certain; false where no reading can tell. */
  readonly isRecognised: boolean
  /** Whether what the device had before a break need not be sent again. */
  readonly keepsParts: boolean
  /** Data requests that one break costs at most; 2 where not given. */
  readonly mostRepeated?: number
  /** Data requests of an undisturbed run of this many image bytes. */
  chunkCount(sizeBytes: number): number
  /** What the board is after a cancel in the middle. */
  readonly boardAfterCancel: readonly BoardNow[]
  /** Breaks in the middle of an image of the default size: once, and every time. */
  readonly breaks: { readonly once: NamedFault; readonly always: NamedFault }
  /** Every place where a link can break, for an image of this size: at every chunk's edges and middle, and at the end. */
  cuts(sizeBytes: number): readonly CutPoint[]
  /** The size with which `cuts` are swept: a few chunks. */
  readonly sweptBytes: number
  /** Every named fault of the device kind; hardware has none. */
  readonly faults: Readonly<Record<string, FaultExpectation>>
  /** Options that an order to this one device wants, such as where it tells of itself. */
  deviceOptions?(device: { readonly telemetryUrl: string | null }): OptionValues
  /** The largest image that the protocol carries by its nature, where that is less than 16 MiB. */
  readonly largestBytes?: number
  /** Start options of the virtual device with which it takes an image of 16 MiB, or of `largestBytes`. */
  readonly largeOptions?: object
  /** Options of an order with such an image, where the harness's own would make it needlessly slow. */
  readonly largeImageOptions?: OptionValues
  device(bench: Bench, wish: DeviceWish): Promise<TransferDevice>
}
