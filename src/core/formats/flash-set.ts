/** Lists of parts with their flash addresses: ESP-IDF's `flasher_args.json` and the `manifest.json` of ESP Web Tools. */
import { MemoryImage } from '../image/memory-image.ts'
import type { FirmwareFormat, FirmwareSource, ReadOptions, ReadResult } from './firmware-format.ts'
import { describeSet } from './flash-set/describe-set.ts'
import { readFlasherArgs } from './flash-set/idf-args.ts'
import { readParts } from './flash-set/parts.ts'
import { badSet, type SetPlan } from './flash-set/plan.ts'
import { readManifest } from './flash-set/web-manifest.ts'
import { readWholeSource } from './read-whole-source.ts'
import { chooseVariant } from './variants.ts'

export const flashSet: FirmwareFormat = {
  id: 'flash-set',
  label: { en: 'Flash set', vi: 'Bộ ảnh flash' },
  extensions: ['json'],
  isAddressed: true,
  hasVariants: true,
  recognise,
  read,
}

const LARGEST_LIST_BYTES = 1024 * 1024
const IDF_KEY = /"flash_files"\s*:/
const MANIFEST_KEY = /"builds"\s*:\s*\[/

function recognise({ head }: FirmwareSource): 'yes' | 'no' {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1')
  return /^(\xef\xbb\xbf)?\s*\{/.test(text) && (IDF_KEY.test(text) || MANIFEST_KEY.test(text)) ? 'yes' : 'no'
}

/**
 * Reads the list and every part beside it.
 * @throws {FlashproofError} format.bad-set, format.part-missing, format.variant-needed, format.unknown-variant,
 *   format.not-firmware, image.overlap, file.*, call.aborted
 */
function read(source: FirmwareSource, options: ReadOptions): ReadResult {
  const plan = readPlan(source, options)
  const parts = readParts(source, plan, options)
  const { esp, findings } = describeSet(plan, parts)
  const image = MemoryImage.fromPieces(parts.map(({ offset, bytes }) => ({ address: offset, bytes })))
  return { image, startAddress: null, findings, esp }
}

function readPlan(source: FirmwareSource, options: ReadOptions): SetPlan {
  const { fileName } = source
  if (source.sizeBytes > LARGEST_LIST_BYTES) throw badSet(fileName, 'it is too large for a list of parts')
  const text = new TextDecoder('utf-8', { ignoreBOM: false }).decode(readWholeSource(source, options))
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw badSet(fileName, `it is no whole JSON text (${cause instanceof Error ? cause.message : String(cause)})`)
  }
  const { variant } = options
  const isIdf = typeof json === 'object' && json !== null && Object.hasOwn(json, 'flash_files')
  if (!isIdf) return readManifest(fileName, json, variant)
  const plan = readFlasherArgs(fileName, json)
  if (variant !== undefined) chooseVariant(fileName, [plan.chip ?? 'no named chip'], variant)
  return plan
}
