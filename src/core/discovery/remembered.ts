/** Boards that this station spoke with before: who they are and where they were, in one small file of the home. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { DeviceEntry } from '../../shared/contract/models.ts'
import { deviceKey } from './device-key.ts'
import type { DeviceSource } from './device-source.ts'

const MAX_REMEMBERED = 500
/** Files of earlier versions know neither keys nor places: what is missing is derived or empty. */
const KnownDevice = DeviceEntry.extend({
  key: z.string().optional(),
  label: z.string().nullable().default(null),
  place: z.string().nullable().default(null),
  appName: z.string().nullable().default(null),
  appVersion: z.string().nullable().default(null),
  present: z.boolean().nullable().default(null),
}).transform((known): DeviceEntry => ({
  ...known,
  key: known.key ?? deviceKey(known.target, known.identity),
  source: 'remembered',
  present: null,
}))
const RememberedFile = z.object({ version: z.literal(1), devices: z.array(KnownDevice) })

export const rememberedSource: DeviceSource = { id: 'remembered', list: ({ home }) => readRemembered(home) }

export function readRemembered(home: string): DeviceEntry[] {
  try {
    return RememberedFile.parse(JSON.parse(readFileSync(pathOf(home), 'utf8'))).devices
  } catch {
    // A missing or damaged memory loses convenience, never a record.
    return []
  }
}

/**
 * Keeps boards, the last one first. The same target or the same key replaces an older entry; behind an adapter with a
 * number of its own, the same adapter does instead of the target, which the next adapter may get.
 */
export function rememberDevices(home: string, entries: readonly DeviceEntry[]): void {
  const devices: DeviceEntry[] = []
  const seen = new Set<string>()
  for (const entry of [...entries.toReversed(), ...readRemembered(home)]) {
    const place = entry.adapterKey ?? entry.target
    if (seen.has(place) || seen.has(entry.key)) continue
    seen.add(place).add(entry.key)
    devices.push({ ...entry, source: 'remembered', label: null, present: null })
    if (devices.length === MAX_REMEMBERED) break
  }
  writeRemembered(home, devices)
}

/** Takes a board out of the memory; one that is not there is no fault. */
export function forgetDevice(home: string, key: string): void {
  const known = readRemembered(home)
  const rest = known.filter(entry => entry.key !== key)
  if (rest.length < known.length) writeRemembered(home, rest)
}

function writeRemembered(home: string, devices: readonly DeviceEntry[]): void {
  const path = pathOf(home)
  const temporary = `${path}.${String(process.pid)}.new`
  writeFileSync(temporary, `${JSON.stringify({ version: 1, devices })}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}

function pathOf(home: string): string {
  return join(home, 'devices.json')
}
