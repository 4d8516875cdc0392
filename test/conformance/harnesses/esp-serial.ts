/**
 * Brings virtual ESP32 boards on serial ports: with the stub loader, with their ROM alone, and in Secure Download Mode; and
 * the board at FLASHPROOF_TEST_PORT where that is set.
 */
import { buildDemoFirmware } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { kindDevice } from './kind-device.ts'
import { otherChipImage, wrongEspImages } from './refused-images.ts'
import type { FaultDraw, FaultExpectation, RefusedImage, TransferHarness } from './transfer-harness.ts'

type Fault = NamedFault & Readonly<Record<string, string | number>>
const fault = (name: string, parameters: Readonly<Record<string, string | number>> = {}): Fault => ({
  name,
  ...parameters,
})
const passes = (draw: FaultExpectation['draw']): FaultExpectation => ({ kind: 'passes', draw })
const stays = (draw: FaultExpectation['draw']): FaultExpectation => ({ kind: 'stays', draw })

/** The board’s own app is of another one. */
const FIRST_SEED = 100
/** What the host sends before its first block: hello, who are you, and the stub. */
const HELLO_BYTES = 2500
const SLOT_0 = 0x1_0000
const SLOT_1 = 0x15_0000
/** Where most partition tables for 4 MiB keep files: what is written there is nothing that a board starts from. */
const FILES = 0x29_0000

const noPlace: RefusedImage = {
  name: 'bytes that do not say where they belong',
  image: () => Buffer.alloc(8192, 0x5c),
  code: 'image.address-needed',
}

/** An offset in what the host sends, behind its hello. */
const inHost = ({ random, sizeBytes }: FaultDraw): number => HELLO_BYTES + random.integer(sizeBytes)

interface Variant {
  readonly variant: string
  readonly blockBytes: number
  readonly options: TransferHarness['options']
  /** Start options of the kind. */
  readonly device: object
  readonly chip: string
  /** Where the app goes. */
  readonly slotAt: number
  readonly defaultBytes: number
  readonly best: TransferHarness['best']
  readonly hasMd5: boolean
  readonly boardAfterCancel: TransferHarness['boardAfterCancel']
  /** Bytes of the host after which the board is known and nothing is written. */
  readonly swapAt: number
}

/** Without a hash of flash nothing is kept, and what noise did to a block is seen by its checksum alone. */
function faultsOf({ slotAt, hasMd5 }: Variant): Readonly<Record<string, FaultExpectation>> {
  return {
    cut: passes(draw => fault('cut', { byte: inHost(draw) })),
    noise: passes(draw => fault('noise', { byte: inHost(draw) })),
    'lost-byte': passes(draw => fault('lost-byte', { byte: inHost(draw) })),
    'answer-noise': passes(({ random }) => fault('answer-noise', { byte: 500 + random.integer(500) })),
    'answer-lost': passes(({ random }) => fault('answer-lost', { byte: 500 + random.integer(500) })),
    split: passes(({ random }) => fault('split', { bytes: 100 + random.integer(4000) })),
    slow: passes(() => fault('slow', { ms: 1 })),
    silent: passes(draw => fault('silent', { byte: inHost(draw) })),
    'lost-frame': passes(() => fault('lost-frame', { op: '03' })),
    'split-frames': passes(({ random }) => fault('split-frames', { pieces: 2 + random.integer(4) })),
    'bad-status': passes(() => fault('bad-status', { op: '03', error: '07' })),
    'wrong-checksum-answer': passes(() => fault('wrong-checksum-answer')),
    'md5-mismatch': hasMd5 ? passes(() => fault('md5-mismatch')) : stays(() => fault('md5-mismatch')),
    'stuck-sector': stays(({ random, sizeBytes }) =>
      fault('stuck-sector', { offset: slotAt + random.integer(sizeBytes) }),
    ),
    'reset-mid-write': passes(({ random, chunkCount }) =>
      fault('reset-mid-write', { block: random.integer(chunkCount) }),
    ),
    'no-stub': stays(() => fault('no-stub')),
    'baud-limit': passes(() => fault('baud-limit', { baud: 230_400 })),
    'slow-erase': passes(() => fault('slow-erase', { factor: 2 })),
    rollback: stays(() => fault('rollback')),
    panics: stays(() => fault('panics')),
    // From the first reset on: nobody changes boards while the last one is being reset. `swapBoard` does it in between.
    'other-board': stays(() => fault('other-board', { after: 0 })),
    'no-boot-log': hasMd5 ? passes(() => fault('no-boot-log')) : stays(() => fault('no-boot-log')),
  }
}

/**
 * @param port such as `serial:/dev/ttyUSB0`; `/dev/ttyUSB0` alone is a port of this computer
 * @returns what a real board can be held to: its files are written over, and its program stays
 */
export function portUnderTest(port: string): TransferHarness {
  const withStub = espHarness({
    variant: 'bytes at an address',
    blockBytes: 0x4000,
    // The tests write the same bytes again and again: each is to send them.
    options: { address: `0x${FILES.toString(16)}`, mode: 'raw', skipUnchanged: false },
    device: {},
    chip: 'ESP32',
    slotAt: FILES,
    defaultBytes: 21 * 0x4000,
    best: 'proven',
    hasMd5: true,
    // Its program stays; whether it gets on with half of its files, nobody can tell.
    boardAfterCancel: ['old-firmware', 'unknown'],
    swapAt: 4000,
  })
  return {
    ...withStub,
    image: (sizeBytes = 21 * 0x4000, seed = 1) =>
      Uint8Array.from({ length: sizeBytes }, (_, index) => (Math.imul(index + seed, 2654435761) >>> 24) & 0xff),
    refused: [],
    highestFact: 'stored',
    cuts: () => [],
    faults: {},
    device: () =>
      Promise.resolve({
        target: /^[a-z0-9]+:/.test(port) ? port : `serial:${port}`,
        stored: () => undefined,
        activeImage: () => undefined,
        leftovers: () => undefined,
        dataRequests: () => undefined,
      }),
  }
}

function espHarness(variant: Variant): TransferHarness {
  const { blockBytes, options, chip, best, hasMd5 } = variant
  const midway = HELLO_BYTES + 8 * blockBytes
  return {
    protocolId: 'esp-serial',
    variant: variant.variant,
    options,
    accept: ['other-project'],
    image: (sizeBytes = variant.defaultBytes, seed = 1) =>
      buildDemoFirmware({ sizeBytes, version: `2.1.${String(seed)}`, seed: FIRST_SEED + seed, chip }),
    refused: [
      ...wrongEspImages.filter(({ code }) => chip === 'ESP32' && code === 'image.corrupt'),
      otherChipImage,
      ...(options['address'] === undefined ? [noPlace] : []),
    ],
    best,
    highestFact: 'running',
    isRecognised: true,
    keepsParts: hasMd5,
    // A sector that is not whole is sent again, and the block that was lost.
    mostRepeated: 4096 / Math.min(4096, blockBytes) + 1,
    chunkCount: sizeBytes => Math.ceil(sizeBytes / blockBytes) + 1,
    boardAfterCancel: variant.boardAfterCancel,
    breaks: {
      once: fault('cut', { byte: midway + 40_000 }),
      always: fault('cut', { byte: midway + 40_000, times: 0 }),
    },
    sweptBytes: 4 * blockBytes + 17,
    cuts: sizeBytes =>
      Array.from({ length: 16 }, (_, index) => {
        const byte = HELLO_BYTES + Math.round((index * (sizeBytes + 8000)) / 15)
        return { name: `a cut after ${String(byte)} bytes`, fault: fault('cut', { byte }) }
      }),
    faults: faultsOf(variant),
    // Its slot holds no more.
    largestBytes: 0x14_0000 - 4096,
    largeOptions: { timeScale: 0, bootMs: 0, confirmMs: 0, ...variant.device },
    async device(bench, wish) {
      const device = await kindDevice(bench, 'esp-serial', wish, variant.device)
      // In Secure Download Mode a board does not say who it is.
      if (!hasMd5) return device
      return {
        ...device,
        swapBoard: () => {
          device.virtual.setFaults([fault('cut', { byte: variant.swapAt }), fault('other-board', { after: 1 })])
        },
      }
    },
  }
}

export const espSerialBoards: readonly TransferHarness[] = [
  espHarness({
    variant: 'with the stub',
    blockBytes: 0x4000,
    options: {},
    device: {},
    chip: 'ESP32',
    slotAt: SLOT_1,
    defaultBytes: 21 * 0x4000,
    best: 'proven',
    hasMd5: true,
    boardAfterCancel: ['old-firmware'],
    swapAt: 4000,
  }),
  espHarness({
    variant: 'with the ROM alone',
    blockBytes: 0x400,
    options: { useStub: false, address: '0x10000' },
    device: {},
    chip: 'ESP32',
    slotAt: SLOT_0,
    defaultBytes: 64 * 0x400,
    best: 'proven',
    hasMd5: true,
    boardAfterCancel: ['not-bootable'],
    swapAt: 1500,
  }),
  espHarness({
    variant: 'in Secure Download Mode',
    blockBytes: 0x400,
    options: { address: '0x10000' },
    device: { isSecureDownload: true, chip: 'ESP32-S3' },
    chip: 'ESP32-S3',
    slotAt: SLOT_0,
    defaultBytes: 64 * 0x400,
    best: 'running',
    hasMd5: false,
    boardAfterCancel: ['not-bootable'],
    swapAt: 1500,
  }),
]
