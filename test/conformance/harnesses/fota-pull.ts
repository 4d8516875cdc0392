/** Brings virtual boards that pull their firmware from this computer: chunk by chunk with their key, and as one file. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { demoImage } from '../../fakes/bench.ts'
import { PSK } from '../../core/transfer/fota-pull/scripted-device.ts'
import { kindDevice } from './kind-device.ts'
import { wrongEspImages } from './refused-images.ts'
import type { CutPoint, FaultExpectation, TransferHarness } from './transfer-harness.ts'

const CHUNK_BYTES = 1024
const BREAK_AT = 9
const LARGE_SLOT_BYTES = 17 * 1024 * 1024

type Fault = NamedFault & Readonly<Record<string, string | number>>
const fault = (name: string, parameters: Readonly<Record<string, string | number>> = {}): Fault => ({
  name,
  ...parameters,
})
const passes = (draw: FaultExpectation['draw']): FaultExpectation => ({ kind: 'passes', draw })
const stays = (draw: FaultExpectation['draw']): FaultExpectation => ({ kind: 'stays', draw })

const places = ['before-request', 'in-body', 'after-process'] as const
const chunkOf = ({
  random,
  chunkCount,
}: {
  readonly random: { integer(below: number): number }
  readonly chunkCount: number
}): number => random.integer(chunkCount)

const faults: Readonly<Record<string, FaultExpectation>> = {
  slow: passes(({ random }) => fault('slow', { ms: random.integer(10) })),
  cut: passes(from =>
    fault('cut', { chunk: chunkOf(from), at: places[from.random.integer(places.length)] ?? 'in-body' }),
  ),
  'drop-reply': passes(from => fault('drop-reply', { chunk: chunkOf(from), every: 1 })),
  'reset-at-byte': passes(({ random, sizeBytes }) => fault('reset-at-byte', { byte: random.integer(sizeBytes) })),
  'no-answer': passes(from => fault('no-answer', { chunk: chunkOf(from) })),
  reboot: passes(from => fault('reboot', { chunk: chunkOf(from) })),
  'asks-beyond-end': passes(({ random }) => fault('asks-beyond-end', { count: 1 + random.integer(3) })),
  reorders: stays(from => fault('reorders', { chunk: chunkOf(from) })),
  repeats: stays(from =>
    fault('repeats', { chunk: chunkOf(from), writes: from.random.integer(2) === 0 ? 'once' : 'twice' }),
  ),
  stalls: stays(from => fault('stalls', { chunk: chunkOf(from) })),
  'never-asks': stays(() => fault('never-asks')),
  'no-status': stays(() => fault('no-status')),
  'wrong-psk': stays(() => fault('wrong-psk')),
  'other-device-id': stays(() => fault('other-device-id')),
  'mixed-version': stays(() => fault('mixed-version')),
  liar: stays(() => fault('liar')),
  'old-version': stays(() => fault('old-version')),
  'boot-loops': stays(({ random }) => fault('boot-loops', { boots: 1 + random.integer(3) })),
  'stores-garbage': stays(() => fault('stores-garbage')),
  'bad-self-check': stays(() => fault('bad-self-check')),
  rollback: stays(({ random }) => fault('rollback', { ms: 1 + random.integer(60) })),
  'other-device-after-reboot': stays(() => fault('other-device-after-reboot')),
  'hostile-name': stays(() => fault('hostile-name')),
}

const times = {
  flashSpeed: { eraseMsPerSector: 0, writeBytesPerSecond: 0, readBytesPerSecond: 0 },
  rebootDelayMs: 5,
  bootMs: 20,
  confirmMs: 20,
  pollMs: 15,
  retryMs: 5,
  timeoutMs: 400,
}

function cutsOf(chunkCount: number): readonly CutPoint[] {
  return Array.from({ length: chunkCount }, (_, chunk) => chunk).flatMap(chunk =>
    places.map(at => ({ name: `a cut ${at} of chunk ${String(chunk)}`, fault: fault('cut', { chunk, at }) })),
  )
}

function harness(wish: Partial<TransferHarness>, options: object = {}): TransferHarness {
  return {
    protocolId: 'fota-pull',
    options: { chunkBytes: CHUNK_BYTES },
    secrets: { psk: PSK },
    image: (sizeBytes = 40 * CHUNK_BYTES, seed = 1) => demoImage(sizeBytes, seed),
    refused: wrongEspImages,
    best: 'running',
    highestFact: 'running',
    isRecognised: true,
    // After it lost its server a device begins again.
    keepsParts: false,
    chunkCount: sizeBytes => Math.ceil(sizeBytes / CHUNK_BYTES),
    boardAfterCancel: ['old-firmware', 'unknown'],
    breaks: {
      once: fault('cut', { chunk: BREAK_AT, at: 'in-body' }),
      always: fault('cut', { chunk: BREAK_AT, at: 'in-body', times: 0 }),
    },
    sweptBytes: 5 * CHUNK_BYTES + 17,
    cuts: sizeBytes => cutsOf(Math.ceil(sizeBytes / CHUNK_BYTES)),
    faults,
    largeOptions: { ...times, ...options, slotBytes: LARGE_SLOT_BYTES, timeoutMs: 2000 },
    largeImageOptions: { chunkBytes: 16_384 },
    ...wish,
    async device(bench, deviceWish) {
      const device = await kindDevice(bench, 'fota-pull', deviceWish, { ...times, ...options })
      // An unfinished update lies in the inactive slot until the next one begins.
      return { ...device, leftovers: () => undefined }
    },
  }
}

export const pullingBoards: readonly TransferHarness[] = [
  harness({ variant: 'chunks with a key' }),
  harness({ variant: 'signatures bound, whole hash checked', options: { macMode: 'bound' } }, { checksHash: true }),
  harness(
    {
      variant: 'one file in ranges',
      options: { macMode: 'none' },
      secrets: {},
      best: 'sent',
      highestFact: 'sent',
      cuts: () => [],
      // Of such a device nothing is heard, so none of its faults may change more than that.
      faults: Object.fromEntries(Object.entries(faults).map(([name, { draw }]) => [name, stays(draw)])),
    },
    { style: 'range' },
  ),
]
