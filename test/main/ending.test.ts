import { describe, expect, it } from 'vitest'
import type { CloseAnswer } from '../../src/main/close-question.ts'
import { Ending } from '../../src/main/ending.ts'
import { FakeClient, FakeJobWatch } from '../fakes/fake-job-watch.ts'

function bench(answer: CloseAnswer) {
  const jobs = new FakeJobWatch()
  const client = new FakeClient()
  const happened: string[] = []
  const deadlines: (() => void)[] = []
  const ending = new Ending({
    jobs,
    client,
    ask: asked => {
      happened.push(`asked about ${String(asked.length)}`)
      return Promise.resolve(answer)
    },
    hideToTray: () => happened.push('tray'),
    stopEngine: () => {
      happened.push('engine stopped')
      return Promise.resolve()
    },
    quit: () => happened.push('quit'),
    after: (_delayMs, callback) => {
      deadlines.push(callback)
      return () => undefined
    },
    note: text => happened.push(text),
  })
  return { jobs, client, happened, ending, deadlines }
}
const settled = () => new Promise(resolve => setImmediate(resolve))

describe('the end of the program', () => {
  it('comes without a question when no board is worked on', async () => {
    const { jobs, ending, happened } = bench('stay')
    jobs.become({ state: 'finished' })
    await ending.request()
    expect(happened).toEqual(['engine stopped', 'quit'])
    expect(ending.hasEnded()).toBe(true)
  })

  it('does not come when the answer is to stay', async () => {
    const { jobs, client, ending, happened } = bench('stay')
    jobs.become({ state: 'transferring' })
    await ending.request()
    expect(happened).toEqual(['asked about 1'])
    expect([ending.hasEnded(), client.calls]).toEqual([false, []])
  })

  it('leaves the boards alone and the window away when they are to go on', async () => {
    const { jobs, client, ending, happened } = bench('keep-running')
    jobs.become({ state: 'transferring' })
    await ending.request()
    expect(happened).toEqual(['asked about 1', 'tray'])
    expect([ending.hasEnded(), client.calls]).toEqual([false, []])
  })

  it('pauses every board that is under way, waits until each stands, and stops the engine then', async () => {
    const { jobs, client, ending, happened } = bench('pause-and-quit')
    jobs.become(
      { jobId: 'a', state: 'transferring' },
      { jobId: 'b', state: 'paused' },
      { jobId: 'c', state: 'finished' },
    )
    const ended = ending.request()
    await settled()
    expect(client.calls).toEqual([{ name: 'job.pause', request: { jobIds: ['a'] } }])
    expect(happened).toEqual(['asked about 2'])
    jobs.become({ jobId: 'a', state: 'paused' }, { jobId: 'b', state: 'paused' })
    await ended
    expect(happened).toEqual(['asked about 2', 'engine stopped', 'quit'])
  })

  it('cancels every board and waits until all of them are over', async () => {
    const { jobs, client, ending, happened } = bench('cancel-safely')
    jobs.become({ jobId: 'a', state: 'transferring' }, { jobId: 'b', state: 'paused' })
    const ended = ending.request()
    await settled()
    expect(client.calls.map(({ name }) => name)).toEqual(['job.cancel', 'job.cancel'])
    jobs.become({ jobId: 'a', state: 'cancelled' }, { jobId: 'b', state: 'paused' })
    await settled()
    expect(happened).not.toContain('quit')
    jobs.become({ jobId: 'a', state: 'cancelled' }, { jobId: 'b', state: 'cancelled' })
    await ended
    expect(happened.at(-1)).toBe('quit')
  })

  it('does not wait for ever for a board that does not stop', async () => {
    const { jobs, ending, happened, deadlines } = bench('pause-and-quit')
    jobs.become({ jobId: 'a', state: 'transferring' })
    const ended = ending.request()
    await settled()
    deadlines[0]?.()
    await ended
    expect(happened).toEqual([
      'asked about 1',
      'job.pause: not every job stopped within 30 s',
      'engine stopped',
      'quit',
    ])
  })

  it('asks once, however often the window is closed meanwhile', async () => {
    const { jobs, ending, happened } = bench('keep-running')
    jobs.become({ state: 'transferring' })
    await Promise.all([ending.request(), ending.request(), ending.request()])
    expect(happened).toEqual(['asked about 1', 'tray'])
  })

  it('comes although a job ended at this very moment, or the engine does not stop in order', async () => {
    const { jobs, client, ending, happened } = bench('pause-and-quit')
    client.answer = () => {
      throw new Error('not live')
    }
    jobs.become({ jobId: 'a', state: 'transferring' })
    const ended = ending.request()
    await settled()
    jobs.become({ jobId: 'a', state: 'finished' })
    await ended
    expect(happened).toContain('job.pause: 1 of 1 jobs did not take it')
    expect(happened.at(-1)).toBe('quit')
  })
})
