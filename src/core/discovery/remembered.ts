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

/** Keeps a board, newest first. The same target or the same MAC replaces the older entry. */
export function rememberDevice(home: string, entry: DeviceEntry): void {
  const mac = entry.identity?.mac?.toLowerCase()
  const others = readRemembered(home).filter(known => {
    const isSameBoard = mac !== undefined && known.identity?.mac?.toLowerCase() === mac
    return known.target !== entry.target && !isSameBoard
  })
  const devices = [{ ...entry, source: 'remembered' }, ...others].slice(0, MAX_REMEMBERED)
  const path = pathOf(home)
  const temporary = `${path}.${String(process.pid)}.new`
  writeFileSync(temporary, `${JSON.stringify({ version: 1, devices }, null, 1)}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}

function pathOf(home: string): string {
  return join(home, 'devices.json')
}
