/** The technician's own names for boards and USB sockets, by key, in one small file of the home. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { DeviceEntry } from '../../shared/contract/models.ts'

const LabelsFile = z.object({ version: z.literal(1), labels: z.record(z.string(), z.string()) })

/** Key to label; none when there is no file or a damaged one. */
export function readLabels(home: string): ReadonlyMap<string, string> {
  try {
    return new Map(Object.entries(LabelsFile.parse(JSON.parse(readFileSync(pathOf(home), 'utf8'))).labels))
  } catch {
    // A lost label is an inconvenience; a list of devices that cannot be shown is worse.
    return new Map()
  }
}

/** Writes one label, whole or not at all; null takes it away. Throws what the file system throws. */
export function setLabel(home: string, key: string, label: string | null): void {
  setLabels(home, new Map([[key, label]]))
}

/** Writes several labels by their keys, all or none; null takes one away. Throws what the file system throws. */
export function setLabels(home: string, changes: ReadonlyMap<string, string | null>): void {
  const labels = new Map(readLabels(home))
  for (const [key, label] of changes) {
    if (label === null) labels.delete(key)
    else labels.set(key, label)
  }
  const path = pathOf(home)
  const temporary = `${path}.${String(process.pid)}.new`
  const content = { version: 1, labels: Object.fromEntries(labels) }
  writeFileSync(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}

/**
 * A label belongs to its key; what an entry brought along of its own does not count. A board that has none is called by
 * what it hangs on: its adapter, else its socket.
 */
export function withLabels(entries: readonly DeviceEntry[], labels: ReadonlyMap<string, string>): DeviceEntry[] {
  return entries.map(entry => {
    const keys = [entry.key, entry.adapterKey, entry.socketKey]
    const label = keys.map(key => labels.get(key ?? '')).find(text => text !== undefined) ?? null
    const socketLabel = labels.get(entry.socketKey ?? '')
    if (label === entry.label && socketLabel === entry.socketLabel) return entry
    return entry.socketKey === undefined ? { ...entry, label } : { ...entry, label, socketLabel }
  })
}

function pathOf(home: string): string {
  return join(home, 'labels.json')
}
