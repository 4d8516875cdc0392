/** Brings virtual gateways with a virtual STM32 behind them: as the seed's, and with the status that is proposed for one. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { demoImage } from '../../fakes/bench.ts'
import { stm32Image } from '../../core/transfer/stm32-bridge/scripted-gateway.ts'
import { kindDevice } from './kind-device.ts'
import type { CutPoint, FaultExpectation, TransferHarness } from './transfer-harness.ts'

const DEFAULT_BYTES = 12_000
const GROUP_BYTES = 8
const LARGEST_BYTES = 2 * 1024 * 1024
/** The upload is the one request that carries the image; the order to write the STM32 is the completion. */
const UPLOAD = 0

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

/** At the upload it passes; at the order to write the STM32 the answer may be lost for good. */
const pointOf = (from: { readonly random: { integer(below: number): number } }): number | 'complete' =>
  from.random.integer(3) > 0 ? UPLOAD : 'complete'

const groupOf = ({
  random,
  sizeBytes,
}: {
  readonly random: { integer(below: number): number }
  readonly sizeBytes: number
}): number => random.integer(Math.floor(sizeBytes / GROUP_BYTES))

const faults: Readonly<Record<string, FaultExpectation>> = {
  slow: passes(({ random }) =>
    fault('slow', { ms: random.integer(10), bytesPerSecond: random.integer(2) * 2_000_000 }),
  ),
  cut: passes(from => {
    const chunk = pointOf(from)
    const places =
      chunk === 'complete' ? ['before-request', 'after-process'] : ['before-request', 'in-body', 'after-process']
    return fault('cut', { chunk, at: places[from.random.integer(places.length)] ?? 'after-process' })
  }, true),
  'drop-reply': passes(from => fault('drop-reply', { chunk: pointOf(from), every: 1 }), true),
  'reset-at-byte': passes(({ random, sizeBytes }) => fault('reset-at-byte', { byte: random.integer(sizeBytes) }), true),
  'no-answer': passes(from => fault('no-answer', { chunk: pointOf(from) }), true),
  reboot: passes(() => fault('reboot', { chunk: UPLOAD })),
  'error-500': stays(from => fault('error-500', { chunk: pointOf(from) })),
  'html-instead-of-json': stays(from => fault('html-instead-of-json', { chunk: pointOf(from) })),
  'stm32-absent': stays(() => fault('stm32-absent')),
  'length-refused': stays(() => fault('length-refused')),
  'length-timeout': stays(() => fault('length-timeout')),
  'checksum-timeout': stays(() => fault('checksum-timeout')),
  'no-ack': stays(from => fault('no-ack', { group: groupOf(from) })),
  'uart-corrupt': stays(({ random, sizeBytes }) => fault('uart-corrupt', { byte: random.integer(sizeBytes) })),
  'checksum-blind': stays(({ random, sizeBytes }) => fault('checksum-blind', { byte: random.integer(sizeBytes / 2) })),
  'gateway-reboot': stays(from => fault('gateway-reboot', { group: groupOf(from) })),
  'wifi-loss': stays(from => fault('wifi-loss', { group: groupOf(from) })),
  'truncated-upload': stays(({ random, sizeBytes }) =>
    fault('truncated-upload', { bytes: 1 + random.integer(sizeBytes - 1) }),
  ),
  'other-device-after-reboot': stays(() => fault('other-device-after-reboot')),
  'hostile-name': passes(() => fault('hostile-name')),
}

const cuts: readonly CutPoint[] = [
  ...['before-request', 'in-body', 'after-process'].map(at => ({
    name: `a cut ${at} of the upload`,
    fault: fault('cut', { chunk: UPLOAD, at }),
  })),
  ...['before-request', 'after-process'].map(at => ({
    name: `a cut ${at} of the order to write`,
    fault: fault('cut', { chunk: 'complete', at }),
    mayEndUnknown: true,
  })),
  ...[1, 700, 4000].map(byte => ({
    name: `a reset at byte ${String(byte)}`,
    fault: fault('reset-at-byte', { byte }),
  })),
]

function image(sizeBytes = DEFAULT_BYTES, seed = 1): Uint8Array {
  const bytes = stm32Image(sizeBytes)
  for (let at = 512; at < bytes.length - 1; at += 97) bytes[at] = (seed * 41 + at) & 0xff
  return bytes
}

function withLiteral(): Uint8Array {
  const bytes = image()
  bytes.set(Buffer.from('------WebKitFormBoundary'), 3000)
  return bytes
}

function harness(variant: 'of the seed' | 'with a status'): TransferHarness {
  const hasStatus = variant === 'with a status'
  return {
    protocolId: 'stm32-bridge',
    variant,
    options: { stm32: 'STM32F103C8' },
    fileName: 'motor.bin',
    image,
    asStored: bytes => {
      const padded = new Uint8Array(Math.ceil(bytes.length / GROUP_BYTES) * GROUP_BYTES).fill(0xff)
      padded.set(bytes)
      return padded
    },
    refused: [
      { name: 'an image for an Espressif chip', image: () => demoImage(), code: 'image.wrong-kind' },
      { name: 'an image with a boundary inside', image: withLiteral, code: 'image.not-transferable' },
      { name: 'an image that the gateway cannot hold', image: () => image(150_000), code: 'image.too-large' },
    ],
    best: 'acknowledged',
    highestFact: 'acknowledged',
    isRecognised: hasStatus,
    keepsParts: false,
    chunkCount: () => 1,
    boardAfterCancel: ['old-firmware', 'unknown'],
    breaks: {
      once: fault('cut', { chunk: UPLOAD, at: 'in-body' }),
      always: fault('cut', { chunk: UPLOAD, at: 'in-body', times: 0 }),
    },
    sweptBytes: 5000,
    cuts: () => cuts,
    faults,
    // No STM32 that is programmed so has more flash, and the option for it ends there.
    largestBytes: LARGEST_BYTES,
    largeOptions: { hasPsram: true, stm32FlashBytes: LARGEST_BYTES, timeScale: 0, status: hasStatus },
    largeImageOptions: { maximumBytes: LARGEST_BYTES },
    async device(bench, wish) {
      const times = { rebootDelayMs: 0, bootMs: 10, confirmMs: 0, timeScale: 0 }
      const device = await kindDevice(bench, 'stm32-bridge', wish, { ...times, status: hasStatus })
      // What the gateway keeps of an upload stays there until the next one: it has no route that removes it.
      return { ...device, leftovers: () => undefined }
    },
  }
}

export const stm32Gateways: readonly TransferHarness[] = [harness('of the seed'), harness('with a status')]
