// @vitest-environment happy-dom
/** What counts as a sign of life of a board. */
import { describe, expect, it } from 'vitest'
import { lastHeardAt } from '../../../src/renderer/bench/last-heard.ts'
import { fakeDevice, fakeJob } from '../fake-models.ts'

const device = fakeDevice({ lastSeenAt: '2026-11-21T10:00:00.000+07:00' })

describe('when a board was last heard', () => {
  it('is when it announced itself, as long as nobody asked it', () => {
    expect(lastHeardAt(device, null, null)).toBe('2026-11-21T10:00:00.000+07:00')
  })

  it('is when it last answered a job, however the zones are written', () => {
    const job = fakeJob({
      doneBytes: 0,
      evidence: [
        {
          level: 'sent',
          basis: 'host-read',
          method: 'counted',
          value: '1',
          matches: true,
          at: '2026-11-21T10:09:00.000+07:00',
        },
        {
          level: 'acknowledged',
          basis: 'device-said',
          method: 'body',
          value: '1',
          matches: true,
          at: '2026-11-21T03:05:00.000Z',
        },
      ],
    })
    expect(lastHeardAt(device, null, job)).toBe('2026-11-21T03:05:00.000Z')
  })

  it('is never where it neither announced itself nor answered', () => {
    const silent = fakeDevice({ lastSeenAt: null })
    expect(lastHeardAt(silent, null, fakeJob({ doneBytes: 0, evidence: [] }))).toBeNull()
  })
})
