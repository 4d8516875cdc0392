/**
 * Mirrors the monitors of the serial lines that somebody looks at: what the board printed, what happened, how the line
 * stands. The monitor itself is the one that the memory figures come from.
 */
import { defineStore } from 'pinia'
import { shallowRef, type ShallowRef } from 'vue'
import type { MonitorEntry, RequestOf } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'
import { itemsOf, standingAfter, type LineStanding, type NumberedItem } from '../monitor/monitor-items.ts'
import { createFrameBatch } from './frame-batch.ts'
import { RecentlyUsed } from './recently-used.ts'
import { useTelemetry } from './telemetry.ts'

export const ITEMS_KEPT = 2_000
/** Lines that are kept at the same time. */
const LINES_KEPT = 8

export type LineEnd = NonNullable<RequestOf<'monitor.send'>['lineEnd']>

/** What is shown of a line; replaced as a whole when something came. */
export interface MonitorPicture {
  readonly items: readonly NumberedItem[]
  /** How the line stood last; null where nobody listened yet. */
  readonly standing: LineStanding | null
}

interface ShownLine {
  readonly picture: ShallowRef<MonitorPicture>
  items: NumberedItem[]
  standing: LineStanding | null
  nextNumber: number
  /** What came while the older entries were being fetched; null when none are. */
  arriving: MonitorEntry[] | null
  /** Entries of the answer, which come a second time when they were on their way as well. */
  fetched: ReadonlySet<string> | null
  isDirty: boolean
}

export const useMonitors = defineStore('monitors', () => {
  const station = useStation()
  const { client } = station
  const telemetry = useTelemetry()
  const shown = new RecentlyUsed<ShownLine>(LINES_KEPT)
  /** Counts lines that came to be: whoever asked for one before it was there asks again. */
  const opened = shallowRef(0)
  /** Names of the ELF files that crashes are decoded with, by target. */
  const elfNames = shallowRef<ReadonlyMap<string, string>>(new Map())
  const batch = createFrameBatch(flush)

  function flush(): void {
    for (const [, line] of shown.entries()) {
      if (!line.isDirty) continue
      line.isDirty = false
      line.picture.value = { items: line.items.slice(-ITEMS_KEPT), standing: line.standing }
    }
  }

  function change(line: ShownLine): void {
    line.isDirty = true
    batch.request()
  }

  function take(line: ShownLine, entries: readonly MonitorEntry[]): void {
    for (const entry of entries) {
      if (entry.type === 'event') line.standing = standingAfter(entry.event) ?? line.standing
      for (const item of itemsOf(entry)) line.items.push({ ...item, number: line.nextNumber++ })
    }
    // Cut seldom and much: taking the first out of an array moves all the others.
    if (line.items.length >= ITEMS_KEPT * 2) line.items = line.items.slice(-ITEMS_KEPT)
    change(line)
  }

  /** Fetches what was heard of a line when it is not there yet, and follows it from then on. */
  async function open(target: string): Promise<void> {
    const isKnown = shown.get(target) !== undefined
    const line = shown.use(target, emptyLine)
    if (isKnown) return
    opened.value++
    await fill(target, line)
  }

  async function fill(target: string, line: ShownLine): Promise<void> {
    if (line.arriving !== null) return
    line.arriving = []
    try {
      const { entries } = await client.call('monitor.history', { target })
      line.items = []
      line.fetched = new Set(entries.map(identityOf))
      take(line, entries)
    } finally {
      const arrived = line.arriving
      line.arriving = null
      hear(line, arrived)
    }
  }

  function hear(line: ShownLine, entries: readonly MonitorEntry[]): void {
    if (line.arriving !== null) {
      line.arriving.push(...entries)
      return
    }
    const { fetched } = line
    const news = fetched === null ? entries : entries.filter(entry => !fetched.has(identityOf(entry)))
    // Only what was on its way when the answer was made can come twice.
    if (entries.length > 0 && news.length === entries.length) line.fetched = null
    take(line, news)
  }

  /** What is shown of a line that was opened; tracked. */
  function of(target: string): MonitorPicture {
    return opened.value === 0 ? NOTHING : (shown.get(target)?.picture.value ?? NOTHING)
  }

  /** Opens the port and listens until `stop`. @throws {FlashproofError} */
  async function listen(target: string, baudRate: number): Promise<void> {
    const line = shown.use(target, emptyLine)
    line.standing = { state: 'opening' }
    change(line)
    await telemetry.startMonitor(target, { baudRate })
  }

  const stop = (target: string): Promise<void> => telemetry.stopMonitor(target)

  /** Sends a line of text to the board. @throws {FlashproofError} */
  async function send(target: string, text: string, lineEnd: LineEnd): Promise<void> {
    const monitorId = telemetry.monitors.get(target)
    if (monitorId !== undefined) await client.call('monitor.send', { monitorId, text, lineEnd })
  }

  /** Restarts the board by its reset line. @throws {FlashproofError} */
  async function restart(target: string): Promise<void> {
    const monitorId = telemetry.monitors.get(target)
    if (monitorId !== undefined) await client.call('monitor.restart', { monitorId })
  }

  /**
   * Has crashes decoded with an ELF file from now on.
   * @param file null: the host asks for it by its own dialog
   * @throws {FlashproofError} what is wrong with the file; what was chosen before stays
   */
  async function takeElf(target: string, file: File | null): Promise<void> {
    if (file !== null) await station.giveElf(target, file)
    const fileName = file?.name ?? (await client.call('monitor.choose-elf', { target })).fileName
    if (fileName !== null) elfNames.value = new Map(elfNames.value).set(target, fileName)
  }

  /** Takes the rows away; what comes afterwards is shown. */
  function clear(target: string): void {
    const line = shown.get(target)
    if (line === undefined) return
    line.items = []
    change(line)
  }

  /** Fetches every line anew: the engine was restarted or the link was lost. */
  async function load(): Promise<void> {
    await Promise.allSettled(shown.entries().map(([target, line]) => fill(target, line)))
  }

  function start(): () => void {
    const unsubscribe = client.subscribe('monitor.heard', ({ target, entries }) => {
      const line = shown.get(target)
      if (line !== undefined) hear(line, entries)
    })
    return () => {
      batch.cancel()
      unsubscribe()
    }
  }

  return { open, of, listen, stop, send, restart, takeElf, elfNames, clear, load, start }
})

const NOTHING: MonitorPicture = { items: [], standing: null }

function emptyLine(): ShownLine {
  return {
    picture: shallowRef(NOTHING),
    items: [],
    standing: null,
    nextNumber: 0,
    arriving: null,
    fetched: null,
    isDirty: false,
  }
}

const identityOf = (entry: MonitorEntry): string => JSON.stringify(entry)
