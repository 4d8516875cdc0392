/** Brings virtual ESPHome boards: on their native service with a password or with telemetry, and on their web page. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { demoImage } from '../../fakes/bench.ts'
import { kindDevice } from './kind-device.ts'
import { otherChipImage, wrongEspImages } from './refused-images.ts'
import type { CutPoint, FaultExpectation, TransferHarness } from './transfer-harness.ts'
import { LARGE_SLOT_BYTES, updatePageFaults, updatePageHarness } from './update-page.ts'

const BLOCK_BYTES = 8192

type Fault = NamedFault & Readonly<Record<string, string | number>>
const fault = (name: string, parameters: Readonly<Record<string, string | number>> = {}): Fault => ({
  name,
  ...parameters,
})
const passes = (draw: FaultExpectation['draw'], mayEndUnknown = false): FaultExpectation => ({
  kind: 'passes',
  draw,
  mayEndUnknown,
})
const stays = (draw: FaultExpectation['draw']): FaultExpectation => ({ kind: 'stays', draw })

const stages = ['features', 'auth', 'prepare', 'md5', 'data'] as const
const passingErrors = ['Flash Write Failed', 'Flash Erase Failed', 'Aborted']

/** Faults of the native service, which do nothing to a board that is spoken to over its page. */
const nativeFaults: Readonly<Record<string, FaultExpectation>> = {
  'error-code': passes(({ random, sizeBytes }) => fault('error-code', { code: '83', byte: random.integer(sizeBytes) })),
  'no-ack': passes(({ random, chunkCount }) => fault('no-ack', { block: random.integer(chunkCount - 1) })),
  silent: passes(({ random }) => fault('silent', { stage: stages[random.integer(stages.length)] ?? 'data', times: 1 })),
  'bit-flip': passes(({ random, sizeBytes }) => fault('bit-flip', { byte: random.integer(sizeBytes) })),
  'lost-answer': passes(() => fault('lost-answer'), true),
  'refuses-password': stays(() => fault('refuses-password')),
  'unknown-version': stays(() => fault('unknown-version')),
  'another-service': stays(() => fault('another-service')),
}

const faults: Readonly<Record<string, FaultExpectation>> = {
  ...nativeFaults,
  slow: passes(({ random }) => fault('slow', { ms: random.integer(10) })),
  'reset-at-byte': passes(({ random, sizeBytes }) => fault('reset-at-byte', { byte: random.integer(sizeBytes) }), true),
  cut: passes(({ random }) => fault('cut', { percent: random.integer(101), times: 1 }), true),
  reboot: passes(({ random, sizeBytes }) => fault('reboot', { byte: 1 + random.integer(sizeBytes) }), true),
  'drop-reply': passes(() => fault('drop-reply'), true),
  'no-answer': passes(() => fault('no-answer'), true),
  'update-error': passes(({ random, sizeBytes }) =>
    fault('update-error', {
      text: passingErrors[random.integer(passingErrors.length)] ?? 'Aborted',
      byte: random.integer(sizeBytes),
    }),
  ),
  'stores-garbage': stays(() => fault('stores-garbage')),
  liar: stays(() => fault('liar')),
  'no-restart': stays(() => fault('no-restart')),
  'slow-boot': passes(({ random }) => fault('slow-boot', { ms: 50 + random.integer(200) })),
  'never-returns': stays(() => fault('never-returns')),
  'bad-self-check': stays(() => fault('bad-self-check')),
  rollback: stays(({ random }) => fault('rollback', { ms: 1 + random.integer(60) })),
  // Nothing of these is said over the native service.
  'wrong-chip': passes(() => fault('wrong-chip')),
  'other-device-after-reboot': passes(() => fault('other-device-after-reboot')),
  'hostile-name': passes(() => fault('hostile-name')),
  'error-500': passes(() => fault('error-500')),
  'captive-portal': passes(() => fault('captive-portal')),
  'cut-answer': passes(() => fault('cut-answer')),
}

// Long enough for a restart to be seen, short enough for a suite.
const times = { rebootDelayMs: 10, bootMs: 40, confirmMs: 20 }
const locked = { ...times, password: 'secret', hash: 'both' }

const native: TransferHarness = {
  protocolId: 'esphome-ota',
  variant: 'native, with a password',
  options: {},
  secrets: { password: 'secret' },
  image: (sizeBytes = 24 * BLOCK_BYTES, seed = 1) => demoImage(sizeBytes, seed),
  refused: [...wrongEspImages],
  best: 'received',
  highestFact: 'received',
  isRecognised: false,
  keepsParts: false,
  chunkCount: sizeBytes => Math.ceil(sizeBytes / BLOCK_BYTES),
  boardAfterCancel: ['old-firmware'],
  breaks: { once: fault('cut', { percent: 50 }), always: fault('cut', { percent: 50, times: 0 }) },
  sweptBytes: 3 * BLOCK_BYTES + 17,
  cuts: () => [
    ...[0, 1, 16, 33, 34, 50, 66, 67, 90, 99, 100].map((percent): CutPoint => ({
      name: `a cut after ${String(percent)} % of the image`,
      fault: fault('cut', { percent }),
      mayEndUnknown: percent >= 66,
    })),
    ...[...stages, 'greeting', 'received', 'end'].map((stage): CutPoint => ({
      name: `the loss of the answer “${stage}”`,
      fault: fault('lost-answer', { stage }),
      mayEndUnknown: stage === 'received' || stage === 'end',
    })),
  ],
  faults,
  largeOptions: { ...locked, slotBytes: LARGE_SLOT_BYTES },
  device: async (bench, wish) => await kindDevice(bench, 'esphome-ota', wish, locked),
}

const telling = { ...times, telemetry: true }

/** A board that tells of itself on a port of its own shows what runs, and makes up for an answer that was lost. */
const withTelemetry: TransferHarness = {
  ...native,
  variant: 'native, with telemetry',
  secrets: {},
  accept: ['other-project'],
  refused: [...wrongEspImages, otherChipImage],
  best: 'proven',
  highestFact: 'running',
  cuts: size => native.cuts(size).map(cut => ({ ...cut, mayEndUnknown: false })),
  faults: { ...updatePageFaults(true), ...nativeFaults, 'lost-answer': passes(() => fault('lost-answer')) },
  largeOptions: { ...telling, slotBytes: LARGE_SLOT_BYTES },
  deviceOptions: ({ telemetryUrl }) => (telemetryUrl === null ? {} : { telemetryUrl }),
  async device(bench, wish) {
    const device = await kindDevice(bench, 'esphome-ota', wish, telling)
    return {
      ...device,
      options: { telemetryUrl: device.virtual.telemetryUrl ?? '' },
      swapBoard: () => {
        device.virtual.setFaults([fault('reboot', { byte: 3 * BLOCK_BYTES }), fault('other-device-after-reboot')])
      },
    }
  },
}

const harmless = Object.fromEntries(
  Object.entries(nativeFaults).map(([name, { draw }]) => [name, passes(draw)] as const),
)

export const esphomeBoards: readonly TransferHarness[] = [
  native,
  withTelemetry,
  updatePageHarness({
    kindId: 'esphome-ota',
    variant: 'web page with telemetry and a password',
    namesImage: true,
    options: { username: 'admin' },
    secrets: { password: 'secret' },
    device: { web: true, password: 'secret' },
    moreFaults: harmless,
    isCleanAfterCancel: true,
    // The network here takes the whole form at once, so that a cancel may come after its last byte.
    boardAfterCancel: ['old-firmware', 'unknown'],
  }),
]
