/** Brings virtual bootloaders that receive by YMODEM and XMODEM. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { demoImage } from '../../fakes/bench.ts'
import { kindDevice } from './kind-device.ts'
import type { CutPoint, FaultDraw, FaultExpectation, TransferHarness } from './transfer-harness.ts'

const BLOCK_BYTES = 1024
const FRAME_BYTES = BLOCK_BYTES + 5
const HEADER_BYTES = 133
const SWEPT_BYTES = 6000

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

const hostBytes = (sizeBytes: number): number => HEADER_BYTES + Math.ceil(sizeBytes / BLOCK_BYTES) * FRAME_BYTES
const anyHostByte = ({ random, sizeBytes }: FaultDraw): number => random.integer(hostBytes(sizeBytes))
const anyBlock = ({ random, chunkCount }: FaultDraw): number => 1 + random.integer(chunkCount)

const faults: Readonly<Record<string, FaultExpectation>> = {
  cut: passes(from => fault('cut', { byte: anyHostByte(from), ms: 5 }), true),
  noise: passes(from => fault('noise', { byte: anyHostByte(from) }), true),
  'lost-byte': passes(from => fault('lost-byte', { byte: anyHostByte(from) }), true),
  'answer-noise': passes(({ random, chunkCount }) => fault('answer-noise', { byte: random.integer(chunkCount) }), true),
  'answer-lost': passes(({ random, chunkCount }) => fault('answer-lost', { byte: random.integer(chunkCount) }), true),
  split: passes(({ random }) => fault('split', { bytes: 1 + random.integer(40) })),
  slow: passes(({ random }) => fault('slow', { ms: random.integer(4) })),
  silent: passes(from => fault('silent', { byte: anyHostByte(from) }), true),
  'nak-block': passes(from => fault('nak-block', { n: anyBlock(from) })),
  'can-at': passes(from => fault('can-at', { n: anyBlock(from) })),
  'lost-ack': passes(from => fault('lost-ack', { n: anyBlock(from) })),
  reboot: passes(from => fault('reboot', { n: anyBlock(from) })),
  'bad-final': stays(() => fault('bad-final')),
  liar: stays(() => fault('liar')),
}

function harness(variant: string, device: object, more: Partial<TransferHarness> = {}): TransferHarness {
  return {
    protocolId: 'ymodem',
    variant,
    options: { waitSeconds: 8 },
    image: (sizeBytes = 24 * BLOCK_BYTES, seed = 1) => demoImage(sizeBytes, seed),
    refused: [],
    best: 'acknowledged',
    highestFact: 'acknowledged',
    isRecognised: true,
    keepsParts: false,
    chunkCount: sizeBytes => Math.ceil(sizeBytes / BLOCK_BYTES),
    boardAfterCancel: ['old-firmware', 'unknown'],
    breaks: {
      once: fault('cut', { byte: HEADER_BYTES + 9 * FRAME_BYTES + 500, ms: 5 }),
      always: fault('cut', { byte: HEADER_BYTES + 9 * FRAME_BYTES + 500, ms: 5, times: 0 }),
    },
    sweptBytes: SWEPT_BYTES,
    cuts: sizeBytes => {
      const bytes = hostBytes(sizeBytes)
      return Array.from({ length: 24 }, (_, index): CutPoint => {
        const byte = Math.round(((index + 0.5) * bytes) / 24)
        return { name: `a cut after ${String(byte)} bytes`, fault: fault('cut', { byte, ms: 5 }), mayEndUnknown: true }
      })
    },
    faults,
    largestBytes: 1024 * 1024,
    largeOptions: device,
    device: (bench, wish) => kindDevice(bench, 'ymodem', wish, device),
    ...more,
  }
}

export const ymodemBootloaders: readonly TransferHarness[] = [
  harness('blocks of 1 KiB', {}),
  harness(
    'XMODEM with a checksum',
    { protocol: 'xmodem', hasChecksum: true },
    {
      // A lone refusal is no request that a look could tell.
      isRecognised: false,
      options: { waitSeconds: 8, variant: 'xmodem', successText: '/program\\w* ok/i' },
      highestFact: 'received',
      chunkCount: sizeBytes => Math.ceil(sizeBytes / 128),
      sweptBytes: 2000,
    },
  ),
]
