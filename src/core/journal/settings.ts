/** The station's settings: one small file in the home that a person may edit; what is missing has its default. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Preferences } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'

const DAY_MS = 24 * 60 * 60_000
const fields = Preferences.shape

const Settings = z.strictObject({
  retention: z
    .strictObject({
      /** Telemetry and log lines of older records are removed; the records themselves stay. */
      detailDays: fields.detailDays.default(365),
      /** When a journal is larger than this, the details of its oldest records go first. */
      journalMiB: fields.journalMiB.default(2048),
      /** Images that no open job needs are kept this long after their last use. */
      imageDays: fields.imageDays.default(90),
    })
    .prefault({}),
  preferences: z
    .strictObject({
      language: fields.language.default('system'),
      theme: fields.theme.default('system'),
      stationName: fields.stationName.default(''),
      operator: fields.operator.default(''),
      order: fields.order.default(''),
      parallel: fields.parallel.default(32),
      /** Not given: as the retry policy says. */
      retries: fields.retries.optional(),
      require: fields.require.default('default'),
      tryFirst: fields.tryFirst.default(0),
      stopAfter: fields.stopAfter.default(0),
      isFirstRunDone: fields.isFirstRunDone.default(false),
    })
    .prefault({}),
})
type Settings = z.infer<typeof Settings>

export interface StationSettings {
  readonly detailAgeMs: number
  readonly journalBytes: number
  readonly imageAgeMs: number
}

/** What jobs take from the settings when they begin. */
export interface JobSettings {
  /** Empty: the computer's name. */
  readonly stationName: string
  /** How often a request is repeated; null: as the retry policy says. */
  readonly retries: number | null
}

const retentionFields = ['detailDays', 'journalMiB', 'imageDays'] as const

/**
 * Reads how long things are kept from `settings.json` of the home.
 * @throws {FlashproofError} settings.invalid with the field, when the file is there and says nonsense
 */
export function readSettings(home: string): StationSettings {
  const { detailDays, journalMiB, imageDays } = parse(home, readJson(home)).retention
  return { detailAgeMs: detailDays * DAY_MS, journalBytes: journalMiB * 1024 * 1024, imageAgeMs: imageDays * DAY_MS }
}

/** @throws {FlashproofError} settings.invalid with the field */
export function readJobSettings(home: string): JobSettings {
  const { stationName, retries } = parse(home, readJson(home)).preferences
  return { stationName, retries: retries ?? null }
}

/**
 * Reads everything that the settings view shows.
 * @param policyRetries how often a request is repeated where the file does not say
 * @throws {FlashproofError} settings.invalid with the field
 */
export function readPreferences(home: string, policyRetries: number): Preferences {
  return preferencesOf(parse(home, readJson(home)), policyRetries)
}

/**
 * Writes what is given and leaves the rest of the file as a person may have written it.
 * @throws {FlashproofError} settings.invalid when the file cannot be understood, so that nothing in it is lost;
 *   file.not-writable
 */
export function changePreferences(home: string, change: Partial<Preferences>, policyRetries: number): Preferences {
  const before = readJson(home)
  parse(home, before)
  const document: { retention?: object; preferences?: object } = { ...before }
  const entries = Object.entries(change)
  const isRetention = ([key]: [string, unknown]): boolean => retentionFields.some(field => field === key)
  const retention = Object.fromEntries(entries.filter(isRetention))
  const preferences = Object.fromEntries(entries.filter(entry => !isRetention(entry)))
  if (Object.keys(retention).length > 0) document.retention = { ...document.retention, ...retention }
  if (Object.keys(preferences).length > 0) document.preferences = { ...document.preferences, ...preferences }
  const after = parse(home, document)
  write(home, document)
  return preferencesOf(after, policyRetries)
}

function preferencesOf({ preferences, retention }: Settings, policyRetries: number): Preferences {
  return { ...preferences, retries: preferences.retries ?? policyRetries, ...retention }
}

function parse(home: string, document: object): Settings {
  const parsed = Settings.safeParse(document)
  if (parsed.success) return parsed.data
  const path = pathOf(home)
  const issue = parsed.error.issues[0]
  const field = issue?.path.join('.')
  throw new FlashproofError('settings.invalid', `${path}: ${field ?? ''}: ${issue?.message ?? ''}`, {
    file: path,
    field,
  })
}

function readJson(home: string): object {
  const path = pathOf(home)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return {}
  }
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw new FlashproofError('settings.invalid', `${path} is no JSON`, { file: path }, { cause })
  }
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document
  throw new FlashproofError('settings.invalid', `${path}: the file must hold a JSON object`, { file: path })
}

/** Whole or not at all: a power cut leaves the old file. */
function write(home: string, document: object): void {
  const path = pathOf(home)
  const temporary = `${path}.${String(process.pid)}.new`
  try {
    writeFileSync(temporary, `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 })
    renameSync(temporary, path)
  } catch (cause) {
    throw new FlashproofError('file.not-writable', `${path} cannot be written`, { file: path }, { cause })
  }
}

function pathOf(home: string): string {
  return join(home, 'settings.json')
}
