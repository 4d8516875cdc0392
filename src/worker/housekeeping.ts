/** Once a day: takes out details and images that the settings do not keep any longer. Records are never taken out. */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import type { ImageStore } from '../core/journal/image-store.ts'
import type { Journal } from '../core/journal/journal.ts'
import type { StationSettings } from '../core/journal/settings.ts'

const EVERY_MS = 24 * 60 * 60_000

export interface HousekeepingResult {
  readonly prunedJobs: number
  readonly removedImages: number
}

/**
 * Keeps house when that was not done for a day by any process of this home.
 * @returns null when it was not due
 */
export async function keepHouse(parts: {
  readonly home: string
  readonly journals: readonly Journal[]
  readonly images: ImageStore
  readonly settings: StationSettings
  readonly clock: Clock
}): Promise<HousekeepingResult | null> {
  const { home, journals, images, settings, clock } = parts
  const mark = join(home, 'housekeeping')
  const nowMs = clock.nowMs()
  if (nowMs - lastDoneMs(mark) < EVERY_MS) return null
  writeFileSync(mark, `${new Date(nowMs).toISOString()}\n`)
  let prunedJobs = 0
  const referenced = new Set<string>()
  for (const journal of journals) {
    if (!journal.readOnly) {
      const limits = { maximumAgeMs: settings.detailAgeMs, maximumBytes: settings.journalBytes }
      prunedJobs += journal.prune(limits).prunedJobs
    }
    for (const { snapshot } of journal.listJobs({ limit: 100_000 })) {
      const isOld = snapshot.endedAt !== null && nowMs - Date.parse(snapshot.endedAt) > settings.imageAgeMs
      // What was not proven may be resumed, and then needs its image.
      if (snapshot.verdict !== 'proven' && !isOld) referenced.add(snapshot.firmware.imageSha256)
    }
  }
  const removed = await images.collect({ referenced, retentionMs: settings.imageAgeMs, nowMs })
  return { prunedJobs, removedImages: removed.length }
}

function lastDoneMs(mark: string): number {
  return statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
