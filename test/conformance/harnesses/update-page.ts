/** What the harnesses of devices with an update page share: one form carries the image, so that every cut lies in one request. */
import type { TransferHarness, CutPoint, FaultExpectation } from './transfer-harness.ts'
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import type { VirtualDevice } from '../../../src/simulator/device-kind.ts'
import { RESTART_NOW } from '../../../src/core/transfer/single-upload-run.ts'
import { demoImage, type Bench } from '../../fakes/bench.ts'
import { kindDevice } from './kind-device.ts'
import { otherChipImage, wrongEspImages } from './refused-images.ts'

const KIBIBYTE = 1024
/** Room for an image of 16 MiB. */
export const LARGE_SLOT_BYTES = 20 * KIBIBYTE * KIBIBYTE

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

const passingErrors = ['Flash Write Failed', 'Flash Erase Failed', 'Stream Read Timeout', 'MD5 Check Failed', 'Aborted']

/**
 * How each fault of a board with an update page is drawn. A lost answer leaves only what the board tells of itself.
 * @param namesImage whether its telemetry names what it runs
 */
export function updatePageFaults(namesImage: boolean): Readonly<Record<string, FaultExpectation>> {
  return {
    slow: passes(({ random }) =>
      fault('slow', { ms: random.integer(10), bytesPerSecond: random.integer(2) * 4_000_000 }),
    ),
    'reset-at-byte': passes(
      ({ random, sizeBytes }) => fault('reset-at-byte', { byte: random.integer(sizeBytes) }),
      !namesImage,
    ),
    cut: passes(
      ({ random }) => fault('cut', { percent: random.integer(101), times: 1 + random.integer(2) }),
      !namesImage,
    ),
    reboot: passes(({ random, sizeBytes }) => fault('reboot', { byte: 1 + random.integer(sizeBytes) }), !namesImage),
    'drop-reply': passes(() => fault('drop-reply'), !namesImage),
    'no-answer': passes(() => fault('no-answer')),
    'error-500': passes(({ random }) => fault('error-500', { times: 1 + random.integer(2) })),
    'captive-portal': stays(() => fault('captive-portal')),
    'cut-answer': passes(({ random }) => fault('cut-answer', { bytes: random.integer(2) }), !namesImage),
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
    'wrong-chip': stays(() => fault('wrong-chip')),
    'other-device-after-reboot': stays(() => fault('other-device-after-reboot')),
    'hostile-name': namesImage ? stays(() => fault('hostile-name')) : passes(() => fault('hostile-name')),
  }
}

/** Cuts in one form: at its beginning, all over it, just before its end, and in the answer. */
export function formCuts(namesImage: boolean): readonly CutPoint[] {
  const cuts = [0, 1, 10, 25, 50, 75, 90, 99, 100].map((percent): CutPoint => ({
    name: `a cut after ${String(percent)} % of the form`,
    fault: fault('cut', { percent }),
    mayEndUnknown: !namesImage,
  }))
  return [
    ...cuts,
    { name: 'the loss of the answer', fault: fault('drop-reply'), mayEndUnknown: !namesImage },
    { name: 'half an answer', fault: fault('cut-answer'), mayEndUnknown: !namesImage },
    { name: 'no answer', fault: fault('no-answer') },
  ]
}

export interface UpdatePageWish {
  readonly kindId: string
  readonly variant?: string
  readonly options?: TransferHarness['options']
  readonly secrets?: Readonly<Record<string, string>>
  readonly accept?: readonly string[]
  /** Whether the board tells what it runs: by telemetry with its hash, or as `best` says. */
  readonly namesImage: boolean
  /** Whether reading tells what it is; unless given, a board behind a password does not show it. */
  readonly isRecognised?: boolean
  /** The verdict of a board that tells what it runs; `proven` unless given. */
  readonly best?: TransferHarness['best']
  readonly moreFaults?: Readonly<Record<string, FaultExpectation>>
  /** Start options of the kind. */
  readonly device?: object
  readonly boardAfterCancel: TransferHarness['boardAfterCancel']
  /** Whether a cancelled upload leaves nothing in the board. */
  readonly isCleanAfterCancel: boolean
  /** A technician restarts the board when the row asks for it. */
  readonly isRestartedWhenAsked?: boolean
}

export function updatePageHarness(wish: UpdatePageWish): TransferHarness {
  const { kindId, namesImage } = wish
  // Long enough for a restart to be seen, short enough for a suite.
  const times = { rebootDelayMs: 10, bootMs: 40, confirmMs: 20 }
  const board = { ...times, telemetry: namesImage && wish.best === undefined, ...wish.device }
  return {
    protocolId: kindId,
    ...(wish.variant === undefined ? {} : { variant: wish.variant }),
    options: wish.options ?? {},
    ...(wish.secrets === undefined ? {} : { secrets: wish.secrets }),
    accept: wish.accept ?? ['other-project'],
    image: (sizeBytes = 40 * KIBIBYTE, seed = 1) => demoImage(sizeBytes, seed),
    refused: [...wrongEspImages, ...(namesImage ? [otherChipImage] : [])],
    best: namesImage ? (wish.best ?? 'proven') : 'acknowledged',
    highestFact: namesImage ? 'running' : 'acknowledged',
    isRecognised: wish.isRecognised ?? wish.secrets === undefined,
    keepsParts: false,
    chunkCount: () => 1,
    boardAfterCancel: wish.boardAfterCancel,
    breaks: { once: fault('cut', { percent: 50 }), always: fault('cut', { percent: 50, times: 0 }) },
    sweptBytes: 24 * KIBIBYTE,
    cuts: () => formCuts(namesImage),
    faults: { ...updatePageFaults(namesImage), ...wish.moreFaults },
    largeOptions: { ...board, slotBytes: LARGE_SLOT_BYTES },
    async device(bench, deviceWish) {
      const device = await kindDevice(bench, kindId, deviceWish, board)
      const { swapBoard, ...rest } = {
        ...device,
        swapBoard: () => {
          const swap: readonly Fault[] = [fault('reboot', { byte: 5000 }), fault('other-device-after-reboot')]
          device.virtual.setFaults(swap)
        },
      }
      if (wish.isRestartedWhenAsked === true) restartWhenAsked(bench, device.virtual)
      const leftovers = wish.isCleanAfterCancel ? rest.leftovers : () => undefined
      return { ...rest, leftovers, ...(namesImage ? { swapBoard } : {}) }
    },
  }
}

function restartWhenAsked(bench: Bench, board: VirtualDevice): void {
  let wasAsked = false
  bench.watch(({ target, warnings }) => {
    if (target !== board.target) return
    const isAsked = warnings.includes(RESTART_NOW)
    if (isAsked && !wasAsked) void board.reboot()
    wasAsked = isAsked
  })
}
