/** Finds a serial port again after its board went away and came back under another name. Lists ports; opens none. */
import { realpath } from 'node:fs/promises'
import type { DeviceEntry } from '../../shared/contract/models.ts'
import { serialRows, type SerialRow } from './serial-entries.ts'
import { listSystemPorts, type PortInfo } from './system-ports.ts'

export interface PortFinder {
  /** The row of a port; null where it is not there. */
  entryOf(path: string): Promise<DeviceEntry | null>
  /** Under which a port is known beyond its name, the most telling first: board, adapter, socket. None where it is not there. */
  keysOf(path: string): Promise<readonly string[]>
  /** Where the port of these keys is now; null where it is not there, or several could be meant. */
  find(keys: readonly string[]): Promise<string | null>
}

export function createPortFinder(listPorts: () => Promise<readonly PortInfo[]> = listSystemPorts): PortFinder {
  // A computer whose ports cannot be listed still reaches them by their names.
  const rows = async (): Promise<SerialRow[]> => serialRows(await listPorts().catch(() => []), '')
  const rowOf = async (path: string): Promise<SerialRow | undefined> => {
    const real = await realpath(path).catch(() => path)
    return (await rows()).find(candidate => candidate.path === real)
  }
  return {
    entryOf: async path => (await rowOf(path))?.entry ?? null,
    async keysOf(path) {
      const row = await rowOf(path)
      return row === undefined ? [] : keysOfRow(row)
    },
    async find(keys) {
      const present = await rows()
      for (const key of keys) {
        const [only, ...others] = present.filter(row => keysOfRow(row).includes(key))
        if (only !== undefined) return others.length === 0 ? only.path : null
      }
      return null
    },
  }
}

/** A name that the system gives to whatever comes next is no key. */
function keysOfRow({ entry }: SerialRow): string[] {
  const keys = [entry.key, entry.adapterKey, entry.socketKey].filter(key => key !== undefined && key !== entry.target)
  return [...new Set(keys)].filter(key => key !== undefined)
}
