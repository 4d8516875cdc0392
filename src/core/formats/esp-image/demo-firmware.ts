/** Makes application images of any size for demonstrations and tests: valid in every check, the same for the same seed. */
import { createHash } from 'node:crypto'
import { APP_DESCRIPTOR_BYTES } from './app-descriptor.ts'
import { buildEspImage, type SegmentToBuild } from './build-image.ts'
import { chipByName } from './chips.ts'
import { HEADER_BYTES, SEGMENT_HEADER_BYTES } from './image-header.ts'

export interface DemoFirmware {
  /** Length of the file; rounded up to a multiple of 16, at least 1 KiB. */
  readonly sizeBytes: number
  readonly version: string
  /** Any whole number; another seed gives other bytes. */
  readonly seed: number
  /** A name of the chip table; ESP32 where not given. */
  readonly chip?: string
  /** `thermostat` where not given, as the virtual boards run. */
  readonly projectName?: string
}

const MINIMUM_BYTES = 1024
const PAGE_BYTES = 0x10000
/** Mapped data begins this far into a page, because the image's header comes before it in the file. */
const PAGE_SHIFT = HEADER_BYTES + SEGMENT_HEADER_BYTES
/** Bytes loaded into RAM that stand between mapped data and code, as a linked program has them. */
const RAM_BYTES = 0x400
/** Checksum, its alignment, and the SHA-256. */
const TAIL_BYTES = 36

/**
 * Builds an application of exactly `sizeBytes` (rounded up to 16) whose contents are pseudo-random.
 * @throws {RangeError} for a chip that is not in the table, or more than 20 MiB
 */
export function buildDemoFirmware(wanted: DemoFirmware): Uint8Array {
  const chip = chipByName(wanted.chip ?? 'ESP32')
  const mapped = chip?.flashMapped
  const dataBase = mapped?.[0]?.[0]
  if (chip === undefined || mapped === undefined || dataBase === undefined) {
    throw new RangeError(`there is no chip ${String(wanted.chip)}`)
  }
  const sizeBytes = Math.max(MINIMUM_BYTES, Math.ceil(wanted.sizeBytes / 16) * 16)
  const random = randomBytes(wanted.seed)
  const [ramStart] = chip.ram
  const segments: SegmentToBuild[] = []
  const dataPages = Math.floor(sizeBytes / PAGE_BYTES / 4)
  const segmentsEnd = sizeBytes - TAIL_BYTES
  if (dataPages === 0) {
    const dataBytes = segmentsEnd - PAGE_SHIFT - SEGMENT_HEADER_BYTES - RAM_BYTES / 4
    segments.push({ address: dataBase + PAGE_SHIFT, bytes: random(dataBytes - APP_DESCRIPTOR_BYTES) })
    segments.push({ address: ramStart, bytes: random(RAM_BYTES / 4) })
  } else {
    // Data up to shortly before a page edge, RAM contents across it, then code at the place that its page wants.
    const codeAt = dataPages * PAGE_BYTES + PAGE_SHIFT
    const ramAt = codeAt - SEGMENT_HEADER_BYTES - RAM_BYTES
    const dataBytes = ramAt - SEGMENT_HEADER_BYTES - PAGE_SHIFT
    const codeBase = mapped[1]?.[0] ?? dataBase + dataPages * PAGE_BYTES
    segments.push({ address: dataBase + PAGE_SHIFT, bytes: random(dataBytes - APP_DESCRIPTOR_BYTES) })
    segments.push({ address: ramStart, bytes: random(RAM_BYTES) })
    segments.push({ address: codeBase + PAGE_SHIFT, bytes: random(segmentsEnd - codeAt) })
  }
  return buildEspImage({
    chip: chip.name,
    segments,
    entryAddress: ramStart,
    app: {
      projectName: wanted.projectName ?? 'thermostat',
      version: wanted.version,
      idfVersion: 'v5.4',
      buildDate: 'Jan  1 2026',
      buildTime: '00:00:00',
      elfSha256: createHash('sha256')
        .update(`${chip.name} ${wanted.version} ${String(sizeBytes)} ${String(wanted.seed)}`)
        .digest('hex'),
    },
  })
}

/** A stream of pseudo-random bytes (mulberry32), the same for the same seed on every machine. */
export function randomBytes(seed: number): (count: number) => Uint8Array {
  let state = seed >>> 0
  return count => {
    const words = new Uint32Array(Math.ceil(count / 4))
    for (let index = 0; index < words.length; index++) {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      words[index] = (mixed ^ (mixed >>> 14)) >>> 0
    }
    return new Uint8Array(words.buffer, 0, count)
  }
}
