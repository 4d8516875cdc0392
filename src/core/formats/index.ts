/** THE LIST of firmware file formats, and the choice among them by a file's content. */
import { extname } from 'node:path'
import { FlashproofError } from '../../shared/errors.ts'
import { elf } from './elf.ts'
import { espImage } from './esp-image.ts'
import type { FirmwareFormat, FirmwareSource } from './firmware-format.ts'
import { flashSet } from './flash-set.ts'
import { intelHex } from './intel-hex.ts'
import { ACCEPT_NOT_FIRMWARE, describeNotFirmware, type NotFirmware } from './not-firmware.ts'
import { rawBinary } from './raw-binary.ts'
import { sRecord } from './s-record.ts'
import { uf2 } from './uf2.ts'

/** Every format, the surest to recognise first; raw binary stays last because it takes any bytes. */
export const firmwareFormats: readonly FirmwareFormat[] = [espImage, elf, uf2, flashSet, sRecord, intelHex, rawBinary]

/** Every code that can be accepted when a file is read. */
export const formatDecisions: readonly string[] = [
  ...new Set([ACCEPT_NOT_FIRMWARE, ...firmwareFormats.flatMap(format => format.decisions ?? [])]),
]

/**
 * Says which format a file has: content first, its name's extension only among equals. Never falls back to raw binary
 * for a file whose name promises addresses (`.hex` with other content), because its bytes would land at a wrong place.
 * @throws {FlashproofError} format.not-firmware, format.unknown
 */
export function recogniseFormat(source: FirmwareSource, options: { accept?: readonly string[] } = {}): FirmwareFormat {
  const claimed = formatsForExtension(extensionOf(source.fileName))
  const answers = firmwareFormats.map(format => ({ format, answer: format.recognise(source) }))
  const preferClaimed = (formats: readonly FirmwareFormat[]): FirmwareFormat | undefined =>
    formats.find(format => claimed.includes(format)) ?? formats[0]

  const sure = preferClaimed(answers.filter(({ answer }) => answer === 'yes').map(({ format }) => format))
  if (sure !== undefined) return sure
  const notFirmware = describeNotFirmware(source.head)
  const isRefused = notFirmware !== null && !(options.accept ?? []).includes(ACCEPT_NOT_FIRMWARE)
  const refuse = (found: NotFirmware): FlashproofError =>
    new FlashproofError('format.not-firmware', `${source.fileName}: ${found.text}`, {
      file: source.fileName,
      kind: found.kind,
      accept: ACCEPT_NOT_FIRMWARE,
    })
  if (isRefused && notFirmware.kind !== 'plain-text') throw refuse(notFirmware)
  const possible = answers.filter(({ answer }) => answer === 'maybe').map(({ format }) => format)
  // A text that may be records with a fault goes to its reader, which names the line.
  const addressed = preferClaimed(possible.filter(format => format.isAddressed))
  if (addressed !== undefined) return addressed
  if (isRefused) throw refuse(notFirmware)
  const promised = claimed.length > 0 && claimed.every(format => format.isAddressed) ? claimed[0] : undefined
  const fallback = preferClaimed(possible)
  if (promised !== undefined || fallback === undefined) {
    throw new FlashproofError(
      'format.unknown',
      promised === undefined
        ? `${source.fileName} has no format that is known here`
        : `${source.fileName} is named like ${promised.label.en}, but its content is something else`,
      { file: source.fileName, ...(promised === undefined ? {} : { promisedFormat: promised.id }) },
    )
  }
  return fallback
}

/** @throws {FlashproofError} format.unknown-variant where somebody wants one of a file that holds but one firmware */
export function assertTakesVariant(format: FirmwareFormat, fileName: string, variant: string | undefined): void {
  if (variant === undefined || format.hasVariants === true) return
  const text = `${fileName} (${format.label.en}) holds one firmware; “${variant}” cannot be chosen in it`
  throw new FlashproofError('format.unknown-variant', text, { file: fileName, wanted: variant, variants: [] })
}

/** Finds a format by its id or by one of its extensions (`bin`, `hex`, `srec`); undefined for an unknown name. */
export function findFormat(name: string): FirmwareFormat | undefined {
  const wanted = name.toLowerCase()
  return (
    firmwareFormats.find(format => format.id === wanted) ??
    // The plain format of an extension that several share is the one that can write it.
    formatsForExtension(wanted).find(format => format.write !== undefined) ??
    formatsForExtension(wanted)[0]
  )
}

/** A path's extension in lower case without the dot; empty where there is none. */
export function extensionOf(path: string): string {
  return extname(path).slice(1).toLowerCase()
}

function formatsForExtension(extension: string): readonly FirmwareFormat[] {
  return firmwareFormats.filter(format => format.extensions.includes(extension))
}
