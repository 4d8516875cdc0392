/** What a list of parts says, whichever tool wrote it, and the errors that both readers share. */
import { FlashproofError } from '../../../shared/errors.ts'

export interface PlannedPart {
  /** As the list names it, with `/`. */
  readonly path: string
  /** Flash address of its first byte. */
  readonly offset: number
}

/** What esptool would write into the bootloader's header; null where it leaves the header alone. */
export interface FlashSettings {
  readonly mode: string | null
  readonly frequency: string | null
  readonly size: string | null
}

export interface SetPlan {
  /** Of the table in `esp-image/chips.ts`; null where the list names none. */
  readonly chip: string | null
  readonly parts: readonly PlannedPart[]
  readonly settings: FlashSettings
  /** Paths of parts that the build means to be encrypted on their way into flash. */
  readonly encrypted: readonly string[]
  /** Which of several builds it is; null where there is one alone. */
  readonly variant: string | null
}

export const noSettings: FlashSettings = { mode: null, frequency: null, size: null }

/** More parts has no build; a partition table names at most 95 partitions. */
export const MOST_PARTS = 128
/** The largest flash that an image's header can name. */
export const LARGEST_FLASH_BYTES = 128 * 1024 * 1024

export function badSet(file: string, what: string, details: Readonly<Record<string, unknown>> = {}): FlashproofError {
  return new FlashproofError('format.bad-set', `${file}: ${what}`, { file, ...details })
}

/** @throws {FlashproofError} format.bad-set for a place outside every flash */
export function checkedOffset(file: string, path: string, offset: number): number {
  if (Number.isInteger(offset) && offset >= 0 && offset < LARGEST_FLASH_BYTES) return offset
  throw badSet(file, `“${path}” has the offset ${String(offset)}, which lies in no flash`, { part: path, offset })
}
