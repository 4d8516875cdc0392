/** Merges what the sources list into one entry a board, and looks names up. A target is never guessed. */
import type { DeviceEntry } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { normalMac } from './device-key.ts'
import { readLabels, withLabels } from './labels.ts'
import type { DeviceSource, DiscoveryWorld } from './device-source.ts'
import { failedChannel } from './failed-channel.ts'
import { isEndpoint, parseTarget, type Endpoint, type NamedTarget } from './target.ts'

/** Asks every source; one that fails takes nothing from the others, and is told as a channel that failed. */
export async function listDevices(sources: readonly DeviceSource[], world: DiscoveryWorld): Promise<DeviceEntry[]> {
  const lists = await Promise.all(
    sources.map(async source => {
      try {
        return await source.list(world)
      } catch (fault) {
        world.onChannels?.([failedChannel(source.id, fault)])
        return []
      }
    }),
  )
  return withLabels(mergeDevices(lists.flat()), readLabels(world.home))
}

/**
 * One entry a board: the same key or the same target is the same board; the earlier source wins field by field. Where one
 * address has two identities, only the earlier is there now: the later one is left out.
 */
export function mergeDevices(entries: readonly DeviceEntry[]): DeviceEntry[] {
  const merged: DeviceEntry[] = []
  const places = new Map<string, number>()
  for (const entry of knowAdapters(entries)) {
    const atKey = places.get(keyPlace(entry))
    // The key first: an address that went on to another board must not draw the old board's name with it.
    const atTarget = targetsOf(entry)
      .map(target => places.get(target))
      .find(place => place !== undefined)
    const index = atKey !== undefined && mayBeOneBoard(merged[atKey], entry) ? atKey : atTarget
    const known = index === undefined ? undefined : merged[index]
    if (index === undefined || known === undefined) {
      for (const target of targetsOf(entry)) places.set(target, merged.length)
      if (atKey === undefined) places.set(keyPlace(entry), merged.length)
      // A key names one row: the second board that claims it is known by its address.
      const isTaken = merged.some(other => other.key === entry.key)
      merged.push(isTaken ? { ...entry, key: entry.target } : entry)
      continue
    }
    if (areOthers(known, entry) || (index !== atKey && mayBeOtherAtPort(known, entry))) continue
    const both = mergeTwo(known, entry)
    merged[index] = both
    if (!places.has(keyPlace(both))) places.set(keyPlace(both), index)
    for (const target of targetsOf(entry)) if (!places.has(target)) places.set(target, index)
  }
  return merged
}

/**
 * A board behind an adapter with a number of its own is known as soon as the adapter is plugged in; it is asked all the
 * same before anything is written.
 */
function knowAdapters(entries: readonly DeviceEntry[]): DeviceEntry[] {
  const boards = new Map(
    entries
      .filter(({ source, identity }) => source === 'remembered' && identity?.mac !== undefined)
      .flatMap(entry => (entry.adapterKey?.startsWith('usb:') === true ? [[entry.adapterKey, entry] as const] : [])),
  )
  return entries.map(entry => {
    const board = boards.get(entry.adapterKey ?? '')
    if (entry.source !== 'serial' || board === undefined || entry.identity?.mac !== undefined) return entry
    return { ...entry, key: board.key, identity: { ...board.identity, ...entry.identity } }
  })
}

/** A port's name goes to whatever is plugged in next, so a board that was there before says nothing of it. */
function mayBeOtherAtPort(known: DeviceEntry, entry: DeviceEntry): boolean {
  const isOfEarlier = known.source === 'serial' && entry.source === 'remembered'
  return isOfEarlier && entry.identity?.mac !== undefined && known.identity?.mac === undefined
}

/** Every place where it can be spoken to, the first one first. */
export function targetsOf(entry: DeviceEntry): string[] {
  return [entry.target, ...(entry.otherTargets ?? []).map(({ target }) => target)]
}

/**
 * What is spoken at a target that is not the first is kept beside it: each protocol goes with the place that it is spoken
 * at. Places of an earlier time are left out: an address that a board had is no way to reach it.
 */
function otherTargets(known: DeviceEntry, entry: DeviceEntry): Pick<DeviceEntry, 'otherTargets'> {
  const others = new Map((known.otherTargets ?? []).map(other => [other.target, other.protocols]))
  const isElsewhere = isHeard(known) && isHeard(entry) && entry.target !== known.target
  if (isElsewhere && !others.has(entry.target)) others.set(entry.target, [])
  const theirs = [{ target: entry.target, protocols: entry.protocols }, ...(entry.otherTargets ?? [])]
  for (const { target, protocols } of theirs) {
    const listed = others.get(target)
    if (listed !== undefined) others.set(target, [...new Set([...listed, ...protocols])])
  }
  return others.size === 0 ? {} : { otherTargets: [...others].map(([target, protocols]) => ({ target, protocols })) }
}

function mergeTwo(known: DeviceEntry, entry: DeviceEntry): DeviceEntry {
  const isAtOther = (otherTargets(known, entry).otherTargets ?? []).some(({ target }) => target === entry.target)
  return {
    ...known,
    ...otherTargets(known, entry),
    key: strongerKey(known, entry),
    name: known.name ?? entry.name,
    identity: known.identity === null ? entry.identity : { ...entry.identity, ...known.identity },
    protocols: isAtOther ? known.protocols : [...new Set([...known.protocols, ...entry.protocols])],
    lastSeenAt: known.lastSeenAt ?? entry.lastSeenAt,
    label: known.label ?? entry.label,
    place: known.place ?? entry.place,
    present: known.present ?? entry.present,
    appName: known.appName ?? entry.appName,
    appVersion: known.appVersion ?? entry.appVersion,
  }
}

/** Whether a source of the moment says so: both places count then, such as its USB port and its network address. */
function isHeard({ source }: DeviceEntry): boolean {
  return source === 'serial' || source === 'mdns'
}

/** A MAC names the board itself, a USB serial number its bridge, a socket only where it hangs. */
function strongerKey(known: DeviceEntry, entry: DeviceEntry): string {
  const order = ['mac:', 'usb:', 'socket:']
  const rank = (key: string): number => {
    const index = order.findIndex(prefix => key.startsWith(prefix))
    return index === -1 ? order.length : index
  }
  return rank(entry.key) < rank(known.key) ? entry.key : known.key
}

function areOthers(known: DeviceEntry, entry: DeviceEntry): boolean {
  const differ = (left: string | null | undefined, right: string | null | undefined): boolean =>
    typeof left === 'string' && typeof right === 'string' && left !== right
  return (
    differ(normalMac(known.identity?.mac), normalMac(entry.identity?.mac)) ||
    differ(known.identity?.usbSerial, entry.identity?.usbSerial)
  )
}

/** Practice boards and real ones are never one row, whatever they claim. */
function keyPlace(entry: DeviceEntry): string {
  return `${entry.simulated ? 'virtual' : 'real'} ${entry.key}`
}

/** Virtual boards of two running simulators can have one MAC; each listed target is a board of its own all the same. */
function mayBeOneBoard(known: DeviceEntry | undefined, entry: DeviceEntry): boolean {
  return known?.source !== 'simulated' || entry.source !== 'simulated'
}

/**
 * Finds the one device that a name or `mac:…` means.
 * @throws {FlashproofError} target.unknown with what is known, target.ambiguous with the candidates
 */
export function lookUpDevice(text: string, devices: readonly DeviceEntry[]): Endpoint {
  const target = parseTarget(text)
  if (isEndpoint(target)) return target
  const endpoint = parseTarget(findDevice(text, target, devices).target)
  if (isEndpoint(endpoint)) return endpoint
  throw new FlashproofError('target.unknown', `“${text}” has no address`, { target: text })
}

/**
 * The MAC of the board that a name or `mac:…` means; null for an address, for the name of a socket, which is a place, and
 * where it is not sure: on a network a board may tell another of its MACs than it was heard with.
 * @throws {FlashproofError} as `lookUpDevice`
 */
export function macMeant(text: string, devices: readonly DeviceEntry[]): string | null {
  const target = parseTarget(text)
  if (isEndpoint(target)) return null
  if (target.kind === 'mac') return target.value
  const device = findDevice(text, target, devices)
  const isPlace = device.socketLabel?.toLowerCase() === target.value.toLowerCase()
  return isPlace || parseTarget(device.target).kind !== 'serial' ? null : normalMac(device.identity?.mac)
}

function findDevice(text: string, target: NamedTarget, devices: readonly DeviceEntry[]): DeviceEntry {
  const wanted = target.value.toLowerCase()
  const matches = devices.filter(device =>
    target.kind === 'mac'
      ? normalMac(device.identity?.mac) === wanted
      : [device.label, device.socketLabel, device.name, device.identity?.name, device.identity?.id].some(
          name => name?.toLowerCase() === wanted,
        ),
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
  return only
}
