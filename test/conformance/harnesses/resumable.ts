/** Brings virtual servers of Resumable.js: the seed's Flask server with telemetry, a small one, and the Node sample. */
import { demoImage } from '../../fakes/bench.ts'
import { chunkCuts, fault, fileServerFaults, passes, stays } from './file-server-faults.ts'
import { kindDevice } from './kind-device.ts'
import { otherChipImage, wrongEspImages } from './refused-images.ts'
import type { FaultExpectation, TransferHarness } from './transfer-harness.ts'

const CHUNK_BYTES = 1024
const BREAK_AT = 9

const faults: Readonly<Record<string, FaultExpectation>> = {
  ...fileServerFaults(false),
  // A web page with 200 is a success to Resumable.js, and here: what was joined is asked at the end.
  'error-500': stays(({ random, chunkCount }) => fault('error-500', { chunk: random.integer(chunkCount) })),
  'success-false': passes(({ random, chunkCount }) => fault('success-false', { chunk: random.integer(chunkCount) })),
  status: passes(({ random, chunkCount }) =>
    fault('status', { chunk: random.integer(chunkCount), code: [204, 408, 429, 502, 503][random.integer(5)] ?? 503 }),
  ),
  refuses: stays(({ random, chunkCount }) => fault('refuses', { chunk: random.integer(chunkCount) })),
  // What it joined cannot be asked then: its OK is all that there is.
  'wrong-json': stays(({ random }) =>
    fault('wrong-json', {
      shape: ['truncated', 'text-size', 'other-status', 'list'][random.integer(4)] ?? 'list',
      times: 0,
    }),
  ),
  'existing-file': passes(({ random }) => fault('existing-file', { bytes: 1 + random.integer(5000) })),
  'ttl-expired': passes(({ random, chunkCount }) => fault('ttl-expired', { chunk: random.integer(chunkCount) })),
  'assembly-fails': passes(() => fault('assembly-fails', { at: 'open', times: 1 })),
  'wrong-size': stays(({ random }) => fault('wrong-size', { bytes: 1 + random.integer(900) })),
  'says-complete': stays(({ random, chunkCount }) =>
    fault('says-complete', { after: 1 + random.integer(chunkCount - 1) }),
  ),
}

const flask: TransferHarness = {
  protocolId: 'resumable',
  options: { chunkBytes: CHUNK_BYTES, simultaneousUploads: 4 },
  // A file of the same name is replaced; that nobody answers for that is a test of its own.
  accept: ['other-project', 'file-exists'],
  image: (sizeBytes = 40 * CHUNK_BYTES, seed = 1) => demoImage(sizeBytes, seed),
  refused: [...wrongEspImages, otherChipImage],
  best: 'acknowledged',
  highestFact: 'acknowledged',
  isRecognised: true,
  keepsParts: true,
  chunkCount: sizeBytes => Math.max(1, Math.floor(sizeBytes / CHUNK_BYTES)),
  boardAfterCancel: ['old-firmware'],
  breaks: {
    once: fault('cut', { chunk: BREAK_AT, at: 'in-body' }),
    always: fault('cut', { chunk: BREAK_AT, at: 'in-body', times: 0 }),
  },
  sweptBytes: 5 * CHUNK_BYTES + 32,
  cuts(sizeBytes) {
    return chunkCuts(this.chunkCount(sizeBytes), false)
  },
  faults,
  largeImageOptions: { chunkBytes: 256 * 1024, simultaneousUploads: 4 },
  device: async (bench, wish) => {
    const device = await kindDevice(bench, 'resumable', wish, { telemetry: true })
    return {
      ...device,
      swapBoard: () => {
        device.virtual.setFaults([fault('reboot', { chunk: BREAK_AT }), fault('other-device-after-reboot')])
      },
    }
  },
}

const small: TransferHarness = {
  ...flask,
  variant: 'a small board that takes raw bytes, one chunk at a time',
  options: { chunkBytes: CHUNK_BYTES, simultaneousUploads: 1, mode: 'octet', forceChunkSize: true, telemetryPath: '' },
  refused: wrongEspImages,
  chunkCount: sizeBytes => Math.ceil(sizeBytes / CHUNK_BYTES),
  largeOptions: { takesRawBodies: true },
  device: async (bench, wish) => await kindDevice(bench, 'resumable', wish, { isSmall: true, takesRawBodies: true }),
}

const node: TransferHarness = {
  ...flask,
  variant: 'the Node sample, which joins nothing',
  options: { chunkBytes: CHUNK_BYTES, simultaneousUploads: 2, uploadPath: '/upload', telemetryPath: '' },
  refused: wrongEspImages,
  // Its text for an unknown chunk is anybody's.
  isRecognised: false,
  largeOptions: { profile: 'node' },
  device: async (bench, wish) => await kindDevice(bench, 'resumable', wish, { profile: 'node' }),
}

export const resumableServers: readonly TransferHarness[] = [flask, small, node]
