/** Brings virtual ESP32 boards, and the board at FLASHPROOF_TEST_HOST where that is set. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { demoImage } from '../../fakes/bench.ts'
import { drawn } from '../../core/transfer/esp-parts/random-faults.ts'
import { kindDevice } from './kind-device.ts'
import { otherChipImage, wrongEspImages } from './refused-images.ts'
import type { CutPoint, FaultExpectation, TransferHarness } from './transfer-harness.ts'

const NAME = 'flashproof-conformance.bin'
const CHUNK_BYTES = 1024
const BREAK_AT = 9

const cut = (chunk: number | 'complete', at: string, times = 1): NamedFault & Record<string, string | number> => ({
  name: 'cut',
  chunk,
  at,
  times,
})

const faults: Readonly<Record<string, FaultExpectation>> = drawn

export const virtualBoards: TransferHarness = {
  protocolId: 'esp-parts',
  options: { targetPath: NAME, chunkBytes: CHUNK_BYTES, pauseMs: 0 },
  accept: ['other-project'],
  image: (sizeBytes = 40 * CHUNK_BYTES, seed = 1) => demoImage(sizeBytes, seed),
  refused: [...wrongEspImages, otherChipImage],
  best: 'proven',
  highestFact: 'stored',
  isRecognised: true,
  keepsParts: true,
  chunkCount: sizeBytes => Math.ceil(sizeBytes / CHUNK_BYTES),
  boardAfterCancel: ['old-firmware'],
  breaks: { once: cut(BREAK_AT, 'in-body'), always: cut(BREAK_AT, 'in-body', 0) },
  sweptBytes: 5 * CHUNK_BYTES + 17,
  cuts(sizeBytes) {
    const chunks: (number | 'complete')[] = Array.from({ length: this.chunkCount(sizeBytes) }, (_, index) => index)
    return [...chunks, 'complete' as const].flatMap(chunk =>
      ['before-request', 'in-body', 'after-process'].map((at): CutPoint => ({
        name: `a cut ${at} of ${String(chunk)}`,
        fault: cut(chunk, at),
      })),
    )
  },
  faults,
  largeOptions: { apply: 'none', fileSystemBytes: 64 * 1024 * 1024 },
  largeImageOptions: { chunkBytes: 4096 },
  async device(bench, wish) {
    const device = await kindDevice(bench, 'esp-parts', wish, { apply: 'none' })
    return {
      ...device,
      swapBoard: () => {
        const swap: readonly (NamedFault & { readonly chunk?: number })[] = [
          { name: 'reboot', chunk: BREAK_AT },
          { name: 'other-device-after-reboot' },
        ]
        device.virtual.setFaults(swap)
      },
    }
  },
}

/** A board on the bench: no faults can be made there, and its flash is read by its own hash alone. */
export function boardAt(host: string): TransferHarness {
  return {
    ...virtualBoards,
    // A file that is no application: the board stores it and goes on running what it runs.
    image: () => Uint8Array.from({ length: 24 * CHUNK_BYTES + 17 }, (_, index) => (index * 31 + 66) & 0xff),
    cuts: () => [],
    faults: {},
    device: () =>
      Promise.resolve({
        target: host.includes('://') ? host : `http://${host}`,
        stored: () => undefined,
        activeImage: () => undefined,
        leftovers: () => undefined,
        dataRequests: () => undefined,
      }),
  }
}
