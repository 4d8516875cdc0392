/** Merges what the sources list into one entry a board, and looks names up. A target is never guessed. */
import type { DeviceEntry } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import type { DeviceSource, DiscoveryWorld } from './device-source.ts'
import { isEndpoint, parseTarget, type Endpoint } from './target.ts'

/** Asks every source; one that fails takes nothing from the others. */
export async function listDevices(sources: readonly DeviceSource[], world: DiscoveryWorld): Promise<DeviceEntry[]> {
  const lists = await Promise.all(
    sources.map(async source => {
      try {
        return await source.list(world)
      } catch {
        return []
      }
    }),
  )
  return mergeDevices(lists.flat())
}

/** One entry a board: the same target, or the same MAC, is the same board; the earlier source wins field by field. */
export function mergeDevices(entries: readonly DeviceEntry[]): DeviceEntry[] {
  const merged: DeviceEntry[] = []
  for (const entry of entries) {
    const mac = entry.identity?.mac?.toLowerCase()
    const index = merged.findIndex(
      known =>
        known.target === entry.target ||
        (mac !== undefined && mayBeOneBoard(known, entry) && known.identity?.mac?.toLowerCase() === mac),
    )
    const known = merged[index]
    if (known === undefined) {
      merged.push(entry)
      continue
    }
    merged[index] = {
      ...known,
      name: known.name ?? entry.name,
      identity: known.identity === null ? entry.identity : { ...entry.identity, ...known.identity },
      protocols: [...new Set([...known.protocols, ...entry.protocols])],
      lastSeenAt: known.lastSeenAt ?? entry.lastSeenAt,
    }
  }
  return merged
}

/** Virtual boards of two running simulators can have one MAC; each listed target is a board of its own all the same. */
function mayBeOneBoard(known: DeviceEntry, entry: DeviceEntry): boolean {
  if (known.simulated !== entry.simulated) return false
  return known.source !== 'simulated' || entry.source !== 'simulated'
}

/**
 * Finds the one device that a name or `mac:…` means.
 * @throws {FlashproofError} target.unknown with what is known, target.ambiguous with the candidates
 */
export function lookUpDevice(text: string, devices: readonly DeviceEntry[]): Endpoint {
  const target = parseTarget(text)
  if (isEndpoint(target)) return target
  const wanted = target.value.toLowerCase()
  const matches = devices.filter(device =>
    target.kind === 'mac'
      ? device.identity?.mac?.toLowerCase() === wanted
      : [device.name, device.identity?.name, device.identity?.id].some(name => name?.toLowerCase() === wanted),
  )
  const [only] = matches
  if (only === undefined) {
    throw new FlashproofError('target.unknown', `no known device is called “${text}”`, {
      target: text,
      known: devices.flatMap(device => (device.name === null ? [] : [device.name])).slice(0, 20),
    })
  }
  if (matches.length > 1) {
    throw new FlashproofError('target.ambiguous', `${String(matches.length)} devices are called “${text}”`, {
      target: text,
      candidates: matches.map(device => device.target),
    })
  }
  const endpoint = parseTarget(only.target)
  if (isEndpoint(endpoint)) return endpoint
  throw new FlashproofError('target.unknown', `“${text}” has no address`, { target: text })
}
