/** What the monitor of a serial line shows, one item a row: lines, what happened among them, the places of a crash. Pure. */
import type { CrashPlace, DeviceEvent, MonitorEntry, MonitorLine } from '../../shared/contract/index.ts'
import { formatAddress } from '../../shared/units.ts'
import { visibleText } from '../components/log/visible-text.ts'

export type CrashEvent = Extract<DeviceEvent, { kind: 'crash' }>

export type MonitorItem =
  | { readonly type: 'line'; readonly at: string; readonly line: MonitorLine }
  | { readonly type: 'event'; readonly at: string; readonly event: DeviceEvent }
  /** What was found out about a crash, under it. */
  | { readonly type: 'decoding'; readonly at: string; readonly event: CrashEvent }
  /** One address of a crash, under it. */
  | { readonly type: 'place'; readonly at: string; readonly place: CrashPlace; readonly isDecoded: boolean }

export type NumberedItem = MonitorItem & {
  /** Counts from 0; items that were dropped keep theirs. */
  readonly number: number
}

/** Rows of one crash: a stack without a backtrace may hold hundreds of words. */
const MOST_PLACES = 48

/** The rows of one entry, in their order. */
export function itemsOf(entry: MonitorEntry): readonly MonitorItem[] {
  if (entry.type === 'line') return [{ type: 'line', at: entry.line.at, line: entry.line }]
  const { event } = entry
  const head = { type: 'event', at: event.at, event } as const
  if (event.kind !== 'crash') return [head]
  const isDecoded = event.decoding !== null && event.decoding.build !== 'other'
  const places = (isDecoded ? (event.decoding?.places ?? []) : rawPlacesOf(event)).slice(0, MOST_PLACES)
  return [
    head,
    { type: 'decoding', at: event.at, event },
    ...places.map(place => ({ type: 'place', at: event.at, place, isDecoded }) as const),
  ]
}

/** The addresses as the board printed them, where nobody looked them up. */
function rawPlacesOf({ crash }: CrashEvent): readonly CrashPlace[] {
  const unknown = { function: null, offset: null, file: null, line: null }
  const frames = crash.backtraces.flatMap(({ frames: found }) =>
    found.map(({ pc }, index) => ({ address: pc, role: 'frame' as const, name: `#${String(index)}`, ...unknown })),
  )
  if (frames.length > 0 || crash.abortPc === null) return frames
  return [{ address: crash.abortPc, role: 'register', name: 'abort', ...unknown }]
}

/** `#1  0x400D1F2C  app_main+0x1c  main/app.c:42` */
export function placeText({ name, address, function: functionName, offset, file, line }: CrashPlace): string {
  const parts = [name.padEnd(5), formatAddress(address)]
  if (functionName !== null) {
    parts.push(visibleText(functionName, 200) + (offset === null || offset === 0 ? '' : `+0x${offset.toString(16)}`))
  }
  if (file !== null) parts.push(visibleText(file, 300) + (line === null ? '' : `:${String(line)}`))
  return parts.join('  ')
}

/** What a filter looks through: the words of the board, in small letters. */
export function searchTextOf(item: MonitorItem): string {
  if (item.type === 'line') return item.line.text.toLowerCase()
  if (item.type === 'place') return placeText(item.place).toLowerCase()
  if (item.type === 'decoding') return item.event.crash.text.toLowerCase()
  const words: readonly unknown[] = Object.values(item.event)
  const crash = item.event.kind === 'crash' ? [item.event.crash.text] : []
  return [...words, ...crash]
    .filter(value => typeof value === 'string')
    .join(' ')
    .toLowerCase()
}

/** Items that hold what is looked for, in any case; the rows of a crash stay together. */
export function itemsWith(items: readonly NumberedItem[], wanted: string): readonly NumberedItem[] {
  const sought = wanted.trim().toLowerCase()
  if (sought === '') return items
  const crashes = new Set(
    items.flatMap(item => (isOfCrash(item) && searchTextOf(item).includes(sought) ? [item.at] : [])),
  )
  return items.filter(item => (isOfCrash(item) ? crashes.has(item.at) : searchTextOf(item).includes(sought)))
}

function isOfCrash(item: MonitorItem): boolean {
  return item.type === 'event' ? item.event.kind === 'crash' : item.type !== 'line'
}

/** How the line stands, by what was heard last. */
export type LineStanding =
  | { readonly state: 'opening' | 'listening' }
  | { readonly state: 'lent'; readonly usedFor: string }
  | { readonly state: 'lost'; readonly code: string; readonly message: string }

/** @returns null where the event says nothing of the line */
export function standingAfter(event: DeviceEvent): LineStanding | null {
  switch (event.kind) {
    case 'opened':
      return { state: 'listening' }
    case 'lent':
      return { state: 'lent', usedFor: event.usedFor }
    case 'lost':
      return { state: 'lost', code: event.error.code, message: event.error.message }
    default:
      return null
  }
}

/** Whether a target is a serial line that can be listened to: a port, or one over TCP. */
export function isSerialLine(target: string): boolean {
  return /^(?:serial:|tcp:\/\/|rfc2217:\/\/)/i.test(target)
}
