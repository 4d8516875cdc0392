/** Brings virtual boards with ArduinoOTA: with a password and nothing beside it, and with telemetry. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { demoImage } from '../../fakes/bench.ts'
import { kindDevice } from './kind-device.ts'
import { otherChipImage, wrongEspImages } from './refused-images.ts'
import type { CutPoint, FaultDraw, FaultExpectation, TransferHarness } from './transfer-harness.ts'
import { LARGE_SLOT_BYTES } from './update-page.ts'

const PIECE_BYTES = 1024
const BREAK_AT = 9

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

const places = ['before-request', 'in-body', 'after-process'] as const
const anyPlace = ({ random, chunkCount }: FaultDraw): Fault =>
  fault('cut', {
    chunk: random.integer(chunkCount),
    at: places[random.integer(places.length)] ?? 'in-body',
  })

/** A final word that is lost leaves only what the board tells of itself. */
function faultsOf(namesImage: boolean, hasPassword: boolean): Readonly<Record<string, FaultExpectation>> {
  return {
    slow: passes(({ random }) => fault('slow', { ms: random.integer(4) })),
    cut: passes(anyPlace, !namesImage),
    'reset-at-byte': passes(
      ({ random, sizeBytes }) => fault('reset-at-byte', { byte: random.integer(sizeBytes) }),
      !namesImage,
    ),
    'no-answer': passes(({ random, chunkCount }) => fault('no-answer', { chunk: random.integer(chunkCount - 1) })),
    reboot: passes(({ random, chunkCount }) => fault('reboot', { chunk: random.integer(chunkCount) }), !namesImage),
    'lost-invitation': passes(({ random }) => fault('lost-invitation', { times: 1 + random.integer(5) })),
    'lost-datagram': passes(({ random }) =>
      fault('lost-datagram', {
        answer: hasPassword && random.integer(2) === 1 ? 'authentication' : 'invitation',
        times: 1,
      }),
    ),
    'refuses-password': hasPassword ? stays(() => fault('refuses-password')) : passes(() => fault('refuses-password')),
    'no-connect-back': stays(() => fault('no-connect-back')),
    'bit-flip': passes(({ random, sizeBytes }) => fault('bit-flip', { byte: random.integer(sizeBytes) })),
    'no-final-ok': passes(() => fault('no-final-ok'), !namesImage),
    'error-text': passes(() => fault('error-text', { text: 'ERROR[1]: Flash Write Failed' })),
    liar: stays(() => fault('liar')),
    'bad-self-check': stays(() => fault('bad-self-check')),
    rollback: stays(({ random }) => fault('rollback', { ms: 1 + random.integer(60) })),
    'wrong-chip': stays(() => fault('wrong-chip')),
    'other-device-after-reboot': stays(() => fault('other-device-after-reboot')),
    'hostile-name': stays(() => fault('hostile-name')),
  }
}

interface Variant {
  readonly variant: string
  readonly namesImage: boolean
  readonly password: string | null
  /** Start options of the kind. */
  readonly device: object
}

function arduinoHarness({ variant, namesImage, password, device: start }: Variant): TransferHarness {
  // Long enough for a restart to be seen, short enough for a suite.
  const board = { rebootDelayMs: 10, bootMs: 40, confirmMs: 20, telemetry: namesImage, ...start }
  return {
    protocolId: 'arduino-ota',
    variant,
    // The virtual board answers HTTP on the TCP port of the same number.
    options: namesImage ? { telemetryUrl: ':/telemetry' } : {},
    ...(password === null ? {} : { secrets: { password } }),
    accept: ['other-project'],
    image: (sizeBytes = 40 * PIECE_BYTES, seed = 1) => demoImage(sizeBytes, seed),
    refused: [...wrongEspImages, ...(namesImage ? [otherChipImage] : [])],
    best: namesImage ? 'proven' : 'received',
    highestFact: namesImage ? 'running' : 'received',
    isRecognised: false,
    keepsParts: false,
    chunkCount: sizeBytes => Math.ceil(sizeBytes / PIECE_BYTES),
    boardAfterCancel: ['old-firmware'],
    breaks: {
      once: fault('cut', { chunk: BREAK_AT, at: 'in-body' }),
      always: fault('cut', { chunk: BREAK_AT, at: 'in-body', times: 0 }),
    },
    sweptBytes: 8 * PIECE_BYTES + 17,
    cuts(sizeBytes) {
      const count = this.chunkCount(sizeBytes)
      return Array.from({ length: count }, (_, chunk) => chunk).flatMap(chunk =>
        places.map((at): CutPoint => ({
          name: `a cut ${at} of piece ${String(chunk)}`,
          fault: fault('cut', { chunk, at }),
          mayEndUnknown: !namesImage && chunk === count - 1,
        })),
      )
    },
    faults: faultsOf(namesImage, password !== null),
    largeOptions: { ...board, slotBytes: LARGE_SLOT_BYTES },
    async device(bench, wish) {
      const device = await kindDevice(bench, 'arduino-ota', wish, board)
      if (!namesImage) return device
      return {
        ...device,
        swapBoard: () => {
          device.virtual.setFaults([fault('reboot', { chunk: BREAK_AT }), fault('other-device-after-reboot')])
        },
      }
    },
  }
}

export const arduinoOtaBoards: readonly TransferHarness[] = [
  arduinoHarness({
    variant: 'with a password',
    namesImage: false,
    password: 'secret',
    device: { auth: 'pbkdf2', password: 'secret' },
  }),
  arduinoHarness({
    variant: 'with telemetry',
    namesImage: true,
    password: null,
    device: { gluesEnd: true },
  }),
]
