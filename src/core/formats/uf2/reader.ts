/** Reads a UF2 file into an image: the blocks of one family, in any order, with their MD5 records checked. */
import { createHash } from 'node:crypto'
import type { Finding } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import { ImageBuilder } from '../../image/image-builder.ts'
import type { MemoryImage } from '../../image/memory-image.ts'
import { normaliseChipName } from '../esp-image/chips.ts'
import { assertNotAborted } from '../file-source.ts'
import type { FirmwareSource, ReadOptions, ReadResult } from '../firmware-format.ts'
import { chooseVariant } from '../variants.ts'
import { BLOCK_BYTES, blockError, BlockFlag, Uf2Block, type RegionMd5 } from './block.ts'
import { nameFamily, shortFamilyName } from './families.ts'
import { BlockRuns } from './runs.ts'

const BLOCKS_A_STEP = 2048

/**
 * Reads the blocks for the main flash of one family: the only one, or the one that `variant` names, by name or number.
 * @throws {FlashproofError} format.malformed-record, format.count-mismatch, format.bad-checksum,
 * format.variant-needed, format.unknown-variant, format.unsupported, format.no-data, image.overlap, image.address-range, call.aborted
 */
export function readUf2(source: FirmwareSource, options: ReadOptions): ReadResult {
  assertWholeBlocks(source)
  const survey = surveyBlocks(source, options)
  const familyId = chooseFamily(source.fileName, survey.families, options.variant)
  const builder = new ImageBuilder(source.sizeBytes, source.fileName)
  const regions = new Map<string, RegionMd5[]>()
  let unreadableMd5Records = 0
  forEachBlock(source, options, (block, index) => {
    if (!block.isForMainFlash || block.familyId !== familyId) return
    builder.add(block.address, block.payload)
    const [first] = block.regionCandidates
    if (first === undefined) return
    if (first.address === block.address && first.sizeBytes === block.payload.length) {
      assertPayloadMd5(source.fileName, block, index, first)
    } else if (!addRegion(regions, block.regionCandidates)) unreadableMd5Records++
  })
  if (builder.dataLength === 0) throw noData(source.fileName)
  const image = finishImage(builder, source, familyId)
  const uncheckedRegions = checkRegions(source.fileName, image, regions)
  return {
    image,
    startAddress: null,
    findings: [...describeSurvey(survey, familyId), ...describeMd5(unreadableMd5Records, uncheckedRegions)],
  }
}

interface Survey {
  /** Blocks for the main flash, by family. */
  readonly families: ReadonlyMap<number | null, number>
  readonly skippedBlocks: number
  readonly containerBlocks: number
  readonly repeatedBlocks: number
}

function assertWholeBlocks(source: FirmwareSource): void {
  const rest = source.sizeBytes % BLOCK_BYTES
  if (rest === 0) return
  const index = Math.floor(source.sizeBytes / BLOCK_BYTES)
  throw blockError(
    'format.malformed-record',
    source.fileName,
    index,
    `the file ends after ${String(rest)} of its 512 bytes; it is cut off, get it again`,
    { foundBytes: rest, expectedBytes: BLOCK_BYTES },
  )
}

function surveyBlocks(source: FirmwareSource, options: ReadOptions): Survey {
  const families = new Map<number | null, number>()
  const runs = new BlockRuns(source.fileName)
  let skippedBlocks = 0
  let containerBlocks = 0
  forEachBlock(source, { ...(options.signal === undefined ? {} : { signal: options.signal }) }, (block, index) => {
    runs.add(block, index)
    if (block.has(BlockFlag.notMainFlash)) skippedBlocks++
    else if (block.has(BlockFlag.fileContainer)) containerBlocks++
    else families.set(block.familyId, (families.get(block.familyId) ?? 0) + 1)
  })
  runs.assertComplete()
  return { families, skippedBlocks, containerBlocks, repeatedBlocks: runs.repeatedBlocks }
}

function chooseFamily(file: string, families: Survey['families'], wanted: string | undefined): number | null {
  const found = [...families.keys()]
  if (found.length === 0) throw noData(file)
  const named = found.filter(familyId => familyId !== null)
  const byNumber = named.find(familyId => wanted !== undefined && Number(wanted) === familyId)
  if (byNumber !== undefined) return byNumber
  // Blocks without a family are for any chip.
  const isForAny = wanted !== undefined && families.has(null)
  if (isForAny && !named.some(familyId => isNamed(familyId, wanted))) return null
  return found[chooseVariant(file, found.map(shortNameOf), wanted)] ?? null
}

function isNamed(familyId: number, wanted: string): boolean {
  const name = shortFamilyName(familyId)
  return name.toLowerCase() === wanted.trim().toLowerCase() || name === normaliseChipName(wanted)
}

function noData(file: string): FlashproofError {
  return new FlashproofError('format.no-data', `${file} has no data for the main flash`, { file })
}

/** Makes the image; an overlap error gets the two blocks by reading the file once more. */
function finishImage(builder: ImageBuilder, source: FirmwareSource, familyId: number | null): MemoryImage {
  try {
    return builder.finish().image
  } catch (error) {
    const address = error instanceof FlashproofError && error.code === 'image.overlap' ? error.details['address'] : null
    if (typeof address !== 'number') throw error
    const found: { index: number; value: number }[] = []
    forEachBlock(source, {}, (block, index) => {
      const value = block.payload[address - block.address]
      if (block.isForMainFlash && block.familyId === familyId && value !== undefined) found.push({ index, value })
    })
    const [first, ...others] = found
    const second = others.find(({ value }) => value !== first?.value)
    if (first === undefined || second === undefined) throw error
    throw blockError(
      'image.overlap',
      source.fileName,
      second.index,
      `${formatAddress(address)} gets another byte than in block ${String(first.index)}`,
      { address, firstBlock: first.index, firstValue: first.value, secondValue: second.value },
    )
  }
}

function shortNameOf(familyId: number | null): string {
  return familyId === null ? 'no named family' : shortFamilyName(familyId)
}

function nameOf(familyId: number | null): string {
  return familyId === null ? 'no named family' : nameFamily(familyId)
}

function forEachBlock(
  source: FirmwareSource,
  options: Pick<ReadOptions, 'onProgress' | 'signal'>,
  visit: (block: Uf2Block, index: number) => void,
): void {
  const buffer = new Uint8Array(BLOCKS_A_STEP * BLOCK_BYTES)
  for (let offset = 0; offset < source.sizeBytes;) {
    assertNotAborted(options.signal)
    const length = readFully(source, buffer, offset)
    for (let at = 0; at + BLOCK_BYTES <= length; at += BLOCK_BYTES) {
      const index = (offset + at) / BLOCK_BYTES
      visit(new Uf2Block(buffer.subarray(at, at + BLOCK_BYTES), index, source.fileName), index)
    }
    if (length < BLOCK_BYTES) return
    offset += length
    options.onProgress?.(offset, source.sizeBytes)
  }
}

/** A source may give less than was asked for; whole blocks are wanted. */
function readFully(source: FirmwareSource, buffer: Uint8Array, offset: number): number {
  let length = 0
  while (length < buffer.length) {
    const count = source.read(buffer.subarray(length), offset + length)
    if (count === 0) break
    length += count
  }
  return length
}

/** esptool's form: the MD5 of this block's own payload. */
function assertPayloadMd5(file: string, block: Uf2Block, index: number, expected: RegionMd5): void {
  const foundMd5 = createHash('md5').update(block.payload).digest('hex')
  if (foundMd5 === expected.md5) return
  throw blockError(
    'format.bad-checksum',
    file,
    index,
    `the MD5 of its ${String(block.payload.length)} bytes for ${formatAddress(block.address)} is not the one that it carries`,
    { address: block.address, expectedChecksum: expected.md5, foundChecksum: foundMd5 },
  )
}

/** Keeps the places that make sense as a region; false where none does. */
function addRegion(regions: Map<string, RegionMd5[]>, candidates: readonly RegionMd5[]): boolean {
  const sensible = candidates.filter(({ address, sizeBytes }) => sizeBytes > 0 && address + sizeBytes <= 0x1_0000_0000)
  if (sensible.length === 0) return false
  regions.set(
    sensible.map(({ address, sizeBytes, md5 }) => `${String(address)}+${String(sizeBytes)}:${md5}`).join(),
    sensible,
  )
  return true
}

/** Compares the regions that the image covers whole; returns how many it does not. */
function checkRegions(file: string, image: MemoryImage, regions: ReadonlyMap<string, readonly RegionMd5[]>): number {
  let uncheckedRegions = 0
  for (const candidates of regions.values()) {
    const covered = candidates.flatMap(region => {
      const bytes = bytesOf(image, region)
      return bytes === null ? [] : [{ region, foundMd5: createHash('md5').update(bytes).digest('hex') }]
    })
    const [first] = covered
    if (first === undefined) uncheckedRegions++
    else if (!covered.some(({ region, foundMd5 }) => region.md5 === foundMd5)) {
      const { address, sizeBytes, md5 } = first.region
      throw new FlashproofError(
        'format.bad-checksum',
        `${file}: the MD5 of the ${String(sizeBytes)} bytes at ${formatAddress(address)} is not the one that the file carries`,
        { file, address, sizeBytes, expectedChecksum: md5, foundChecksum: first.foundMd5 },
      )
    }
  }
  return uncheckedRegions
}

function bytesOf(image: MemoryImage, { address, sizeBytes }: RegionMd5): Uint8Array | null {
  const segment = image.segmentAt(address)
  if (segment === undefined) return null
  const start = address - segment.address
  return start + sizeBytes <= segment.bytes.length ? segment.bytes.subarray(start, start + sizeBytes) : null
}

function describeSurvey(survey: Survey, familyId: number | null): Finding[] {
  const findings: Finding[] = []
  const add = (severity: Finding['severity'], code: string, text: string): void => {
    findings.push({ severity, code, text })
  }
  if (familyId === null) add('warning', 'no-family', 'the blocks do not say for which chip they are')
  else add('info', 'uf2-family', `the blocks are for ${nameFamily(familyId)}`)
  for (const [otherId, blocks] of survey.families) {
    if (otherId !== familyId)
      add('info', 'other-family', `${String(blocks)} blocks for ${nameOf(otherId)} were left out`)
  }
  if (survey.skippedBlocks > 0) {
    add('info', 'not-main-flash', `${String(survey.skippedBlocks)} blocks are not for the main flash and were left out`)
  }
  if (survey.containerBlocks > 0) {
    add('warning', 'file-container', `${String(survey.containerBlocks)} blocks hold files, no flash, and were left out`)
  }
  if (survey.repeatedBlocks > 0) add('info', 'repeated-blocks', `${String(survey.repeatedBlocks)} blocks come twice`)
  return findings
}

function describeMd5(unreadableRecords: number, uncheckedRegions: number): Finding[] {
  const findings: Finding[] = []
  if (unreadableRecords > 0) {
    const text = `${String(unreadableRecords)} blocks announce an MD5 that makes no sense; it was not checked`
    findings.push({ severity: 'warning', code: 'md5-unreadable', text })
  }
  if (uncheckedRegions > 0) {
    const text = `the MD5 of ${String(uncheckedRegions)} regions covers more than this file holds; it was not checked`
    findings.push({ severity: 'info', code: 'md5-not-covered', text })
  }
  return findings
}
