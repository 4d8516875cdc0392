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
const MAX_LOAD_SEGMENTS = 256

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
  assertSensible(source, loads)
  const sections = readAllocatedSections(source, header)
  const pieces: Segment[] = []
  let doneBytes = 0
  for (const load of loads) {
    assertNotAborted(options.signal)
    const part = sections === null ? withoutHeaders(load, header) : withoutFileOverhead(load, sections)
    if (part === null) {
      findings.push(droppedFinding(load))
      continue
    }
    const view = readPart(
      source,
      part.fileOffset,
      part.fileBytes,
      `the segment for ${formatAddress(part.physicalAddress)}`,
    )
    pieces.push({ address: part.physicalAddress, bytes: new Uint8Array(view.buffer) })
    doneBytes += part.fileBytes
    options.onProgress?.(Math.min(doneBytes, source.sizeBytes), source.sizeBytes)
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

/** Linked programs have a few segments, each with its own bytes of the file; anything else is broken or hostile. */
function assertSensible(source: FirmwareSource, loads: readonly LoadSegment[]): void {
  const sumBytes = loads.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
  if (loads.length <= MAX_LOAD_SEGMENTS && sumBytes <= source.sizeBytes) return
  throw new FlashproofError(
    'format.malformed-record',
    `${source.fileName}: its ${String(loads.length)} segments claim ${String(sumBytes)} bytes of a file of ${String(source.sizeBytes)}`,
    { file: source.fileName, segments: loads.length, claimedBytes: sumBytes, sizeBytes: source.sizeBytes },
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
 * Cuts a segment to the sections in it. GNU ld lets the first segment begin with the ELF header when the memory page
 * is larger than the offset of the flash; those bytes belong to the file, not into flash.
 */
function withoutFileOverhead(load: LoadSegment, sections: readonly AllocatedSection[]): LoadSegment | null {
  const loadEnd = load.fileOffset + load.fileBytes
  let start = loadEnd
  let end = load.fileOffset
  for (const { fileOffset, sizeBytes } of sections) {
    if (fileOffset < load.fileOffset || fileOffset + sizeBytes > loadEnd) continue
    start = Math.min(start, fileOffset)
    end = Math.max(end, fileOffset + sizeBytes)
  }
  if (start >= end) return null
  const skipped = start - load.fileOffset
  return {
    fileOffset: start,
    fileBytes: end - start,
    virtualAddress: load.virtualAddress + skipped,
    physicalAddress: load.physicalAddress + skipped,
  }
}

/** Without section headers: a segment that holds the file's own header holds no firmware that could be told from it. */
function withoutHeaders(load: LoadSegment, header: ElfHeader): LoadSegment | null {
  const headersEnd = Math.max(
    HEADER_BYTES,
    header.programHeadersAt + header.programHeaderBytes * header.programHeaderCount,
  )
  return load.fileOffset < headersEnd ? null : load
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
