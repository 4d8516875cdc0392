/** The rows of the bench: their order, what is shown of them, where the keyboard stands. */
import { defineStore } from 'pinia'
import { computed, shallowRef, watch } from 'vue'
import type { DeviceEntry, JobSnapshot } from '../../shared/contract/index.ts'
import { mediumOf, namesOf, searchTextOf, type Medium } from '../bench/row-words.ts'
import { acceptsTarget } from '../transfer/protocol-fit.ts'
import { useCatalog } from './catalog.ts'
import { useDevices } from './devices.ts'
import { isLive, needsMe, standingOf, type JobStanding } from './job-tally.ts'
import { useJobs } from './jobs.ts'
import { useOrder } from './order.ts'
import { useReview } from './review.ts'
import { canFit } from '../bench/review-rules.ts'

/** `me`: what a person should look at. */
export type RowFilter = 'all' | Medium | 'me' | JobStanding

export type StandingCounts = Readonly<Record<JobStanding, number>>

const NOTHING: StandingCounts = {
  proven: 0,
  reached: 0,
  unproven: 0,
  failed: 0,
  cancelled: 0,
  running: 0,
  queued: 0,
  paused: 0,
  interrupted: 0,
  waiting: 0,
}

export const useBench = defineStore('bench', () => {
  const [devices, jobs, review, order, catalog] = [useDevices(), useJobs(), useReview(), useOrder(), useCatalog()]
  const query = shallowRef('')
  const filter = shallowRef<RowFilter>('all')
  /** The row that the keyboard stands on. */
  const cursorKey = shallowRef<string | null>(null)
  /** Keys of the shown rows, in their lasting order. */
  const shownKeys = shallowRef<readonly string[]>([])

  const names = computed(() => namesOf(devices.list))
  const searchTexts = computed(() => new Map(devices.list.map(device => [device.key, searchTextOf(device)])))
  const media = computed(() => {
    const counts: Record<Medium, number> = { usb: 0, network: 0, practice: 0 }
    for (const device of devices.list) counts[mediumOf(device)]++
    return counts
  })
  /** Counts by standing, of the rows alone: the past of boards that are not here does not belong to the bench. */
  const standings = computed<StandingCounts>(() => {
    const counts: Record<JobStanding, number> = { ...NOTHING }
    for (const job of rowJobs()) counts[standingOf(job)]++
    return counts
  })
  const needingMe = computed(() => {
    const counts = standings.value
    return counts.unproven + counts.failed + counts.waiting + counts.interrupted
  })

  /** The newest job of every row that has one. Read inside a computation it follows where they stand, not their progress. */
  function rowJobs(): JobSnapshot[] {
    return devices.list.flatMap(device => jobs.peekOfTarget(device.target) ?? [])
  }

  function matches(device: DeviceEntry): boolean {
    const words = query.value.trim().toLowerCase().split(/\s+/)
    const text = searchTexts.value.get(device.key) ?? ''
    if (!words.every(part => text.includes(part))) return false
    switch (filter.value) {
      case 'all':
        return true
      case 'usb':
      case 'network':
      case 'practice':
        return mediumOf(device) === filter.value
      default:
        return matchesJob(jobs.peekOfTarget(device.target), filter.value)
    }
  }

  // A row that was shown stays until the filter or the search is another one: work that ends must not make rows jump.
  watch(
    [query, filter, () => devices.list, () => (isOfJobs(filter.value) ? standings.value : null)],
    ([toFind, chosen], [foundBefore, chosenBefore]) => {
      const isSame = toFind === foundBefore && chosen === chosenBefore
      const before = new Set(isSame ? shownKeys.value : [])
      shownKeys.value = devices.list.flatMap(device => (before.has(device.key) || matches(device) ? [device.key] : []))
    },
    { immediate: true },
  )

  function clear(): void {
    query.value = ''
    filter.value = 'all'
  }

  /** Chooses a filter; the same one again takes it away. */
  function toggle(chosen: RowFilter): void {
    filter.value = filter.value === chosen ? 'all' : chosen
  }

  /** Whether a tick makes sense: not at work, spoken to by the chosen protocol, and not refused already. */
  function mayTick(device: DeviceEntry): boolean {
    if (review.isBusy(device.target)) return false
    const known = review.ofTarget(device.target)
    if (known !== null && !canFit(known)) return false
    const chosen = catalog.protocol(order.protocol)
    return chosen === null || acceptsTarget(chosen, device)
  }

  function tickAllShown(): void {
    const fitting = shownKeys.value.filter(key => {
      const device = devices.byKey.get(key)
      return device !== undefined && mayTick(device)
    })
    devices.setTicked(fitting, true)
  }

  function untickAllShown(): void {
    devices.setTicked(shownKeys.value, false)
  }

  function moveCursor(steps: number): void {
    const keys = shownKeys.value
    const at = cursorKey.value === null ? -1 : keys.indexOf(cursorKey.value)
    const to = at < 0 ? (steps < 0 ? keys.length - 1 : 0) : Math.min(keys.length - 1, Math.max(0, at + steps))
    cursorKey.value = keys[to] ?? null
  }

  /** Opens the drawer of the next row that a person should look at, after the cursor and round again. */
  function goToNextNeedingMe(): boolean {
    if (!shownKeys.value.some(isNeeding)) clear()
    const keys = devices.list.map(device => device.key)
    const at = cursorKey.value === null ? -1 : keys.indexOf(cursorKey.value)
    const found = [...keys.slice(at + 1), ...keys.slice(0, at + 1)].find(isNeeding)
    if (found === undefined) return false
    if (!shownKeys.value.includes(found)) clear()
    cursorKey.value = found
    devices.selectedKey = found
    return true
  }

  function isNeeding(key: string): boolean {
    const device = devices.byKey.get(key)
    const job = device === undefined ? null : jobs.ofTarget(device.target)
    return job !== null && needsMe(job)
  }

  /** Jobs of rows that ended: they can be taken off the bench; the record keeps them. */
  function finishedJobs(): JobSnapshot[] {
    return rowJobs().filter(job => !isLive(job) && job.state !== 'interrupted')
  }

  function dismissFinished(): void {
    jobs.dismiss(finishedJobs().map(job => job.jobId))
  }

  /** The job of a row that ended; null while there is nothing to take off. */
  function endedJobOf(key: string | null): JobSnapshot | null {
    const device = key === null ? undefined : devices.byKey.get(key)
    const job = device === undefined ? null : jobs.ofTarget(device.target)
    return job !== null && !isLive(job) && job.state !== 'interrupted' ? job : null
  }

  function dismiss(job: JobSnapshot): void {
    jobs.dismiss([job.jobId])
  }

  return {
    query,
    filter,
    cursorKey,
    shownKeys,
    names,
    media,
    standings,
    needingMe,
    rowJobs,
    clear,
    toggle,
    mayTick,
    tickAllShown,
    untickAllShown,
    moveCursor,
    goToNextNeedingMe,
    finishedJobs,
    endedJobOf,
    dismiss,
    dismissFinished,
  }
})

function isOfJobs(filter: RowFilter): boolean {
  return !['all', 'usb', 'network', 'practice'].includes(filter)
}

function matchesJob(job: JobSnapshot | null, filter: 'me' | JobStanding): boolean {
  if (job === null) return false
  return filter === 'me' ? needsMe(job) : standingOf(job) === filter
}
