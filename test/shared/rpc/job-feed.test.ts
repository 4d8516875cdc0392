import { describe, expect, it } from 'vitest'
import type { JobSnapshot } from '../../../src/shared/contract/index.ts'
import { createSnapshotFeed } from '../../../src/shared/rpc/job-feed.ts'
import { FakeClock, settle } from '../../fakes/fake-clock.ts'
import { fakeSnapshot } from '../../fakes/fake-snapshot.ts'

/** A listener whose speed the test decides. */
function createListener(): {
  batches: JobSnapshot[][]
  send: (jobs: JobSnapshot[]) => Promise<void>
  take: () => void
} {
  const batches: JobSnapshot[][] = []
  let taken: (() => void)[] = []
  return {
    batches,
    send(jobs) {
      batches.push(jobs)
      return new Promise(resolve => taken.push(resolve))
    },
    take() {
      const released = taken
      taken = []
      for (const resolve of released) resolve()
    },
  }
}

describe('the feed of job states', () => {
  it('sends states that came together in one batch, the newest of each job', async () => {
    const listener = createListener()
    const feed = createSnapshotFeed(listener.send, { timing: new FakeClock() })
    feed.push(fakeSnapshot({ jobId: 'a', revision: 1 }))
    feed.push(fakeSnapshot({ jobId: 'b', revision: 1 }))
    feed.push(fakeSnapshot({ jobId: 'a', revision: 3 }))
    feed.push(fakeSnapshot({ jobId: 'a', revision: 2 }))
    await settle()
    expect(listener.batches.map(revisions)).toEqual([['a3', 'b1']])
  })

  it('sends at most ten batches a second to a fast listener', async () => {
    const clock = new FakeClock()
    const sentAtMs: number[] = []
    const feed = createSnapshotFeed(
      () => {
        sentAtMs.push(clock.monotonicMs())
        return Promise.resolve()
      },
      { timing: clock },
    )
    for (let revision = 1; revision <= 1000; revision++) {
      feed.push(fakeSnapshot({ revision }))
      await clock.advance(1)
    }
    await clock.advance(100)
    expect(sentAtMs).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000])
  })

  it('waits for a slow listener, coalesces meanwhile and still tells every end state', async () => {
    const clock = new FakeClock()
    const listener = createListener()
    const feed = createSnapshotFeed(listener.send, { timing: clock })
    const jobIds = Array.from({ length: 50 }, (_, index) => `job-${String(index)}`)
    for (let revision = 1; revision <= 200; revision++) {
      for (const jobId of jobIds)
        feed.push(fakeSnapshot({ jobId, revision, state: revision === 200 ? 'finished' : 'transferring' }))
      await clock.advance(10)
    }
    expect(listener.batches).toHaveLength(1)
    listener.take()
    await settle()
    listener.take()
    await clock.advance(1000)
    expect(listener.batches).toHaveLength(2)
    const told = new Map(listener.batches.flat().map(snapshot => [snapshot.jobId, snapshot]))
    expect([...told.values()].map(snapshot => snapshot.state)).toEqual(jobIds.map(() => 'finished'))
  })

  it('sends the last state without waiting for the interval when flushed, and waits until it was taken', async () => {
    const listener = createListener()
    const feed = createSnapshotFeed(listener.send, { timing: new FakeClock() })
    feed.push(fakeSnapshot({ revision: 1 }))
    await settle()
    feed.push(fakeSnapshot({ revision: 2, state: 'finished' }))
    let isFlushed = false
    const flushed = feed.flush().then(() => {
      isFlushed = true
    })
    await settle()
    expect(listener.batches).toHaveLength(1)
    listener.take()
    await settle()
    expect(listener.batches.map(revisions)).toEqual([['job-11'], ['job-12']])
    expect(isFlushed).toBe(false)
    listener.take()
    await flushed
  })

  it('flushes at once when nothing waits', async () => {
    await expect(
      createSnapshotFeed(createListener().send, { timing: new FakeClock() }).flush(),
    ).resolves.toBeUndefined()
  })

  it('keeps the interval again after a flush', async () => {
    const clock = new FakeClock()
    const listener = createListener()
    const feed = createSnapshotFeed(listener.send, { timing: clock })
    const flushed = (feed.push(fakeSnapshot({ revision: 1 })), feed.flush())
    await settle()
    listener.take()
    await flushed
    feed.push(fakeSnapshot({ revision: 2 }))
    await settle()
    listener.take()
    feed.push(fakeSnapshot({ revision: 3 }))
    await clock.advance(99)
    expect(listener.batches).toHaveLength(2)
    await clock.advance(1)
    expect(listener.batches).toHaveLength(3)
  })

  it('sends nothing after it was closed', async () => {
    const clock = new FakeClock()
    const listener = createListener()
    const feed = createSnapshotFeed(listener.send, { timing: clock })
    feed.push(fakeSnapshot({ revision: 1 }))
    await settle()
    feed.push(fakeSnapshot({ revision: 2 }))
    feed.close()
    listener.take()
    feed.push(fakeSnapshot({ revision: 3 }))
    await clock.advance(1000)
    expect(listener.batches).toHaveLength(1)
    expect(clock.sleeperCount).toBe(0)
  })
})

function revisions(batch: readonly JobSnapshot[]): string[] {
  return batch.map(snapshot => `${snapshot.jobId}${String(snapshot.revision)}`)
}
