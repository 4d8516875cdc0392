/** Converts a firmware file to another format; the output appears whole or not at all. */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ConversionResult } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { assertKnownDecisions } from '../accepted-decisions.ts'
import { ADDRESS_LIMIT, DEFAULT_FILL_BYTE, type MemoryImage } from '../image/memory-image.ts'
import { assertNotAborted, openFirmwareFile, PROGRESS_STEP_BYTES } from './file-source.ts'
import type { FirmwareFormat } from './firmware-format.ts'
import {
  assertTakesVariant,
  extensionOf,
  findFormat,
  firmwareFormats,
  formatDecisions,
  recogniseFormat,
} from './index.ts'
import { writeFileWhole, type OutputOperations } from './output-file.ts'

export interface ConvertOptions {
  readonly inputPath: string
  readonly outputPath: string
  /** A format's id or extension, such as `bin`, `hex`, `srec`; by the output's extension where not given. */
  readonly to?: string | undefined
  /**
   * For a flat output: its first address, `lowest` (the default) for the image's lowest. For a raw input: the address of
   * its first byte, 0 where not given.
   */
  readonly base?: number | 'lowest' | undefined
  /** What gaps of a flat output hold; 0xFF where not given. */
  readonly fillByte?: number | undefined
  /** Codes of warnings that a person accepts, such as `missing-end` or `not-firmware`. */
  readonly accept?: readonly string[] | undefined
  /** See `ReadOptions`. */
  readonly variant?: string | undefined
  /** Bytes of the input that were used; all of them only once the output is in place. At most about once a MiB. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** Replaced by tests. */
  readonly outputOperations?: OutputOperations | undefined
}

/**
 * Converts in the calling thread, without pausing: large files belong in a worker thread. The signal is looked at
 * whenever progress would be reported.
 * @throws {FlashproofError} file.*, format.*, image.*, usage.invalid-value, call.aborted; the old output is then unchanged
 */
export function convertFile(options: ConvertOptions): ConversionResult {
  const { inputPath, outputPath } = options
  assertNumber('fill', options.fillByte, 0xff)
  if (options.base !== 'lowest') assertNumber('base', options.base, ADDRESS_LIMIT - 1)
  const accept = options.accept ?? []
  assertKnownDecisions(accept, formatDecisions)
  const input = openFirmwareFile(inputPath)
  try {
    assertDifferentFiles(inputPath, outputPath)
    const toFormat = chooseOutputFormat(options)
    const fromFormat = recogniseFormat(input, { accept })
    assertTakesVariant(fromFormat, input.fileName, options.variant)
    const base = options.base === 'lowest' ? undefined : options.base
    if (base !== undefined && fromFormat.isAddressed && toFormat.isAddressed) {
      throw invalidValue('base', `${fromFormat.label.en} and ${toFormat.label.en} both carry their own addresses`)
    }
    const { onProgress, signal } = options
    const { image, startAddress, findings } = fromFormat.read(input, {
      accept,
      ...(base === undefined ? {} : { baseAddress: base }),
      ...(options.variant === undefined ? {} : { variant: options.variant }),
      ...(signal === undefined ? {} : { signal }),
      onProgress(doneBytes, totalBytes) {
        if (doneBytes < totalBytes) onProgress?.(doneBytes, totalBytes)
      },
    })
    const fillByte = options.fillByte ?? DEFAULT_FILL_BYTE
    const placed = withFile(inputPath, () => placeImage(image, toFormat, base))
    const written = writeImage(options, toFormat, image, { ...placed, fillByte, startAddress })
    onProgress?.(input.sizeBytes, input.sizeBytes)
    const warnings = findings.filter(({ severity }) => severity !== 'info').map(({ text }) => text)
    if (!fromFormat.isAddressed && toFormat.isAddressed && base === undefined) {
      warnings.push(
        'the input has no addresses: its first byte was put at 0x00000000; state the base to put it elsewhere',
      )
    }
    return {
      inputPath,
      outputPath,
      fromFormat: fromFormat.id,
      toFormat: toFormat.id,
      baseAddress: placed.baseAddress,
      dataBytes: image.dataBytes,
      outputBytes: written.outputBytes,
      filledBytes: placed.filledBytes,
      fillByte,
      outputSha256: written.sha256,
      warnings,
    }
  } finally {
    input.close()
  }
}

/** Where the output begins and how much of it is filler; refuses what cannot be written flat before a file is made. */
function placeImage(
  image: MemoryImage,
  toFormat: FirmwareFormat,
  base: number | undefined,
): { baseAddress: number; filledBytes: number } {
  if (toFormat.isAddressed) return { baseAddress: image.lowestAddress ?? 0, filledBytes: 0 }
  const { baseAddress, filledBytes } = image.measureFlat(base)
  return { baseAddress, filledBytes }
}

/** Adds the file to an error that knows only the image. */
function withFile<Result>(file: string, action: () => Result): Result {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof FlashproofError)) throw error
    throw new FlashproofError(error.code, `${file}: ${error.message}`, { file, ...error.details }, { cause: error })
  }
}

function writeImage(
  options: ConvertOptions,
  format: FirmwareFormat,
  image: MemoryImage,
  writeOptions: { baseAddress: number; fillByte: number; startAddress: number | null },
): { outputBytes: number; sha256: string } {
  const hash = createHash('sha256')
  let outputBytes = 0
  let checkedBytes = 0
  writeFileWhole(
    options.outputPath,
    sink => {
      format.write?.(image, writeOptions, piece => {
        hash.update(piece)
        sink(piece)
        outputBytes += piece.length
        if (outputBytes - checkedBytes < PROGRESS_STEP_BYTES) return
        checkedBytes = outputBytes
        assertNotAborted(options.signal)
      })
    },
    options.outputOperations,
  )
  return { outputBytes, sha256: hash.digest('hex') }
}

function chooseOutputFormat(options: ConvertOptions): FirmwareFormat {
  const name = options.to ?? extensionOf(options.outputPath)
  const format = findFormat(name)
  if (format?.write !== undefined) return format
  const writable = firmwareFormats.filter(candidate => candidate.write !== undefined)
  const known = writable.map(({ extensions }) => extensions[0] ?? '')
  const problem = format === undefined ? `“${name}” names no format` : `${format.label.en} cannot be written`
  throw invalidValue('to', `${problem}; use one of ${known.join(', ')}`, { given: name, known })
}

function assertDifferentFiles(inputPath: string, outputPath: string): void {
  const input = statSync(inputPath, { bigint: true, throwIfNoEntry: false })
  const output = statSync(outputPath, { bigint: true, throwIfNoEntry: false })
  const isOneFile = output !== undefined && input?.ino === output.ino && input.dev === output.dev
  if (resolve(inputPath) !== resolve(outputPath) && !isOneFile) return
  throw invalidValue('output', 'input and output are the same file; give the output another name', { file: outputPath })
}

function assertNumber(name: string, value: number | undefined, maximum: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= maximum)) return
  throw invalidValue(name, `it is ${String(value)}, it must be a whole number from 0 to ${String(maximum)}`)
}

function invalidValue(argument: string, message: string, details: Record<string, unknown> = {}): FlashproofError {
  return new FlashproofError('usage.invalid-value', `${argument}: ${message}`, { argument, ...details })
}
