/** Boards that this station spoke with before: who they are and where they were, in one small file of the home. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { DeviceEntry } from '../../shared/contract/models.ts'
import type { DeviceSource } from './device-source.ts'

const MAX_REMEMBERED = 500
const RememberedFile = z.object({ version: z.literal(1), devices: z.array(DeviceEntry) })

export const rememberedSource: DeviceSource = { id: 'remembered', list: ({ home }) => readRemembered(home) }

export function readRemembered(home: string): DeviceEntry[] {
  try {
    return RememberedFile.parse(JSON.parse(readFileSync(pathOf(home), 'utf8'))).devices
  } catch {
    // A missing or damaged memory loses convenience, never a record.
    return []
  }
}

/** Keeps boards, the last one first. The same target or the same MAC replaces an older entry. */
export function rememberDevices(home: string, entries: readonly DeviceEntry[]): void {
  const devices: DeviceEntry[] = []
  const targets = new Set<string>()
  const macs = new Set<string>()
  for (const entry of [...entries.toReversed(), ...readRemembered(home)]) {
    const mac = entry.identity?.mac?.toLowerCase()
    if (targets.has(entry.target) || (mac !== undefined && macs.has(mac))) continue
    targets.add(entry.target)
    if (mac !== undefined) macs.add(mac)
    devices.push({ ...entry, source: 'remembered' })
    if (devices.length === MAX_REMEMBERED) break
  }
  const path = pathOf(home)
  const temporary = `${path}.${String(process.pid)}.new`
  writeFileSync(temporary, `${JSON.stringify({ version: 1, devices })}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}

function pathOf(home: string): string {
  return join(home, 'devices.json')
}
