/** Reads what a device posts to the status route: its word on how far it is. Hostile until cleaned. */
import { stripControl } from '../../../shared/units.ts'

export interface StatusReport {
  readonly chunkReceived?: number
  readonly totalChunks?: number
  readonly progress?: number
  readonly verified?: boolean
  /** `pending_reboot`, `success`, `failed`; firmware may have others. */
  readonly bootStatus?: string
  readonly bootCount?: number
  readonly newVersion?: string
  readonly isRolledBack?: boolean
  readonly error?: string
  /** Keys that are not known here, for the log. */
  readonly unknown: Readonly<Record<string, unknown>>
}

const LONGEST_TEXT = 200

type FieldKind = 'count' | 'number' | 'flag' | 'text'

/** What each key must be; `error` and a version that is not there yet may also be null. */
const fields: Readonly<Record<string, FieldKind>> = {
  chunk_received: 'count',
  total_chunks: 'count',
  progress: 'number',
  verified: 'flag',
  boot_status: 'text',
  boot_count: 'count',
  new_version: 'text',
  rollback: 'flag',
  error: 'text',
}

/**
 * Reads a body, flat or wrapped in `fota_status`.
 * @returns a text that names what is wrong with it where it is no report
 */
export function readStatusReport(body: string): StatusReport | string {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return 'Bad JSON'
  }
  if (!isRecord(value)) return 'Bad JSON'
  const wrapped = value['fota_status']
  if (wrapped !== undefined && !isRecord(wrapped)) return 'Bad fota_status'
  const report = wrapped ?? value
  const bad = Object.entries(fields).find(([key, kind]) => !isOfKind(report[key], kind))
  if (bad !== undefined) return `Bad ${bad[0]}`
  const known = Object.entries(report).filter(([key]) => Object.hasOwn(fields, key))
  if (known.length === 0) return 'No status'
  const unknown = Object.entries({ ...(wrapped === undefined ? {} : value), ...report }).filter(
    ([key]) => !Object.hasOwn(fields, key) && key !== 'fota_status',
  )
  const text = (key: string): string | undefined => {
    const given = report[key]
    return typeof given === 'string' ? stripControl(given, LONGEST_TEXT) : undefined
  }
  const number = (key: string): number | undefined => {
    const given = report[key]
    return typeof given === 'number' ? given : undefined
  }
  const flag = (key: string): boolean | undefined => {
    const given = report[key]
    return typeof given === 'boolean' ? given : undefined
  }
  const all = {
    chunkReceived: number('chunk_received'),
    totalChunks: number('total_chunks'),
    progress: number('progress'),
    verified: flag('verified'),
    bootStatus: text('boot_status'),
    bootCount: number('boot_count'),
    newVersion: text('new_version'),
    isRolledBack: flag('rollback'),
    error: text('error'),
  }
  const given = Object.fromEntries(Object.entries(all).filter(([, entry]) => entry !== undefined && entry !== ''))
  // Each entry keeps the type that its reader above gives it.
  return { ...(given as Partial<StatusReport>), unknown: Object.fromEntries(unknown) }
}

function isOfKind(value: unknown, kind: FieldKind): boolean {
  if (value === undefined || value === null) return true
  switch (kind) {
    case 'count':
      return typeof value === 'number' && Number.isInteger(value) && value >= 0
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'flag':
      return typeof value === 'boolean'
    case 'text':
      return typeof value === 'string'
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
