/**
 * The text that says which virtual devices to start: `8`, `demo`, or a list such as
 * `esp-parts:3,esp-parts+slow,esp-parts+reboot@40,esp-parts+drop-reply@every=7@chunk=any`.
 */
import { FlashproofError } from '../shared/errors.ts'
import { demoFleet } from './demo-fleet.ts'
import type { DeviceKind } from './device-kind.ts'
import { deviceKinds } from './device-kinds.ts'
import { FaultSet, type FaultEntry, type NamedFault } from './faults/fault-table.ts'
import { parseParameterText } from './faults/fault-parameters.ts'

export interface DeviceSpec {
  readonly kind: DeviceKind
  readonly name: string
  readonly faults: readonly NamedFault[]
  /** What its traits change of the kind's defaults. */
  readonly options: object
}

/** What a count alone means. */
const [defaultKind] = deviceKinds
/** One of each kind. */
const ALL_KINDS = 'mixed'
const MAXIMUM_DEVICES = 1024

/**
 * Reads a specification. `KIND[:COUNT][+TRAIT or +FAULT[@VALUE][@PARAMETER=VALUE]…]…`, separated by commas.
 * @throws {FlashproofError} option.invalid with the place (entry and column, from 1) and what would be known there
 */
export function parseDeviceSpec(text: string): DeviceSpec[] {
  const trimmed = text.trim()
  if (trimmed === 'demo') return demoFleet()
  if (trimmed === ALL_KINDS) return named(deviceKinds.map(kind => ({ ...noFaults, kind, count: 1 })))
  if (/^\d+$/.test(trimmed) && defaultKind !== undefined) {
    return named([{ ...noFaults, kind: defaultKind, count: countOf(trimmed, { entry: 1, column: 1 }) }])
  }
  const entries: Entry[] = []
  let column = 1
  for (const [index, part] of text.split(',').entries()) {
    entries.push(parseEntry(part, { entry: index + 1, column }))
    column += part.length + 1
  }
  return named(entries)
}

interface Place {
  readonly entry: number
  readonly column: number
}

interface Entry {
  readonly kind: DeviceKind
  readonly count: number
  readonly faults: readonly NamedFault[]
  readonly options: object
}

const noFaults = { faults: [], options: {} } as const

function parseEntry(text: string, place: Place): Entry {
  const [head = '', ...modifiers] = text.trim().split('+')
  const [kindId = '', countText, ...more] = head.split(':')
  const kind = deviceKinds.find(({ id }) => id === kindId)
  if (kind === undefined) {
    const knownKinds = deviceKinds.map(({ id }) => id)
    throw specError(place, `"${kindId}" is no kind of virtual device; the kinds are ${knownKinds.join(', ')}`, {
      knownKinds,
    })
  }
  if (more.length > 0) throw specError(place, `"${head}" has more than one count`)
  const faults: NamedFault[] = []
  let options: object = {}
  let column = place.column + text.indexOf(head) + head.length + 1
  for (const modifier of modifiers) {
    const here = { ...place, column }
    const trait = Object.hasOwn(kind.traits, modifier) ? kind.traits[modifier] : undefined
    if (trait === undefined) faults.push(parseFault(kind, modifier, here))
    else options = { ...options, ...trait }
    column += modifier.length + 1
  }
  return { kind, count: countText === undefined ? 1 : countOf(countText, place), faults, options }
}

function parseFault(kind: DeviceKind, text: string, place: Place): NamedFault {
  const [name = '', ...settings] = text.split('@')
  const knownFaults = Object.keys(kind.faults)
  const entry = Object.hasOwn(kind.faults, name) ? kind.faults[name] : undefined
  if (entry === undefined) {
    const known = `the faults of ${kind.id} are ${knownFaults.join(', ')}; the traits are ${Object.keys(kind.traits).join(', ')}`
    throw specError(place, `no fault is called "${name}"; ${known}`, { fault: name, knownFaults })
  }
  const given: Record<string, string | number> = {}
  for (const setting of settings) {
    const [key, value] = readSetting(name, entry, setting, place)
    given[key] = value
  }
  const spec: NamedFault = { ...given, name }
  try {
    new FaultSet([spec], 0, kind.faults)
  } catch (thrown) {
    if (!(thrown instanceof FlashproofError)) throw thrown
    throw specError(place, thrown.message, { ...thrown.details, knownFaults })
  }
  return spec
}

/** Reads `VALUE` (the fault's main parameter) or `PARAMETER=VALUE`. */
function readSetting(
  name: string,
  entry: FaultEntry,
  setting: string,
  place: Place,
): [key: string, value: string | number] {
  const equals = setting.indexOf('=')
  const key = equals === -1 ? entry.primary : setting.slice(0, equals)
  if (key === null) throw specError(place, `the fault "${name}" takes no value`, { fault: name })
  const spec = Object.hasOwn(entry.parameters, key) ? entry.parameters[key] : undefined
  return [key, parseParameterText(spec, setting.slice(equals + 1))]
}

function named(entries: readonly Entry[]): DeviceSpec[] {
  const devices: DeviceSpec[] = []
  for (const { kind, count, faults, options } of entries) {
    for (let index = 0; index < count; index++) {
      const name = `${kind.namePrefix ?? 'esp32'}-${String(devices.length + 1)}`
      devices.push({ kind, name, faults, options })
    }
  }
  if (devices.length > MAXIMUM_DEVICES) {
    throw new FlashproofError('option.invalid', `at most ${String(MAXIMUM_DEVICES)} virtual devices can be started`, {
      devices: devices.length,
      maximum: MAXIMUM_DEVICES,
    })
  }
  return devices
}

function countOf(text: string, place: Place): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (count >= 1 && count <= MAXIMUM_DEVICES) return count
  throw specError(place, `"${text}" is no count of devices; it takes 1 to ${String(MAXIMUM_DEVICES)}`)
}

function specError(place: Place, problem: string, details: Readonly<Record<string, unknown>> = {}): FlashproofError {
  const where = `device ${String(place.entry)}, column ${String(place.column)}`
  return new FlashproofError('option.invalid', `${where}: ${problem}`, { ...place, ...details })
}
