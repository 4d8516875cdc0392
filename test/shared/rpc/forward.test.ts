/** A page, a host between, and a worker: two links, one contract. */
import { describe, expect, it, vi } from 'vitest'
import type { Handlers } from '../../../src/shared/contract/index.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { createClient } from '../../../src/shared/rpc/client.ts'
import { createForwardingHandlers, forwardEvents } from '../../../src/shared/rpc/forward.ts'
import { createMemoryLinkPair } from '../../../src/shared/rpc/memory-link.ts'
import { serve } from '../../../src/shared/rpc/server.ts'
import { FakeClock, settle } from '../../fakes/fake-clock.ts'
import { fakeSnapshot } from '../../fakes/fake-snapshot.ts'
import { fakeWorkerHandlers } from '../../fakes/fake-worker-handlers.ts'

function connectPage(handlers: Partial<Handlers<'worker'>>) {
  const clock = new FakeClock()
  const [hostEnd, workerEnd] = createMemoryLinkPair()
  const worker = serve(workerEnd, { handlers: fakeWorkerHandlers(handlers), answers: ['worker'], caller: 'host' })
  const host = createClient(hostEnd, { caller: 'host' })
  const [pageEnd, serverEnd] = createMemoryLinkPair()
  const server = serve(serverEnd, { handlers: createForwardingHandlers(host), answers: ['worker'], caller: 'page' })
  const stop = forwardEvents(host, server, clock)
  return { page: createClient(pageEnd, { caller: 'page' }), worker, workerEnd, pageEnd, clock, stop }
}

describe('a host that passes the contract on', () => {
  it('brings answers and errors from the worker to the page', async () => {
    const { page } = connectPage({
      'job.list': () => ({ jobs: [fakeSnapshot()] }),
      'job.pause': () => {
        throw new FlashproofError('job.wrong-state', 'ended', { state: 'finished' })
      },
    })
    await expect(page.call('job.list', {})).resolves.toEqual({ jobs: [fakeSnapshot()] })
    await expect(page.call('job.pause', { jobIds: ['a'] })).rejects.toMatchObject({
      code: 'job.wrong-state',
      details: { state: 'finished' },
    })
  })

  it('keeps the page from what a host may do', async () => {
    const stop = vi.fn()
    const { page } = connectPage({ 'worker.stop': stop })
    await expect(page.call('worker.stop', {})).rejects.toMatchObject({ code: 'contract.forbidden' })
    expect(stop).not.toHaveBeenCalled()
  })

  it('asks the worker with the rights of the page', async () => {
    const callers: string[] = []
    const { page } = connectPage({
      'job.list': (_request, { caller }) => {
        callers.push(caller)
        return { jobs: [] }
      },
    })
    await page.call('job.list', {})
    expect(callers).toEqual(['page'])
  })

  it('cancels in the worker what the page cancels', async () => {
    const reasons: unknown[] = []
    const { page } = connectPage({
      'device.list': (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push((signal.reason as FlashproofError).code)
            reject(signal.reason as Error)
          })
        }),
    })
    const controller = new AbortController()
    const call = page.call('device.list', {}, { signal: controller.signal }).catch((error: unknown) => error)
    await settle()
    controller.abort()
    expect(await call).toMatchObject({ code: 'call.aborted' })
    await settle()
    expect(reasons).toEqual(['call.aborted'])
  })

  it('tells the page that the worker died', async () => {
    const { page, workerEnd } = connectPage({ 'device.list': () => new Promise(() => undefined) })
    const call = page.call('device.list', {}).catch((error: unknown) => error)
    await settle()
    workerEnd.close()
    expect(await call).toMatchObject({ code: 'worker.exited' })
  })

  it('takes job states from the worker at once, whatever the speed of the page, and brings it the newest', async () => {
    const { page, worker, clock } = connectPage({})
    const gate = Promise.withResolvers<undefined>()
    const told: number[] = []
    page.subscribe('jobs.changed', async ({ jobs }) => {
      told.push(...jobs.map(job => job.revision))
      await gate.promise
    })
    for (let revision = 1; revision <= 20; revision++) {
      await worker.emitAcknowledged('jobs.changed', { jobs: [fakeSnapshot({ revision })] })
      await clock.advance(100)
    }
    expect(told).toEqual([1])
    gate.resolve(undefined)
    await clock.advance(100)
    expect(told).toEqual([1, 20])
  })

  it('tells the last states of a batch before its end', async () => {
    const { page, worker, clock } = connectPage({})
    const told: string[] = []
    page.subscribe('jobs.changed', ({ jobs }) => {
      told.push(...jobs.map(job => `${job.state} ${String(job.revision)}`))
    })
    page.subscribe('batch.ended', ({ batchId }) => {
      told.push(`ended ${batchId}`)
    })
    for (const revision of [1, 2]) {
      await worker.emitAcknowledged('jobs.changed', { jobs: [fakeSnapshot({ revision, state: 'finished' })] })
      await clock.advance(1)
    }
    worker.emit('batch.ended', { batchId: 'b', headHash: null })
    await clock.advance(1)
    expect(told).toEqual(['finished 1', 'finished 2', 'ended b'])
  })

  it('tells nothing more after it stopped', async () => {
    const { page, worker, stop, clock } = connectPage({})
    const told: string[] = []
    page.subscribe('journal.changed', ({ text }) => {
      told.push(text)
    })
    worker.emit('journal.changed', { state: 'ok', text: 'before' })
    await clock.advance(1)
    stop()
    worker.emit('journal.changed', { state: 'ok', text: 'after' })
    await clock.advance(1)
    expect(told).toEqual(['before'])
  })
})
