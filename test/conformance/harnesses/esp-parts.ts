/** Brings virtual ESP32 boards, and the board at FLASHPROOF_TEST_HOST where that is set. */
import { buildTestImage } from '../../simulator/test-image.ts'
import type { FaultSpec } from '../../../src/simulator/virtual-esp32.ts'
import { demoImage } from '../../fakes/bench.ts'
import type { TransferHarness } from './transfer-harness.ts'

const NAME = 'flashproof-conformance.bin'
const CHUNK_BYTES = 1024
const BREAK_AT = 9

const faultsOf: Readonly<Record<'none' | 'once' | 'always', readonly FaultSpec[]>> = {
  none: [],
  once: [{ name: 'cut', chunk: BREAK_AT, at: 'in-body' }],
  always: [{ name: 'cut', chunk: BREAK_AT, at: 'in-body', times: 0 }],
}

const options = { targetPath: NAME, chunkBytes: CHUNK_BYTES, pauseMs: 0 }

export const virtualBoards: TransferHarness = {
  protocolId: 'esp-parts',
  options,
  image: () => demoImage(40 * CHUNK_BYTES),
  refused: { image: () => buildTestImage({ fault: 'checksum' }), code: 'image.corrupt' },
  async device(bench, breaks) {
    const board = await bench.board({ faults: faultsOf[breaks] })
    return {
      target: board.target,
      stored: () => board.flash.readTarget(NAME),
      dataRequests: () => board.stats.chunkPosts.reduce((sum, count) => sum + count, 0),
      swapBoard: () => {
        board.setFaults([{ name: 'reboot', chunk: BREAK_AT }, { name: 'other-device-after-reboot' }])
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
    device: () =>
      Promise.resolve({
        target: host.includes('://') ? host : `http://${host}`,
        stored: () => undefined,
        dataRequests: () => undefined,
      }),
  }
}
