/**
 * The text that says which virtual devices to start: `8`, `demo`, or a list such as
 * `esp-parts:3,esp-parts+slow,esp-parts+reboot@40,esp-parts+drop-reply@every=7@chunk=any`.
 */
import { FlashproofError } from '../shared/errors.ts'
import { demoFleet } from './demo-fleet.ts'
import { faultNames, FaultSet, faultTable, isFaultName, type FaultName, type FaultSpec } from './faults/fault-table.ts'
import { parseParameterText, type ParameterSpec } from './faults/fault-parameters.ts'
import { instantTimes, seedFeatures, type VirtualEsp32Options } from './virtual-esp32.ts'

export const deviceKinds = ['esp-parts'] as const
export type DeviceKind = (typeof deviceKinds)[number]

export interface DeviceSpec {
  readonly kind: DeviceKind
  readonly name: string
  readonly faults: readonly FaultSpec[]
  /** What differs from the kind's defaults. */
  readonly options: Partial<VirtualEsp32Options>
}

/** Words that change a device without being a fault. */
export const deviceTraits = {
  seed: { features: seedFeatures },
  direct: { storage: 'direct' },
  'compact-json': { compactJson: true },
  instant: instantTimes,
  stays: { apply: 'none' },
} as const satisfies Record<string, Partial<VirtualEsp32Options>>

const MAXIMUM_DEVICES = 1024

/**
 * Reads a specification. `KIND[:COUNT][+TRAIT or +FAULT[@VALUE][@PARAMETER=VALUE]…]…`, separated by commas.
 * @throws {FlashproofError} option.invalid with the place (entry and column, from 1) and what would be known there
 */
export function parseDeviceSpec(text: string): DeviceSpec[] {
  const trimmed = text.trim()
  if (trimmed === 'demo') return demoFleet()
  if (/^\d+$/.test(trimmed)) return named([{ ...noFaults, count: countOf(trimmed, { entry: 1, column: 1 }) }])
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
  readonly count: number
  readonly faults: readonly FaultSpec[]
  readonly options: Partial<VirtualEsp32Options>
}

const noFaults = { faults: [], options: {} } as const

function parseEntry(text: string, place: Place): Entry {
  const [head = '', ...modifiers] = text.trim().split('+')
  const [kind = '', countText, ...more] = head.split(':')
  if (!isKind(kind)) {
    throw specError(place, `"${kind}" is no kind of virtual device; the kinds are ${deviceKinds.join(', ')}`, {
      knownKinds: deviceKinds,
    })
  }
  if (more.length > 0) throw specError(place, `"${head}" has more than one count`)
  const faults: FaultSpec[] = []
  let options: Partial<VirtualEsp32Options> = {}
  let column = place.column + text.indexOf(head) + head.length + 1
  for (const modifier of modifiers) {
    const here = { ...place, column }
    if (isTrait(modifier)) options = { ...options, ...deviceTraits[modifier] }
    else faults.push(parseFault(modifier, here))
    column += modifier.length + 1
  }
  return { count: countText === undefined ? 1 : countOf(countText, place), faults, options }
}

function parseFault(text: string, place: Place): FaultSpec {
  const [name = '', ...settings] = text.split('@')
  if (!isFaultName(name)) {
    const known = `the faults are ${faultNames.join(', ')}; the traits are ${Object.keys(deviceTraits).join(', ')}`
    throw specError(place, `no fault is called "${name}"; ${known}`, { fault: name, knownFaults: faultNames })
  }
  const given: Record<string, string | number> = {}
  for (const setting of settings) {
    const [key, value] = readSetting(name, setting, place)
    given[key] = value
  }
  // Checked right below against the fault's own parameters.
  const spec = { ...given, name } as FaultSpec
  try {
    new FaultSet([spec], 0)
  } catch (thrown) {
    if (!(thrown instanceof FlashproofError)) throw thrown
    throw specError(place, thrown.message, { ...thrown.details, knownFaults: faultNames })
  }
  return spec
}

/** Reads `VALUE` (the fault's main parameter) or `PARAMETER=VALUE`. */
function readSetting(name: FaultName, setting: string, place: Place): [key: string, value: string | number] {
  const definition = faultTable[name]
  const equals = setting.indexOf('=')
  const key = equals === -1 ? definition.primary : setting.slice(0, equals)
  if (key === null) throw specError(place, `the fault "${name}" takes no value`, { fault: name })
  const specs: Readonly<Record<string, ParameterSpec>> = definition.parameters
  const spec = Object.hasOwn(specs, key) ? specs[key] : undefined
  return [key, parseParameterText(spec, setting.slice(equals + 1))]
}

function named(entries: readonly Entry[]): DeviceSpec[] {
  const devices: DeviceSpec[] = []
  for (const { count, faults, options } of entries) {
    for (let index = 0; index < count; index++) {
      devices.push({ kind: 'esp-parts', name: `esp32-${String(devices.length + 1)}`, faults, options })
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

function isKind(text: string): text is DeviceKind {
  return deviceKinds.some(kind => kind === text)
}

function isTrait(text: string): text is keyof typeof deviceTraits {
  return Object.hasOwn(deviceTraits, text)
}

function specError(place: Place, problem: string, details: Readonly<Record<string, unknown>> = {}): FlashproofError {
  const where = `device ${String(place.entry)}, column ${String(place.column)}`
  return new FlashproofError('option.invalid', `${where}: ${problem}`, { ...place, ...details })
}
