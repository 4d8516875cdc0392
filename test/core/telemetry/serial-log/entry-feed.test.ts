import { expect, it, vi } from 'vitest'
import type { MonitorEntry } from '../../../../src/shared/contract/models.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { EntryFeed, MOST_KEPT } from '../../../../src/core/telemetry/serial-log/entry-feed.ts'

function lineEntry(text: string): MonitorEntry {
  return { type: 'line', line: { at: 'T', from: 'board', text, level: null } }
}

it('gives what comes together, in order, and counts what is too much', async () => {
  const batches: MonitorEntry[][] = []
  const feed = new EntryFeed(entries => batches.push(entries), systemClock)
  for (let number = 0; number < 5000; number++) feed.add(lineEntry(String(number)))
  feed.add({ type: 'event', event: { kind: 'opened', at: 'T' } })
  expect(batches).toEqual([])
  await vi.waitFor(() => {
    expect(batches).toHaveLength(1)
  })
  const [batch = []] = batches
  expect(batch).toHaveLength(1002)
  expect(batch[0]).toEqual(lineEntry('0'))
  expect(batch.slice(-2)).toMatchObject([
    { type: 'event', event: { kind: 'opened' } },
    { type: 'event', event: { kind: 'skipped', lines: 4000 } },
  ])
  feed.add(lineEntry('next'))
  feed.flush()
  expect(batches[1]).toEqual([lineEntry('next')])
})

it('keeps the newest entries for whoever comes later, bounded by their number and their size', () => {
  const feed = new EntryFeed(() => undefined, systemClock)
  for (let number = 0; number < 3 * MOST_KEPT; number++) feed.add(lineEntry(String(number)))
  const kept = feed.history()
  expect(kept.length).toBeGreaterThanOrEqual(MOST_KEPT)
  expect(kept.length).toBeLessThanOrEqual(MOST_KEPT * 1.1)
  expect(kept.at(-1)).toEqual(lineEntry(String(3 * MOST_KEPT - 1)))
  for (let number = 0; number < MOST_KEPT; number++) feed.add(lineEntry('x'.repeat(4096)))
  expect(feed.history().length).toBeLessThan(200)
})
