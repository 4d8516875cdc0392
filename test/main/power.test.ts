import { describe, expect, it } from 'vitest'
import { keepAwake, pauseAroundSleep } from '../../src/main/power.ts'
import { FakeClient, FakeJobWatch } from '../fakes/fake-job-watch.ts'

const settled = () => new Promise(resolve => setImmediate(resolve))

describe('sleep', () => {
  it('is kept away as long as a board is worked on, and not while all of them are paused', () => {
    const jobs = new FakeJobWatch()
    const happened: string[] = []
    const stop = keepAwake(jobs, {
      start: kind => {
        happened.push(kind)
        return 5
      },
      stop: id => happened.push(`stopped ${String(id)}`),
    })
    jobs.become({ state: 'paused' })
    expect(happened).toEqual([])
    jobs.become({ state: 'transferring' })
    jobs.become({ state: 'verifying' })
    expect(happened).toEqual(['prevent-app-suspension'])
    jobs.become({ state: 'finished' })
    expect(happened).toEqual(['prevent-app-suspension', 'stopped 5'])
    jobs.become({ state: 'queued' })
    stop()
    expect(happened.at(-1)).toBe('stopped 5')
  })
})

describe('a sleep that comes all the same', () => {
  function bench() {
    const jobs = new FakeJobWatch()
    const client = new FakeClient()
    const listeners = new Map<string, () => void>()
    const timers: (() => void)[] = []
    pauseAroundSleep({
      monitor: { on: (event, listener) => listeners.set(event, listener) },
      jobs,
      client,
      after: (_delayMs, callback) => {
        timers.push(callback)
        return () => undefined
      },
      note: () => undefined,
    })
    return {
      jobs,
      client,
      timers,
      suspend: () => listeners.get('suspend')?.(),
      resume: () => listeners.get('resume')?.(),
    }
  }

  it('pauses what is under way and goes on with exactly that', async () => {
    const { jobs, client, suspend, resume } = bench()
    jobs.become({ jobId: 'a' }, { jobId: 'b', state: 'paused' }, { jobId: 'c', state: 'verifying' })
    suspend()
    await settled()
    expect(client.calls).toEqual([
      { name: 'job.pause', request: { jobIds: ['a'] } },
      { name: 'job.pause', request: { jobIds: ['c'] } },
    ])
    jobs.become({ jobId: 'a', state: 'paused' }, { jobId: 'b', state: 'paused' }, { jobId: 'c', state: 'paused' })
    resume()
    await settled()
    expect(client.calls.slice(2)).toEqual([{ name: 'job.resume', request: { jobIds: ['a', 'c'], interactive: true } }])
  })

  it('goes on with a job that reaches its safe place only after the sleep', async () => {
    const { jobs, client, suspend, resume } = bench()
    jobs.become({ jobId: 'a' })
    suspend()
    resume()
    await settled()
    expect(client.calls.map(({ name }) => name)).toEqual(['job.pause'])
    jobs.become({ jobId: 'a', state: 'paused' })
    await settled()
    expect(client.calls.map(({ name }) => name)).toEqual(['job.pause', 'job.resume'])
  })

  it('leaves alone what ended or was cancelled, what could not be paused, and what a person pauses much later', async () => {
    const { jobs, client, suspend, resume, timers } = bench()
    client.answer = (_name, request) => {
      if (JSON.stringify(request).includes('gone')) throw new Error('not live')
      return {}
    }
    jobs.become({ jobId: 'gone' }, { jobId: 'cancelled' }, { jobId: 'busy' })
    suspend()
    await settled()
    jobs.become({ jobId: 'gone', state: 'paused' }, { jobId: 'cancelled', state: 'cancelled' }, { jobId: 'busy' })
    resume()
    timers[0]?.()
    jobs.become({ jobId: 'busy', state: 'paused' })
    await settled()
    expect(client.calls.filter(({ name }) => name === 'job.resume')).toEqual([])
  })

  it('does nothing when nothing runs', async () => {
    const { client, suspend, resume } = bench()
    suspend()
    resume()
    await settled()
    expect(client.calls).toEqual([])
  })
})
