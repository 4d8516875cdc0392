/** Says everything about a firmware file that can be known without a device. */
import type { Finding, Inspection } from '../../shared/contract/models.ts'
import { hasErrorCode } from '../../shared/errors.ts'
import { formatAddress } from '../../shared/units.ts'
import { hashFlat } from '../image/digest.ts'
import type { MemoryImage } from '../image/memory-image.ts'
import { checkVectorTable, findLooseVectorTable, STM32_FLASH_START } from '../image/vector-table.ts'
import { describeEspFile } from './esp-image/describe-file.ts'
import { hashSource, openFirmwareFile } from './file-source.ts'
import type { FirmwareFormat, FirmwareSource, ReadResult } from './firmware-format.ts'
import { assertTakesVariant, extensionOf, firmwareFormats, recogniseFormat } from './index.ts'

/** The largest flash that an ESP image's header can name. */
const LARGEST_ESP_FLASH_BYTES = 128 * 1024 * 1024

export interface InspectOptions {
  /** Bytes of work done and in all: the source is read and hashed, the image is hashed. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
  /** Codes of warnings that a person accepted; see `ReadOptions`. */
  readonly accept?: readonly string[]
  /** See `ReadOptions`. */
  readonly variant?: string
}

export interface InspectedImage {
  readonly inspection: Inspection
  readonly image: MemoryImage
  readonly format: FirmwareFormat
}

/**
 * Inspects a file.
 * @throws {FlashproofError} file.*, format.*, image.*, call.aborted
 */
export function inspectFile(path: string, options: InspectOptions = {}): Inspection {
  const source = openFirmwareFile(path)
  try {
    return inspectSource(source, options).inspection
  } finally {
    source.close()
  }
}

/**
 * Inspects a source and keeps the image that was read for it.
 * @throws {FlashproofError} format.*, image.*, call.aborted
 */
export function inspectSource(source: FirmwareSource, options: InspectOptions = {}): InspectedImage {
  const format = recogniseFormat(source, options.accept === undefined ? {} : { accept: options.accept })
  assertTakesVariant(format, source.fileName, options.variant)
  // Reading, hashing the source, hashing the image: about the same work each.
  const totalBytes = source.sizeBytes * 3
  const report = (phase: number) => (doneBytes: number, phaseBytes: number) => {
    const share = phaseBytes === 0 ? 1 : doneBytes / phaseBytes
    options.onProgress?.(Math.round((phase + share) * source.sizeBytes), totalBytes)
  }
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const result = format.read(source, { ...readOptionsOf(options), ...signal, onProgress: report(0) })
  const sourceSha256 = hashSource(source, { ...signal, onProgress: report(1) })
  const findings = [...findNameMismatch(source.fileName, format), ...result.findings]
  const flat = hashImage(result.image, { ...signal, onProgress: report(2) }, findings)
  const stm32 = format.isAddressed ? checkAddressed(result.image, findings) : checkLoose(result, findings)
  options.onProgress?.(totalBytes, totalBytes)
  const inspection: Inspection = {
    fileName: source.fileName,
    sourceBytes: source.sizeBytes,
    sourceSha256,
    format: format.id,
    formatLabel: format.label.en,
    baseAddress: format.isAddressed ? result.image.lowestAddress : null,
    startAddress: result.startAddress,
    dataBytes: result.image.dataBytes,
    imageBytes: flat?.sizeBytes ?? null,
    imageSha256: flat?.sha256 ?? null,
    segments: result.image.segments.map(({ address, bytes }) => ({ address, sizeBytes: bytes.length })),
    gapBytes: result.image.gapBytes,
    esp: result.esp ?? (format.isAddressed ? describeFlashOffsets(result.image, findings) : null),
    stm32,
    findings,
  }
  return { inspection, image: result.image, format }
}

function readOptionsOf({ accept, variant }: InspectOptions): Pick<InspectOptions, 'accept' | 'variant'> {
  return { ...(accept === undefined ? {} : { accept }), ...(variant === undefined ? {} : { variant }) }
}

/** A name that promises another format: the content decides, but the file may be another one than was meant. */
function findNameMismatch(fileName: string, format: FirmwareFormat): Finding[] {
  const extension = extensionOf(fileName)
  const promised = firmwareFormats.filter(({ extensions }) => extensions.includes(extension))
  if (promised.length === 0 || promised.includes(format)) return []
  const text = `the name ends in .${extension} like another format, the content is ${format.label.en}; the content counts`
  return [{ severity: 'info', code: 'name-says-otherwise', text }]
}

/** Hashes the flat form; null with a finding where a flat file would be refused. */
function hashImage(
  image: MemoryImage,
  options: Pick<InspectOptions, 'onProgress' | 'signal'>,
  findings: Finding[],
): { sizeBytes: number; sha256: string } | null {
  try {
    const { sizeBytes } = image.measureFlat()
    return { sizeBytes, sha256: hashFlat(image, 'sha256', options) }
  } catch (error) {
    if (!hasErrorCode(error, 'image.gap-too-large')) throw error
    const text = `${error.message}: it can be written only by protocols that take addresses`
    findings.push({ severity: 'warning', code: 'gap-too-large', text })
    return null
  }
}

/**
 * Describes what an ESP chip would find when the image's addresses are offsets into its flash, as in UF2 files and in
 * merged images that were written as text.
 */
function describeFlashOffsets(image: MemoryImage, findings: Finding[]): Inspection['esp'] {
  const end = image.endAddress
  if (end === null || end > LARGEST_ESP_FLASH_BYTES) return null
  try {
    const description = describeEspFile(image.flatten().bytes)
    if (description === null) return null
    findings.push(...description.findings)
    return description.esp
  } catch (error) {
    // Parts too far apart for one run of bytes are not described.
    if (hasErrorCode(error, 'image.gap-too-large')) return null
    throw error
  }
}

/** Checks the vector table of an image whose addresses say that it is for an STM32. */
function checkAddressed(image: MemoryImage, findings: Finding[]): Inspection['stm32'] {
  const vectors = checkVectorTable(image)
  const base = image.lowestAddress
  if (vectors === null || base === null) return null
  if (base !== STM32_FLASH_START) {
    const text = `the image begins at ${formatAddress(base)}, not at the start of flash ${formatAddress(STM32_FLASH_START)}: it needs the bootloader before it, and a flat upload needs its base stated`
    findings.push({ severity: 'info', code: 'not-at-flash-start', text })
  }
  if (!vectors.isPlausible) {
    const text = `the first words (stack pointer ${formatAddress(vectors.stackPointer)}, reset vector ${formatAddress(vectors.resetVector)}) make no sense for an STM32: it would not start from ${formatAddress(base)}`
    findings.push({ severity: 'warning', code: 'implausible-vectors', text })
  }
  return vectors
}

/** Looks for an STM32 image among bytes without addresses. */
function checkLoose(result: ReadResult, findings: Finding[]): Inspection['stm32'] {
  const bytes = result.image.segments[0]?.bytes
  const table = result.esp === undefined && bytes !== undefined ? findLooseVectorTable(bytes) : null
  if (table === null) return null
  const { lowestBase, highestBase } = table
  const where =
    lowestBase === highestBase || highestBase < STM32_FLASH_START + 0x400
      ? `most likely for ${formatAddress(lowestBase)}`
      : `for a base from ${formatAddress(lowestBase)} to ${formatAddress(highestBase)}`
  const text = `this looks like an STM32 image without addresses, ${where}; the file does not say its base, so state it`
  findings.push({ severity: 'info', code: 'base-not-known', text })
  return table.vectors
}
