import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { openImageStore } from '../../src/core/journal/image-store.ts'
import { openJournal, type Journal } from '../../src/core/journal/journal.ts'
import { currentOwner } from '../../src/core/journal/owner.ts'
import { keepHouse } from '../../src/worker/housekeeping.ts'
import { readSettings } from '../../src/core/journal/settings.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'

const DAY_MS = 24 * 60 * 60_000
let home: string
let journal: Journal

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-house-'))
  journal = openJournal({ home, kind: 'station', clock: systemClock })
})
afterEach(() => {
  journal.close()
  rmSync(home, { recursive: true, force: true })
})

describe('housekeeping', () => {
  it('removes images that no open job needs, keeps the others, and does it once a day', async () => {
    const images = openImageStore({ home })
    const needed = await images.put(Buffer.from('an image that a job may be resumed with'))
    const old = await images.put(Buffer.from('an image that nobody needs'))
    const longAgo = new Date(Date.now() - 100 * DAY_MS)
    for (const sha256 of [needed, old]) utimesSync(images.pathOf(sha256), longAgo, longAgo)
    const snapshot = fakeSnapshot({
      state: 'interrupted',
      firmware: { fileName: 'app.bin', imageSha256: needed, sizeBytes: 39 },
    })
    journal.insertJob({ snapshot, order: {}, owner: currentOwner() })
    await journal.commit()
    const parts = { home, journals: [journal], images, settings: readSettings(home), clock: systemClock }
    expect(await keepHouse(parts)).toEqual({ prunedJobs: 0, removedImages: 1 })
    expect(existsSync(images.pathOf(needed))).toBe(true)
    expect(existsSync(images.pathOf(old))).toBe(false)
    expect(await keepHouse(parts)).toBeNull()
  })
})

describe('settings', () => {
  it('has defaults where there is no file', () => {
    expect(readSettings(home)).toEqual({
      detailAgeMs: 365 * DAY_MS,
      journalBytes: 2048 * 1024 * 1024,
      imageAgeMs: 90 * DAY_MS,
    })
  })

  it.each([
    ['{"retention":{"imageDays":7}}', 7 * DAY_MS],
    ['{}', 90 * DAY_MS],
  ])('reads %s', (text, imageAgeMs) => {
    writeFileSync(join(home, 'settings.json'), text)
    expect(readSettings(home).imageAgeMs).toBe(imageAgeMs)
  })

  it.each([
    ['{', 'no JSON'],
    ['{"retention":{"imageDays":0}}', 'retention.imageDays'],
    ['{"retention":{"imageWeeks":1}}', 'retention'],
    ['{"color":"red"}', ''],
  ])('refuses %s and names the place', (text, place) => {
    writeFileSync(join(home, 'settings.json'), text)
    expect(() => readSettings(home)).toThrow(place)
    expect(() => readSettings(home)).toThrow(expect.objectContaining({ code: 'settings.invalid' }) as Error)
  })
})
