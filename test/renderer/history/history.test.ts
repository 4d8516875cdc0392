// @vitest-environment happy-dom
/** Past jobs: which are shown, what an export asks for, the check of the chain. */
import { createPinia, setActivePinia } from 'pinia'
import { flushPromises, mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { dayAndTime, deviceWords, stateOf } from '../../../src/renderer/components/history/history-words.ts'
import { matching, NO_FILTER, serverFilter } from '../../../src/renderer/stores/history-filter.ts'
import { useHistory } from '../../../src/renderer/stores/history.ts'
import HistoryView from '../../../src/renderer/views/HistoryView.vue'
import { fakeFact, fakeJob } from '../fake-models.ts'
import { createFakeStation, type FakeStation } from '../fake-station.ts'

const ENDED = '2026-11-21T10:15:00.000+07:00'
const jobs = [
  fakeJob({
    jobId: 'a',
    state: 'finished',
    verdict: 'proven',
    provenLevel: 'stored',
    evidence: [fakeFact('stored')],
    device: { name: 'kitchen', mac: '24:6F:28:AA:1F:B8' },
    endedAt: ENDED,
  }),
  fakeJob({ jobId: 'b', state: 'failed', device: { name: 'attic' }, endedAt: '2026-11-21T10:16:00.000+07:00' }),
  fakeJob({ jobId: 'c', state: 'transferring' }),
]

function begin(...[world, given]: Parameters<typeof createFakeStation>): FakeStation {
  const fake = createFakeStation({ jobs, ...world }, given)
  setStation(fake.station)
  return fake
}

beforeEach(() => {
  setActivePinia(createPinia())
})

describe('the filters of the history', () => {
  const entries = jobs.map((snapshot, index) => ({
    sequence: index + 1,
    recordHash: null,
    snapshot,
    operator: 'Ana',
    order: '4711',
  }))
  const shown = (changes: Partial<typeof NO_FILTER>): string[] =>
    matching(entries, { ...NO_FILTER, ...changes }).map(entry => entry.snapshot.jobId)

  it('find by all words in device, MAC, firmware, operator and order', () => {
    expect(shown({ text: 'KITCHEN' })).toEqual(['a'])
    expect(shown({ text: '1f:b8 ana' })).toEqual(['a'])
    expect(shown({ text: 'thermostat.bin 4711' })).toEqual(['a', 'b', 'c'])
    expect(shown({ text: 'kitchen attic' })).toEqual([])
  })

  it('find by outcome', () => {
    expect(shown({ outcome: 'proven' })).toEqual(['a'])
    expect(shown({ outcome: 'failed' })).toEqual(['b'])
    expect(shown({ outcome: 'unproven' })).toEqual([])
  })

  it('leave order, days and journal to the engine', () => {
    expect(serverFilter(NO_FILTER)).toEqual({})
    const filter = {
      ...NO_FILTER,
      order: ' 4711 ',
      since: '2026-11-01',
      until: '2026-11-30',
      journal: 'practice' as const,
    }
    expect(serverFilter(filter)).toEqual({ order: '4711', since: '2026-11-01', until: '2026-11-30', practice: true })
  })
})

describe('the history', () => {
  it('lists ended jobs, the newest first', async () => {
    begin()
    const history = useHistory()
    await history.load()
    expect(history.shown.map(entry => entry.snapshot.jobId)).toEqual(['b', 'a'])
  })

  it('exports what is shown: by the same filter, by ids where the page filtered', async () => {
    begin()
    const history = useHistory()
    await history.load()
    expect(history.exportFilter()).toEqual({})
    await history.setFilter({ text: 'kitchen' })
    expect(history.exportFilter()).toEqual({ jobIds: ['a'] })
  })

  it('asks the engine anew only for what the engine filters', async () => {
    const fake = begin()
    const history = useHistory()
    await history.load()
    await history.setFilter({ text: 'x', outcome: 'failed' })
    await history.setFilter({ journal: 'practice' })
    const lists = fake.calls.filter(call => call.name === 'log.list')
    expect(lists.map(call => call.request)).toEqual([{}, { practice: true }])
  })

  it('opens one job with its lines and its memory', async () => {
    begin(
      {},
      {
        'job.trace': () => ({
          lines: [
            { at: '2026-11-21T03:00:00Z', elapsedMs: 0, level: 'debug', code: 'job.state', text: 'transferring' },
            { at: '2026-11-21T03:01:00Z', elapsedMs: 1, level: 'debug', code: 'job.state', text: 'verifying' },
          ],
          samples: [],
          next: null,
        }),
      },
    )
    const history = useHistory()
    await history.load()
    const [, first] = history.shown
    if (first !== undefined) await history.open(first)
    expect(history.openJob?.lines).toHaveLength(2)
    expect(history.openJob?.picture.written.map(point => point.doneBytes)).toEqual([0, first?.snapshot.doneBytes])
  })

  it('tells why it cannot be read, and tries again', async () => {
    let isBroken = true
    begin(
      {},
      {
        'log.list': () => {
          if (isBroken) throw new Error('disk')
          return { entries: [], headHash: null }
        },
      },
    )
    const wrapper = mount(HistoryView)
    await flushPromises()
    await flushPromises()
    expect(wrapper.find('[role=alert]').text()).toContain('Unexpected fault')
    isBroken = false
    await wrapper
      .findAll('button')
      .find(button => button.text() === 'Load again')
      ?.trigger('click')
    await flushPromises()
    await flushPromises()
    expect(wrapper.text()).toContain('No jobs in the record yet')
  })

  it('says whether the chain is whole and what is wrong where', async () => {
    begin(
      {},
      {
        'log.check': () => ({
          valid: false,
          records: 6,
          headHash: null,
          headSequence: 6,
          signature: 'none',
          problems: [{ sequence: 4, jobId: 'a', text: 'the hash of the record before differs' }],
          notes: [],
        }),
      },
    )
    const wrapper = mount(HistoryView)
    await flushPromises()
    await wrapper
      .findAll('button')
      .find(button => button.text() === 'Verify the chain')
      ?.trigger('click')
    await flushPromises()
    await flushPromises()
    expect(wrapper.find('[role=alert]').text()).toContain('Record 4: the hash of the record before differs')
  })
})

describe('words of the history', () => {
  it('name the board by what is known of it', () => {
    expect(deviceWords({ device: { name: 'kitchen', mac: 'AA' }, target: 'http://x' })).toEqual({
      name: 'kitchen',
      tail: 'AA',
    })
    expect(deviceWords({ device: null, target: 'http://x' })).toEqual({ name: 'http://x', tail: '' })
  })

  it('show times and states, and nothing for what is neither', () => {
    expect(dayAndTime('2026-11-21T10:14:02')).toBe('2026-11-21 10:14')
    expect(dayAndTime('soon')).toBe('–')
    expect(stateOf('verifying')).toBe('verifying')
    expect(stateOf('toString')).toBeNull()
  })
})
