/** The station's settings: one small file in the home that a person may edit; what is missing has its default. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { FlashproofError } from '../../shared/errors.ts'

const DAY_MS = 24 * 60 * 60_000
const days = z.number().min(1).max(36_500)

const Settings = z.strictObject({
  retention: z
    .strictObject({
      /** Telemetry and log lines of older records are removed; the records themselves stay. */
      detailDays: days.default(365),
      /** When a journal is larger than this, the details of its oldest records go first. */
      journalMiB: z.number().min(16).max(1_000_000).default(2048),
      /** Images that no open job needs are kept this long after their last use. */
      imageDays: days.default(90),
    })
    .prefault({}),
})

export interface StationSettings {
  readonly detailAgeMs: number
  readonly journalBytes: number
  readonly imageAgeMs: number
}

/**
 * Reads `settings.json` of the home.
 * @throws {FlashproofError} settings.invalid with the field, when the file is there and says nonsense
 */
export function readSettings(home: string): StationSettings {
  const path = join(home, 'settings.json')
  const parsed = Settings.safeParse(readJson(path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new FlashproofError('settings.invalid', `${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, {
      file: path,
      field: issue?.path.join('.'),
    })
  }
  const { detailDays, journalMiB, imageDays } = parsed.data.retention
  return { detailAgeMs: detailDays * DAY_MS, journalBytes: journalMiB * 1024 * 1024, imageAgeMs: imageDays * DAY_MS }
}

function readJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return {}
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FlashproofError('settings.invalid', `${path} is no JSON`, { file: path }, { cause })
  }
}
