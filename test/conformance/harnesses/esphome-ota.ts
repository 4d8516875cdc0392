/** Brings virtual ESPHome boards: on their native service with a password, and on their web page with telemetry. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { demoImage } from '../../fakes/bench.ts'
import { kindDevice } from './kind-device.ts'
import { wrongEspImages } from './refused-images.ts'
import type { CutPoint, FaultExpectation, TransferHarness } from './transfer-harness.ts'
import { updatePageHarness } from './update-page.ts'

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
  async device(bench, wish) {
    // Long enough for a restart to be seen, short enough for a suite.
    const times = { rebootDelayMs: 10, bootMs: 40, confirmMs: 20 }
    return await kindDevice(bench, 'esphome-ota', wish, { ...times, password: 'secret', hash: 'both' })
  },
}

const harmless = Object.fromEntries(
  Object.entries(nativeFaults).map(([name, { draw }]) => [name, passes(draw)] as const),
)

export const esphomeBoards: readonly TransferHarness[] = [
  native,
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
