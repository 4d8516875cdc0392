/** Brings virtual STM32s in their own bootloader: pages erased with ERASE, pages and sectors with EXTENDED ERASE, wired resets. */
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { demoImage } from '../../fakes/bench.ts'
import { stm32Image } from '../../core/transfer/stm32-bridge/scripted-gateway.ts'
import { kindDevice } from './kind-device.ts'
import type { CutPoint, FaultDraw, FaultExpectation, TransferHarness } from './transfer-harness.ts'

const DEFAULT_BYTES = 12_000
const SWEPT_BYTES = 3000
const BLOCK_BYTES = 256
/** What the host sends for one block: command, address, length, data, sums. */
const WRITE_BYTES = 2 + 5 + 2 + BLOCK_BYTES
/** Before the first write: waking up, questions, the read of the last page, the erase. */
const PREPARATION_BYTES = 110

type Fault = NamedFault & Readonly<Record<string, string | number>>
const fault = (name: string, parameters: Readonly<Record<string, string | number>> = {}): Fault => ({
  name,
  ...parameters,
})
const passes = (draw: FaultExpectation['draw']): FaultExpectation => ({ kind: 'passes', draw })
const stays = (draw: FaultExpectation['draw']): FaultExpectation => ({ kind: 'stays', draw })

const hostBytes = (sizeBytes: number): number =>
  PREPARATION_BYTES + Math.ceil(sizeBytes / BLOCK_BYTES) * (WRITE_BYTES + 9)
const anyHostByte = ({ random, sizeBytes }: FaultDraw): number => random.integer(hostBytes(sizeBytes))
const anyWrite = ({ random, chunkCount }: FaultDraw): number => 1 + random.integer(chunkCount)
const commands = ['00', '02', '11', '21', '31', '43', '44'] as const

const faults: Readonly<Record<string, FaultExpectation>> = {
  cut: passes(from => fault('cut', { byte: anyHostByte(from), ms: 5 })),
  noise: passes(from => fault('noise', { byte: anyHostByte(from) })),
  'lost-byte': passes(from => fault('lost-byte', { byte: anyHostByte(from) })),
  'answer-noise': passes(({ random, sizeBytes }) => fault('answer-noise', { byte: random.integer(sizeBytes) })),
  'answer-lost': passes(({ random, sizeBytes }) => fault('answer-lost', { byte: random.integer(sizeBytes) })),
  split: passes(({ random }) => fault('split', { bytes: 1 + random.integer(40) })),
  slow: passes(({ random }) => fault('slow', { ms: random.integer(4) })),
  silent: passes(from => fault('silent', { byte: anyHostByte(from) })),
  nack: passes(({ random }) =>
    fault('nack', { command: commands[random.integer(commands.length)] ?? '31', at: 1 + random.integer(3) }),
  ),
  'write-protected': stays(({ random }) => fault('write-protected', { page: random.integer(10) })),
  'double-nack': passes(() => fault('double-nack')),
  'dropped-byte': passes(from => fault('dropped-byte', { write: anyWrite(from) })),
  'slow-erase': passes(({ random }) => fault('slow-erase', { ms: random.integer(300) })),
  'stuck-bit': stays(({ random, sizeBytes }) =>
    fault('stuck-bit', { address: 0x0800_0000 + random.integer(sizeBytes), bit: random.integer(8) }),
  ),
  busy: passes(({ random }) => fault('busy', { count: 1 + random.integer(4), ms: 1 })),
  reboot: passes(from => fault('reboot', { write: anyWrite(from) })),
  'other-chip': stays(() => fault('other-chip', { pid: '423' })),
}

function image(sizeBytes = DEFAULT_BYTES, seed = 1): Uint8Array {
  const bytes = stm32Image(sizeBytes)
  for (let at = 512; at < bytes.length - 1; at += 97) bytes[at] = (seed * 41 + at) & 0xff
  return bytes
}

/** Erased bytes at the end of an image cannot be told from those behind it. */
function withoutErasedEnd(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.findLastIndex(byte => byte !== 0xff) + 1)
}

function harness(variant: string, device: object, more: Partial<TransferHarness> = {}): TransferHarness {
  return {
    protocolId: 'stm32-serial',
    variant,
    options: {},
    image,
    asStored: withoutErasedEnd,
    refused: [{ name: 'an image for an Espressif chip', image: () => demoImage(), code: 'image.wrong-kind' }],
    best: 'proven',
    highestFact: 'stored',
    isRecognised: true,
    keepsParts: true,
    chunkCount: sizeBytes => Math.ceil(sizeBytes / BLOCK_BYTES),
    boardAfterCancel: ['old-firmware', 'not-bootable', 'unknown', 'new-firmware'],
    breaks: {
      // In the second block of the sixth page.
      once: fault('cut', { byte: PREPARATION_BYTES + 21 * WRITE_BYTES + 100, ms: 5 }),
      always: fault('cut', { byte: PREPARATION_BYTES + 21 * WRITE_BYTES + 100, ms: 5, times: 0 }),
    },
    sweptBytes: SWEPT_BYTES,
    cuts: sizeBytes => {
      const bytes = hostBytes(sizeBytes)
      return Array.from({ length: 40 }, (_, index): CutPoint => {
        const byte = Math.round(((index + 0.5) * bytes) / 40)
        return { name: `a cut after ${String(byte)} bytes`, fault: fault('cut', { byte, ms: 5 }) }
      })
    },
    faults,
    largestBytes: 512 * 1024,
    largeOptions: { product: 'f103-high', timeScale: 0 },
    device: (bench, wish) => kindDevice(bench, 'stm32-serial', wish, device),
    ...more,
  }
}

export const stm32Chips: readonly TransferHarness[] = [harness('with pages of 1 KiB', {})]
