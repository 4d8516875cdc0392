/** What a protocol must bring to be held to the suite in `transfer-protocol.test.ts`. */
import type { OptionValues } from '../../../src/shared/option-spec.ts'
import type { Bench } from '../../fakes/bench.ts'

export interface TransferDevice {
  readonly target: string
  /** What the device holds of the upload now; null where it holds none, `undefined` where a test cannot look (hardware). */
  stored(): Uint8Array | null | undefined
  /** How many requests or frames carried image bytes; `undefined` where nobody counts. */
  dataRequests(): number | undefined
  /** From now on another board answers at the same address, right after the next break; absent where that cannot be made. */
  swapBoard?(): void
}

export interface TransferHarness {
  readonly protocolId: string
  /** Options of every order of the suite. */
  readonly options: OptionValues
  /** An image that this device takes, of at least 20 chunks or blocks. */
  image(): Uint8Array
  /** An image that it must refuse before the first byte, with the code that says why. */
  readonly refused: { readonly image: () => Uint8Array; readonly code: string } | null
  /** A device whose link breaks `breaks` times on the way. */
  device(bench: Bench, breaks: 'none' | 'once' | 'always'): Promise<TransferDevice>
}
