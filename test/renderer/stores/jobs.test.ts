// @vitest-environment happy-dom
/** The mirror of the jobs: newest revision wins, one reference a job, the newest job of a target is what the bench shows. */
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import { computed } from 'vue'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { needsMe, standingOf, tallyOf } from '../../../src/renderer/stores/job-tally.ts'
import { useJobs } from '../../../src/renderer/stores/jobs.ts'
import { fakeJob } from '../fake-models.ts'
import { createFakeStation } from '../fake-station.ts'

describe('the jobs of the page', () => {
  beforeEach(() => {
    sessionStorage.clear()
    setStation(createFakeStation().station)
    setActivePinia(createPinia())
  })

  it('ignores a snapshot that is older than the one it has', () => {
    const jobs = useJobs()
    jobs.apply([fakeJob({ revision: 5, doneBytes: 500 })])
    jobs.apply([fakeJob({ revision: 4, doneBytes: 400 })])
    expect(jobs.get('job-1')?.doneBytes).toBe(500)
  })

  it('shows the newest job of a target', () => {
    const jobs = useJobs()
    jobs.apply([
      fakeJob({ jobId: 'b', createdAt: '2026-11-21T11:00:00.000+07:00', state: 'queued' }),
      fakeJob({ jobId: 'a', createdAt: '2026-11-21T10:00:00.000+07:00', state: 'failed' }),
    ])
    expect(jobs.ofTarget('http://127.0.0.1:8080')?.jobId).toBe('b')
    expect(jobs.ids).toEqual(['a', 'b'])
    expect(jobs.tally).toMatchObject({ queued: 1, failed: 0, total: 1 })
  })

  it('lets a change of one job leave everything alone that reads another', () => {
    const jobs = useJobs()
    jobs.apply([fakeJob({ jobId: 'a', target: 'http://a' }), fakeJob({ jobId: 'b', target: 'http://b' })])
    let reads = 0
    const ofA = computed(() => {
      reads++
      return jobs.ofTarget('http://a')?.doneBytes
    })
    expect(ofA.value).toBe(0)
    jobs.apply([fakeJob({ jobId: 'b', target: 'http://b', revision: 2, doneBytes: 9 })])
    expect(ofA.value).toBe(0)
    expect(reads).toBe(1)
    jobs.apply([fakeJob({ jobId: 'a', target: 'http://a', revision: 2, doneBytes: 7 })])
    expect(ofA.value).toBe(7)
  })

  it('keeps dismissed jobs off the bench over a reload, with what their target did before', () => {
    const earlier = fakeJob({ jobId: 'job-0', createdAt: '2026-11-20T10:00:00.000+07:00', state: 'failed' })
    const ended = fakeJob({ jobId: 'job-1', state: 'finished' })
    useJobs().apply([earlier, ended])
    useJobs().dismiss(['job-1'])
    expect(useJobs().newest()).toEqual([])
    setActivePinia(createPinia())
    const jobs = useJobs()
    jobs.apply([earlier, ended])
    expect(jobs.newest()).toEqual([])
    jobs.apply([{ ...ended, revision: 9, state: 'connecting' }])
    expect(jobs.newest().map(job => job.jobId)).toEqual(['job-1'])
  })

  it('tells of a job that stands elsewhere or asks anew, and not of mere progress', () => {
    const jobs = useJobs()
    jobs.apply([
      fakeJob({ jobId: 'a', target: 'http://a' }),
      fakeJob({ jobId: 'b', target: 'http://b', state: 'failed' }),
    ])
    let counted = 0
    const failed = computed(() => {
      counted++
      return jobs
        .newest()
        .filter(job => job.state === 'failed')
        .map(job => job.jobId)
    })
    expect(failed.value).toEqual(['b'])
    jobs.apply([fakeJob({ jobId: 'a', target: 'http://a', revision: 2, doneBytes: 512 })])
    expect(failed.value).toEqual(['b'])
    expect(counted).toBe(1)
    // The counts stay the same, the boards do not.
    jobs.apply([
      fakeJob({ jobId: 'a', target: 'http://a', revision: 3, state: 'failed' }),
      fakeJob({ jobId: 'b', target: 'http://b', revision: 3, state: 'transferring' }),
    ])
    expect(failed.value).toEqual(['a'])
    expect(jobs.peekOfTarget('http://b')?.state).toBe('transferring')
  })

  it('takes dismissed jobs off the bench', () => {
    const jobs = useJobs()
    jobs.apply([fakeJob()])
    jobs.dismiss(['job-1'])
    expect(jobs.ofTarget('http://127.0.0.1:8080')).toBeNull()
    expect(jobs.tally.total).toBe(0)
  })
})

describe('where a job stands', () => {
  it('counts proven apart from what reached a lower required level', () => {
    const tally = tallyOf([
      fakeJob({ state: 'finished', verdict: 'proven', provenLevel: 'stored' }),
      fakeJob({ state: 'finished', verdict: 'acknowledged' }),
      fakeJob({ state: 'finished', verdict: 'unproven', reason: 'contradicted' }),
      fakeJob({ state: 'verifying' }),
    ])
    expect(tally).toMatchObject({ proven: 1, reached: 1, unproven: 1, running: 1, total: 4 })
  })

  it.each([
    ['failed', true],
    ['interrupted', true],
    ['waiting', true],
    ['transferring', false],
    ['paused', false],
    ['cancelled', false],
  ] as const)('says of a job that is %s whether it needs a person: %s', (state, expected) => {
    expect(needsMe(fakeJob({ state }))).toBe(expected)
  })

  it('never calls a finished job without a proof proven', () => {
    for (const verdict of ['running', 'received', 'acknowledged', 'sent', 'unproven', null] as const) {
      expect(standingOf(fakeJob({ state: 'finished', verdict }))).not.toBe('proven')
    }
  })
})
