/** Reads an ARM ELF file into an image: what its loadable segments put into flash, and nothing of the file around it. */
import type { Finding } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import { MemoryImage, type Segment } from '../../image/memory-image.ts'
import { assertNotAborted } from '../file-source.ts'
import type { FirmwareSource, ReadOptions, ReadResult } from '../firmware-format.ts'
import {
  ElfMachine,
  ElfType,
  HEADER_BYTES,
  otherMachineNames,
  readAllocatedSections,
  readElfHeader,
  readLoadSegments,
  readPart,
  type AllocatedSection,
  type ElfHeader,
  type LoadSegment,
} from './structure.ts'

/** RAM of a Cortex-M: bytes that a loader would put here are not in flash. */
const CORTEX_RAM_START = 0x2000_0000
const CORTEX_RAM_END = 0x4000_0000
const MAX_PARTS = 4096
/** Segments may share a few bytes of the file, such as its header. */
const MAX_CLAIM_RATIO = 4

/**
 * Reads the flash contents: address = the segment's load address (p_paddr), bytes = those of the file.
 * @throws {FlashproofError} image.wrong-kind for ESP, object and core files, format.unsupported for other machines,
 * 64-bit and big-endian, format.no-data without a loadable segment, image.corrupt for a cut file, image.overlap
 */
export function readElf(source: FirmwareSource, options: ReadOptions): ReadResult {
  const header = readElfHeader(source)
  assertMachine(source.fileName, header)
  assertLinked(source.fileName, header)
  const findings: Finding[] = []
  const loads = withLoadAddresses(readLoadSegments(source, header), findings)
  assertSensible(source, loads, load => load.fileBytes)
  const sections = readAllocatedSections(source, header)
  if (sections !== null) assertSensible(source, sections, section => section.sizeBytes)
  const pieces: Segment[] = []
  let doneBytes = 0
  for (const load of loads) {
    const parts = sections === null ? withoutHeaders(load, header) : sectionsOf(load, sections)
    if (parts.length === 0) findings.push(droppedFinding(load))
    for (const { fileOffset, fileBytes, physicalAddress } of parts) {
      assertNotAborted(options.signal)
      const view = readPart(source, fileOffset, fileBytes, `the part for ${formatAddress(physicalAddress)}`)
      pieces.push({ address: physicalAddress, bytes: new Uint8Array(view.buffer) })
      doneBytes += fileBytes
      options.onProgress?.(Math.min(doneBytes, source.sizeBytes), source.sizeBytes)
    }
  }
  if (pieces.length === 0) {
    const file = source.fileName
    throw new FlashproofError(
      'format.no-data',
      `${file} has no segment that goes into flash; choose the linked ELF file`,
      {
        file,
      },
    )
  }
  findings.push(...pieces.filter(isInRam).map(ramFinding))
  return { image: joinPieces(source.fileName, pieces), startAddress: header.entryAddress, findings }
}

/** Linked programs have a few parts, each with its own bytes of the file; anything else is broken or hostile. */
function assertSensible<Part>(source: FirmwareSource, parts: readonly Part[], bytesOf: (part: Part) => number): void {
  const claimedBytes = parts.reduce((sum, part) => sum + bytesOf(part), 0)
  if (parts.length <= MAX_PARTS && claimedBytes <= MAX_CLAIM_RATIO * source.sizeBytes) return
  throw new FlashproofError(
    'format.malformed-record',
    `${source.fileName}: its ${String(parts.length)} parts claim ${String(claimedBytes)} bytes of a file of ${String(source.sizeBytes)}`,
    { file: source.fileName, parts: parts.length, claimedBytes, sizeBytes: source.sizeBytes },
  )
}

/** Builds the image; its errors get the file's name. */
function joinPieces(file: string, pieces: readonly Segment[]): MemoryImage {
  try {
    return MemoryImage.fromPieces(pieces)
  } catch (error) {
    if (!(error instanceof FlashproofError)) throw error
    throw new FlashproofError(error.code, `${file}: ${error.message}`, { file, ...error.details }, { cause: error })
  }
}

function assertMachine(file: string, { machine }: ElfHeader): void {
  switch (machine) {
    case ElfMachine.arm:
      return
    case ElfMachine.xtensa:
    case ElfMachine.riscV: {
      const name = machine === ElfMachine.xtensa ? 'Xtensa' : 'RISC-V'
      throw new FlashproofError(
        'image.wrong-kind',
        `${file} is an ELF file for ${name}, as the ESP build makes it: the chip does not start it, ` +
          'it wants segments padded to its flash pages, a header and a checksum. Use the .bin beside it, which “esptool elf2image” made',
        { file, machine, machineName: name },
      )
    }
    default: {
      const name = otherMachineNames[machine] ?? `machine ${String(machine)}`
      throw new FlashproofError(
        'format.unsupported',
        `${file} is an ELF file for ${name}, no program for a chip that is known here (ARM). Choose the firmware's file`,
        { file, machine },
      )
    }
  }
}

function assertLinked(file: string, { type }: ElfHeader): void {
  const kinds: Readonly<Record<number, string>> = {
    [ElfType.relocatable]: 'an object file that was not linked yet',
    [ElfType.shared]: 'a shared library or a position-independent program',
    [ElfType.core]: 'a memory dump of a crash',
  }
  if (type === ElfType.executable) return
  const kind = kinds[type] ?? `an ELF file of type ${String(type)}`
  throw new FlashproofError(
    'image.wrong-kind',
    `${file} is ${kind}; choose the linked ELF file, the .hex or the .bin`,
    {
      file,
      elfType: type,
    },
  )
}

/** Some linkers leave every load address 0; then the program runs where it lies. */
function withLoadAddresses(loads: readonly LoadSegment[], findings: Finding[]): readonly LoadSegment[] {
  const hasNone = loads.every(({ physicalAddress }) => physicalAddress === 0)
  if (!hasNone || loads.every(({ virtualAddress }) => virtualAddress === 0)) return loads
  findings.push({
    severity: 'warning',
    code: 'no-load-addresses',
    text: 'the file names no load addresses; the addresses at which the program runs were taken',
  })
  return loads.map(load => ({ ...load, physicalAddress: load.virtualAddress }))
}

/**
 * The sections of a segment, each where the segment puts it. What lies between them in the file is no firmware: GNU ld
 * lets the first segment begin with the ELF header when the memory page is larger than the offset of the flash.
 */
function sectionsOf(load: LoadSegment, sections: readonly AllocatedSection[]): readonly LoadSegment[] {
  const loadEnd = load.fileOffset + load.fileBytes
  return sections
    .filter(({ fileOffset, sizeBytes }) => fileOffset >= load.fileOffset && fileOffset + sizeBytes <= loadEnd)
    .map(({ fileOffset, sizeBytes }) => {
      const skipped = fileOffset - load.fileOffset
      return {
        fileOffset,
        fileBytes: sizeBytes,
        virtualAddress: load.virtualAddress + skipped,
        physicalAddress: load.physicalAddress + skipped,
      }
    })
}

/** Without section headers: a segment that holds the file's own header holds no firmware that could be told from it. */
function withoutHeaders(load: LoadSegment, header: ElfHeader): readonly LoadSegment[] {
  const programHeadersEnd = header.programHeadersAt + header.programHeaderBytes * header.programHeaderCount
  return load.fileOffset < Math.max(HEADER_BYTES, programHeadersEnd) ? [] : [load]
}

function droppedFinding(load: LoadSegment): Finding {
  const text = `${String(load.fileBytes)} bytes for ${formatAddress(load.physicalAddress)} are the ELF file's own header, no firmware, and were left out`
  return { severity: 'info', code: 'elf-header-segment', text }
}

function isInRam({ address }: Segment): boolean {
  return address >= CORTEX_RAM_START && address < CORTEX_RAM_END
}

function ramFinding({ address, bytes }: Segment): Finding {
  const text = `${String(bytes.length)} bytes load into RAM at ${formatAddress(address)}, which cannot be flashed`
  return { severity: 'warning', code: 'ram-data', text }
}
