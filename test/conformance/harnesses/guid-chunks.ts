/** Brings virtual upload servers of seed 5: with telemetry, and strict ones that want a login and tell nothing of themselves. */
import { demoImage } from '../../fakes/bench.ts'
import { chunkCuts, fault, fileServerFaults, passes, stays } from './file-server-faults.ts'
import { kindDevice } from './kind-device.ts'
import { otherChipImage, wrongEspImages } from './refused-images.ts'
import type { TransferHarness } from './transfer-harness.ts'

const CHUNK_BYTES = 1024
const BREAK_AT = 9

const withTelemetry: TransferHarness = {
  protocolId: 'guid-chunks',
  options: { chunkBytes: CHUNK_BYTES },
  accept: ['other-project'],
  image: (sizeBytes = 40 * CHUNK_BYTES, seed = 1) => demoImage(sizeBytes, seed),
  refused: [...wrongEspImages, otherChipImage],
  best: 'acknowledged',
  highestFact: 'acknowledged',
  isRecognised: true,
  // A body that breaks off ends the upload there.
  keepsParts: false,
  chunkCount: sizeBytes => Math.ceil(sizeBytes / CHUNK_BYTES),
  boardAfterCancel: ['old-firmware'],
  breaks: {
    once: fault('cut', { chunk: BREAK_AT, at: 'in-body' }),
    always: fault('cut', { chunk: BREAK_AT, at: 'before-request', times: 0 }),
  },
  sweptBytes: 5 * CHUNK_BYTES + 32,
  cuts(sizeBytes) {
    return chunkCuts(this.chunkCount(sizeBytes), true)
  },
  faults: {
    ...fileServerFaults(true),
    'error-500': passes(({ random, chunkCount }) => fault('error-500', { chunk: random.integer(chunkCount) })),
    'wrong-json': passes(({ random, chunkCount }) => fault('wrong-json', { chunk: random.integer(chunkCount) }), true),
    'session-lost': passes(({ random, chunkCount }) => fault('session-lost', { chunk: random.integer(chunkCount) })),
    'other-owner': stays(({ random, chunkCount }) => fault('other-owner', { chunk: random.integer(chunkCount) })),
    'foreign-upload-url': stays(() => fault('foreign-upload-url')),
    'false-complete': stays(({ random, chunkCount }) =>
      fault('false-complete', { after: 1 + random.integer(chunkCount - 1) }),
    ),
    'keeps-old-tail': stays(({ random }) => fault('keeps-old-tail', { tail: 1 + random.integer(9000) })),
    'status-fail': stays(({ random, chunkCount }) => fault('status-fail', { chunk: random.integer(chunkCount) })),
  },
  largeImageOptions: { chunkBytes: 64 * 1024 },
  device: async (bench, wish) => {
    const device = await kindDevice(bench, 'guid-chunks', wish, { telemetry: true })
    return {
      ...device,
      swapBoard: () => {
        device.virtual.setFaults([fault('reboot', { chunk: BREAK_AT }), fault('other-device-after-reboot')])
      },
    }
  },
}

const strict: TransferHarness = {
  ...withTelemetry,
  variant: 'strict, with a login and no telemetry',
  options: { chunkBytes: CHUNK_BYTES, username: 'technician', telemetryPath: '' },
  secrets: { password: 'flash' },
  refused: wrongEspImages,
  // Without the login nothing is told.
  isRecognised: false,
  device: async (bench, wish) =>
    await kindDevice(bench, 'guid-chunks', wish, {
      isStrict: true,
      account: { username: 'technician', password: 'flash' },
    }),
}

export const guidServers: readonly TransferHarness[] = [withTelemetry, strict]
