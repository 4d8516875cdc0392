import { describe, expect, it } from 'vitest'
import { resumedSnapshot } from '../../../src/core/jobs/job-start.ts'
import { JobState, type JobSnapshot } from '../../../src/shared/contract/models.ts'
import { fakeSnapshot } from '../../fakes/fake-snapshot.ts'

const real = { isDryRun: false }

describe('a stopped job that goes on', () => {
  it.each<[string, Partial<JobSnapshot>, string]>([
    ['before its completion', { state: 'interrupted', completion: 'none' }, 'none'],
    ['while the completion was unanswered', { state: 'interrupted', completion: 'sent' }, 'sent'],
    ['after the completion', { state: 'failed', completion: 'succeeded' }, 'succeeded'],
    ['as cancelled', { state: 'cancelled', completion: 'none' }, 'none'],
    [
      'as unproven',
      { state: 'finished', verdict: 'unproven', reason: 'contradicted', completion: 'succeeded' },
      'failed',
    ],
    [
      'without knowing',
      { state: 'finished', verdict: 'unproven', reason: 'outcome-unknown', completion: 'sent' },
      'sent',
    ],
  ])('that ended %s is queued with what is known of the completion', (_, changes, completion) => {
    const before = fakeSnapshot({
      ...changes,
      revision: 7,
      boardNow: 'unknown',
      error: { code: 'x', message: '', details: {} },
    })
    expect(resumedSnapshot(before, real)).toMatchObject({
      state: 'queued',
      revision: 8,
      completion,
      boardNow: 'unknown',
      error: null,
      verdict: null,
      reason: null,
      endedAt: null,
    })
  })

  it.each(JobState.options.filter(state => !['interrupted', 'failed', 'cancelled', 'finished'].includes(state)))(
    'is refused while it is %s',
    state => {
      expect(() => resumedSnapshot(fakeSnapshot({ state }), real)).toThrow(
        expect.objectContaining({ code: 'job.wrong-state', details: expect.objectContaining({ state }) as unknown }),
      )
    },
  )

  it.each(['proven', 'running', 'received', 'acknowledged', 'sent'] as const)(
    'is refused after it finished with %s, which was what it was to reach',
    verdict => {
      expect(() => resumedSnapshot(fakeSnapshot({ state: 'finished', verdict }), real)).toThrow(
        expect.objectContaining({ code: 'job.wrong-state' }),
      )
    },
  )

  it('is refused after a dry run has ended', () => {
    expect(() => resumedSnapshot(fakeSnapshot({ state: 'finished', verdict: 'unproven' }), { isDryRun: true })).toThrow(
      expect.objectContaining({ code: 'job.wrong-state' }),
    )
  })
})
