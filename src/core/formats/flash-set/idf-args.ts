/** ESP-IDF's `flasher_args.json`: what `idf.py flash` writes where. Source: ESP-IDF, components/esptool_py. */
import { z } from 'zod'
import { normaliseChipName } from '../esp-image/chips.ts'
import { badSet, checkedOffset, MOST_PARTS, type FlashSettings, type SetPlan } from './plan.ts'

const FlasherArgs = z.object({
  flash_files: z.record(z.string(), z.string()),
  flash_settings: z
    .object({ flash_mode: z.string(), flash_size: z.string(), flash_freq: z.string() })
    .partial()
    .optional(),
  extra_esptool_args: z.object({ chip: z.string().optional() }).optional(),
})
const NamedPart = z.object({ file: z.string(), encrypted: z.union([z.string(), z.boolean()]).optional() })

/** Words by which esptool leaves the header as it is. */
const UNCHANGED = ['keep', 'detect']

/** @throws {FlashproofError} format.bad-set with the place in the list */
export function readFlasherArgs(file: string, json: unknown): SetPlan {
  const parsed = FlasherArgs.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const place = issue?.path.join('.') ?? ''
    throw badSet(file, `“${place}” is not as ESP-IDF writes it`, { field: place })
  }
  const { flash_files: files, flash_settings: settings = {}, extra_esptool_args: extra } = parsed.data
  const parts = Object.entries(files).map(([offset, path]) => {
    const isNumber = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(offset)
    return { path, offset: checkedOffset(file, path, isNumber ? Number(offset) : Number.NaN) }
  })
  if (parts.length === 0) throw badSet(file, '“flash_files” names no part', { field: 'flash_files' })
  if (parts.length > MOST_PARTS) throw badSet(file, `“flash_files” names ${String(parts.length)} parts`)
  return {
    chip: chipOf(file, extra?.chip),
    parts,
    settings: {
      mode: settingOf(settings.flash_mode),
      frequency: settingOf(settings.flash_freq),
      size: settingOf(settings.flash_size),
    },
    encrypted: encryptedParts(json),
    variant: null,
  }
}

function chipOf(file: string, name: string | undefined): string | null {
  // `auto` lets esptool ask the chip.
  if (name === undefined || name === 'auto') return null
  const chip = normaliseChipName(name)
  if (chip !== null) return chip
  throw badSet(file, `it is for the chip “${name}”, which is not known here`, { chip: name })
}

function settingOf(text: string | undefined): FlashSettings['mode'] {
  return text === undefined || UNCHANGED.includes(text) ? null : text
}

/** Beside `flash_files` every part stands once more by its name, with what shall be done to it. */
function encryptedParts(json: unknown): string[] {
  const entries = typeof json === 'object' && json !== null ? Object.values(json) : []
  return entries.flatMap(entry => {
    const part = NamedPart.safeParse(entry)
    return part.success && String(part.data.encrypted) === 'true' ? [part.data.file] : []
  })
}
