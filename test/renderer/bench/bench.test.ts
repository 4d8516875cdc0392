// @vitest-environment happy-dom
/** The list and the batch bar on a fake station: reviews, ticks, the start, questions, stopping. */
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import { runAction } from '../../../src/renderer/actions.ts'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import BatchBar from '../../../src/renderer/components/bench/BatchBar.vue'
import DeviceTable from '../../../src/renderer/components/bench/DeviceTable.vue'
import { useBench } from '../../../src/renderer/stores/bench.ts'
import { useDevices } from '../../../src/renderer/stores/devices.ts'
import { useHost } from '../../../src/renderer/stores/host.ts'
import { useJobs } from '../../../src/renderer/stores/jobs.ts'
import { useNotices } from '../../../src/renderer/stores/notices.ts'
import { startStores } from '../../../src/renderer/stores/start-stores.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import type { TargetReview } from '../../../src/shared/contract/index.ts'
import { fakeDevice, fakeFirmware, fakeHostInfo, fakeJob, fakePreferences } from '../fake-models.ts'
import { createFakeStation, type FakeStation, type FakeWorld } from '../fake-station.ts'

const A = 'http://192.168.4.21'
const B = 'http://192.168.4.22'
const devices = [
  fakeDevice({ target: A, identity: { mac: '24:6F:28:AA:1F:A2' } }),
  fakeDevice({ target: B, name: 'plug', identity: { mac: '24:6F:28:AA:1F:B8' } }),
]

function reviewed(target: string, changes: Partial<TargetReview> = {}): TargetReview {
  return {
    target,
    fits: true,
    heardAt: '2026-11-21T10:00:00.000+07:00',
    protocol: 'esp-parts',
    identity: null,
    appName: null,
    versionNow: '2.1.3',
    versionNew: '2.1.4',
    required: 'stored',
    reach: null,
    findings: [],
    ...changes,
  }
}

const wrongChip: TargetReview['findings'][number] = {
  severity: 'refusal',
  code: 'image.wrong-chip',
  text: { en: 'wrong chip', vi: 'sai chip' },
  accept: null,
  typed: null,
}
const otherProject: TargetReview['findings'][number] = {
  severity: 'warning',
  code: 'other-project',
  text: { en: 'the board runs gateway', vi: 'bo đang chạy gateway' },
  accept: 'other-project',
  typed: 'thermostat',
}

let page: VueWrapper | null = null

/** Lets the debounce pass and the calls behind it answer. */
async function settle(): Promise<void> {
  await flushPromises()
  await vi.advanceTimersByTimeAsync(400)
  await flushPromises()
}

async function show(
  world: FakeWorld,
  reviews: readonly TargetReview[] = [],
  handlers: Parameters<typeof createFakeStation>[1] = {},
): Promise<FakeStation> {
  const fake = createFakeStation(
    { firmware: [fakeFirmware()], devices, preferences: fakePreferences({ operator: 'Ana' }), ...world },
    {
      'order.review': ({ targets }) => ({
        targets: targets.map(target => reviews.find(review => review.target === target) ?? reviewed(target)),
      }),
      'job.start': ({ targets }) => ({
        batchId: 'b',
        jobIds: targets.map((_, index) => `new-${String(index)}`),
        warnings: [],
      }),
      ...handlers,
    },
  )
  setStation(fake.station)
  setActivePinia(createPinia())
  const Page = defineComponent({ render: () => [h(DeviceTable), h(BatchBar)] })
  page = mount(Page, { attachTo: document.body })
  startStores()
  await settle()
  return fake
}

const bodyText = (): string => document.body.textContent
const callsOf = (fake: FakeStation, name: string): unknown[] =>
  fake.calls.filter(call => call.name === name).map(call => call.request)

function button(label: string | RegExp): HTMLButtonElement {
  const found = [...document.querySelectorAll('button')].find(one => {
    const words = `${one.textContent} ${one.getAttribute('aria-label') ?? ''}`.trim()
    return typeof label === 'string' ? words.includes(label) : label.test(words)
  })
  if (found === undefined) throw new Error(`there is no button ${String(label)}`)
  return found
}

async function tickBoth(): Promise<void> {
  useDevices().setTicked(
    useDevices().list.map(device => device.key),
    true,
  )
  await settle()
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
})

afterEach(() => {
  page?.unmount()
  page = null
  document.body.innerHTML = ''
  vi.useRealTimers()
})

describe('the list', () => {
  it('says how many ticked boards fit, and why one is refused, with nothing sent', async () => {
    await show({}, [reviewed(B, { fits: false, findings: [wrongChip] })])
    await tickBoth()
    expect(bodyText()).toContain('2 ticked: 1 fit, 1 refused')
    expect(bodyText()).toContain('Refused: wrong chip (nothing sent)')
    expect(button('Write thermostat 2.1.4 to 1 board').disabled).toBe(false)
  })

  it('asks every ticked board once, in one question', async () => {
    const fake = await show({})
    await tickBoth()
    useDevices().setTicked([devices[0]?.key ?? ''], false)
    await settle()
    await tickBoth()
    expect(callsOf(fake, 'order.review')).toMatchObject([{ firmwareId: 'firmware-1', targets: [A, B] }])
  })

  it('leaves a board that is at work in peace', async () => {
    const fake = await show({ jobs: [fakeJob({ target: A, state: 'transferring' })] })
    await tickBoth()
    expect(callsOf(fake, 'order.review')).toMatchObject([{ targets: [B] }])
  })

  it('keeps a row in its place when its job ends under a filter', async () => {
    await show({ jobs: [fakeJob({ target: A, state: 'transferring' })] })
    const bench = useBench()
    bench.toggle('running')
    await flushPromises()
    expect(bench.shownKeys).toHaveLength(1)
    useJobs().apply([fakeJob({ target: A, state: 'finished', verdict: 'proven', provenLevel: 'stored', revision: 9 })])
    await flushPromises()
    expect(bench.shownKeys).toHaveLength(1)
    expect(bodyText()).toContain('Proven: checked in flash')
  })

  it('moves with the arrows, ticks with Space and opens the drawer with Enter', async () => {
    await show({})
    const list = document.querySelector('[role=grid]')
    const press = (key: string): boolean | undefined =>
      list?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
    press('ArrowDown')
    press('ArrowDown')
    press(' ')
    press('Enter')
    const [, second] = devices
    expect([...useDevices().ticked]).toEqual([second?.key])
    expect(useDevices().selectedKey).toBe(second?.key)
  })

  it('finds by any word and says so when nothing is left', async () => {
    await show({})
    useBench().query = 'plug 1f:b8'
    await flushPromises()
    expect(useBench().shownKeys).toHaveLength(1)
    useBench().query = 'nothing like it'
    await flushPromises()
    expect(bodyText()).toContain('No device matches')
    button('Show all').click()
    await flushPromises()
    expect(useBench().shownKeys).toHaveLength(2)
  })

  it('tells the first step when there is no device', async () => {
    const fake = await show({ devices: [] })
    expect(bodyText()).toContain('No device yet')
    button('Practise with four virtual boards').click()
    await flushPromises()
    expect(callsOf(fake, 'practice.start')).toHaveLength(1)
  })

  it('goes to the next board that needs a person', async () => {
    await show({ jobs: [fakeJob({ target: B, state: 'failed' })] })
    runAction('next-needing-me')
    await flushPromises()
    expect(useDevices().selectedKey).toBe(devices[1]?.key)
  })

  it('draws only the rows that are in view', async () => {
    const many = Array.from({ length: 256 }, (_, index) => fakeDevice({ target: `http://10.0.0.${String(index)}` }))
    await show({ devices: many })
    expect(useBench().shownKeys).toHaveLength(256)
    expect(document.querySelectorAll('[role=row]').length).toBeLessThan(40)
    expect(document.querySelector('[role=grid]')?.getAttribute('aria-rowcount')).toBe('257')
  })
})

describe('single devices', () => {
  it('tells a clear error when an address cannot be added, and keeps what was typed', async () => {
    await show({ devices: [] })
    button('Add by address').click()
    await flushPromises()
    const field = document.querySelector('[role=dialog] input')
    if (!(field instanceof HTMLInputElement)) throw new Error('there is a field')
    field.value = 'http://10.0.0.9'
    field.dispatchEvent(new Event('input'))
    await flushPromises()
    button('Ask and add').click()
    await settle()
    expect(document.querySelector('[role=dialog] [role=alert]')?.textContent).toContain('device.add')
    expect(field.value).toBe('http://10.0.0.9')
  })

  it('labels the board under the cursor', async () => {
    const fake = await show({})
    useBench().moveCursor(1)
    runAction('label')
    await flushPromises()
    const field = document.querySelector('[role=dialog] input')
    if (!(field instanceof HTMLInputElement)) throw new Error('there is a field')
    field.value = ' Socket 7 '
    field.dispatchEvent(new Event('input'))
    await flushPromises()
    button(/^Save$/).click()
    await flushPromises()
    expect(callsOf(fake, 'device.label')).toEqual([{ key: devices[0]?.key, label: 'Socket 7' }])
    expect(bodyText()).toContain('Socket 7')
  })

  it('takes a finished result off its row, and leaves the row', async () => {
    await show({ jobs: [fakeJob({ target: A, state: 'finished', verdict: 'proven', provenLevel: 'stored' })] })
    const bench = useBench()
    const ended = bench.endedJobOf(devices[0]?.key ?? null)
    if (ended === null) throw new Error('the job ended')
    bench.dismiss(ended)
    await flushPromises()
    expect(bodyText()).not.toContain('Proven: checked in flash')
    expect(bench.shownKeys).toHaveLength(2)
  })

  it('does not offer to take off what still runs', async () => {
    await show({ jobs: [fakeJob({ target: A, state: 'transferring' })] })
    expect(useBench().endedJobOf(devices[0]?.key ?? null)).toBeNull()
    expect(useBench().finishedJobs()).toEqual([])
  })
})

describe('the batch bar', () => {
  it('brings a new question forward by itself', async () => {
    const fake = await show({ jobs: [fakeJob({ target: A, state: 'transferring' })] })
    const decision = {
      code: 'tight-space',
      question: 'Send <b>all</b> the same?',
      details: {},
      askedAt: '2026-11-21T10:14:00.000+07:00',
      answer: null,
      answeredAt: null,
      answeredBy: null,
    }
    fake.emit('jobs.changed', { jobs: [fakeJob({ target: A, state: 'waiting', decision, revision: 3 })] })
    fake.emit('decision.asked', { jobId: 'job-1', decision })
    await flushPromises()
    expect(document.querySelector('[role=dialog]')?.textContent).toContain('Send <b>all</b> the same?')
    button(/^Later$/).click()
    await flushPromises()
    expect(callsOf(fake, 'decision.answer')).toEqual([])
  })

  it('goes on one by one when some of the jobs need a new order, and ticks those', async () => {
    const refusing = new Set(['bad'])
    const fake = await show(
      {
        jobs: [
          fakeJob({ jobId: 'bad', target: A, state: 'failed' }),
          fakeJob({ jobId: 'fine', target: B, state: 'cancelled' }),
        ],
      },
      [],
      {
        'job.resume': ({ jobIds = [] }) => {
          if (jobIds.some(jobId => refusing.has(jobId))) throw new FlashproofError('job.resume-refused', 'another slot')
          return { jobIds }
        },
      },
    )
    runAction('retry-unproven')
    await settle()
    expect(callsOf(fake, 'job.resume')).toHaveLength(3)
    expect([...useDevices().ticked]).toEqual([devices[0]?.key])
  })

  it('counts only boards of the bench, and filters by a click', async () => {
    await show({
      jobs: [
        fakeJob({ jobId: '1', target: A, state: 'finished', verdict: 'proven' }),
        fakeJob({ jobId: '2', target: B, state: 'finished', verdict: 'unproven', reason: 'contradicted' }),
        fakeJob({ jobId: '3', target: 'http://elsewhere', state: 'failed' }),
      ],
    })
    expect(bodyText()).toContain('Proven 1')
    expect(bodyText()).toContain('Failed 0')
    button('Not proven 1').click()
    await flushPromises()
    expect(useBench().shownKeys).toEqual([devices[1]?.key])
  })

  it('says why nothing can be written', async () => {
    await show({ firmware: [] })
    expect(bodyText()).toContain('Open a firmware file first.')
    expect(button(/^Write$/).disabled).toBe(true)
  })

  it('says that a watching page may not write', async () => {
    await show({ host: fakeHostInfo({ control: 'watch' }) })
    await tickBoth()
    expect(useHost().control).toBe('watch')
    expect(bodyText()).toContain('This page only watches.')
  })

  it('reviews first and writes the second time, to those that fit', async () => {
    const fake = await show({}, [reviewed(B, { fits: false, findings: [wrongChip] })])
    await tickBoth()
    runAction('write')
    await settle()
    expect(bodyText()).toContain('Review: thermostat 2.1.4')
    expect(callsOf(fake, 'job.start')).toEqual([])
    runAction('write')
    await settle()
    expect(callsOf(fake, 'job.start')).toMatchObject([
      { targets: [A], interactive: true, context: { operator: 'Ana', order: '4711', station: 'A3' } },
    ])
    expect(useDevices().ticked.size).toBe(1)
  })

  it('asks the boards again right before, even those that are known', async () => {
    const fake = await show({})
    await tickBoth()
    runAction('write')
    await settle()
    expect(callsOf(fake, 'order.review')).toHaveLength(2)
  })

  it('never starts by Enter alone', async () => {
    const fake = await show({})
    await tickBoth()
    runAction('write')
    await settle()
    const write = [...document.querySelectorAll('[role=dialog] button')].find(one => one.textContent.includes('Write'))
    const enter = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })
    write?.dispatchEvent(enter)
    await settle()
    expect(enter.defaultPrevented).toBe(true)
    expect(callsOf(fake, 'job.start')).toEqual([])
  })

  it('leaves a board out until its word is typed, and sends the code then', async () => {
    const fake = await show({}, [reviewed(B, { findings: [otherProject] })])
    await tickBoth()
    runAction('write')
    await settle()
    expect(bodyText()).toContain('left out until you say yes above')
    const field = document.querySelector('[role=dialog] input')
    if (!(field instanceof HTMLInputElement)) throw new Error('there is a field')
    field.value = 'thermostat'
    field.dispatchEvent(new Event('input'))
    await settle()
    runAction('write')
    await settle()
    expect(callsOf(fake, 'job.start')).toMatchObject([
      { targets: [A, B], accept: ['other-project'], acceptedBy: 'Ana' },
    ])
  })

  it('asks before it stops everything, and says what the boards will be', async () => {
    const fake = await show({
      jobs: [fakeJob({ target: A, state: 'transferring', boardNow: 'not-bootable', unplug: 'keep-powered' })],
    })
    button('STOP ALL').click()
    await flushPromises()
    expect(callsOf(fake, 'job.cancel')).toEqual([])
    expect(document.querySelector('[role=dialog]')?.textContent).toContain('KEEP POWERED')
    button('Stop them').click()
    await flushPromises()
    expect(callsOf(fake, 'job.cancel')).toEqual([{ jobIds: ['job-1'] }])
  })

  it('stops and pauses the others when one job has ended a moment ago', async () => {
    const isOver = (jobIds: readonly string[]): Record<string, never> => {
      if (jobIds.includes('over')) throw new FlashproofError('job.wrong-state', 'job over does not run here')
      return {}
    }
    const fake = await show(
      {
        jobs: [
          fakeJob({ jobId: 'over', target: A, state: 'transferring' }),
          fakeJob({ jobId: 'on', target: B, state: 'transferring' }),
        ],
      },
      [],
      { 'job.pause': ({ jobIds }) => isOver(jobIds), 'job.cancel': ({ jobIds }) => isOver(jobIds) },
    )
    runAction('pause-resume')
    await flushPromises()
    expect(callsOf(fake, 'job.pause')).toContainEqual({ jobIds: ['on'] })
    button('STOP ALL').click()
    await flushPromises()
    button('Stop them').click()
    await flushPromises()
    expect(callsOf(fake, 'job.cancel')).toContainEqual({ jobIds: ['on'] })
    expect(useNotices().list).toEqual([])
  })

  it('pauses what runs, and resumes when everything is paused', async () => {
    const fake = await show({ jobs: [fakeJob({ target: A, state: 'transferring' })] })
    runAction('pause-resume')
    await flushPromises()
    expect(callsOf(fake, 'job.pause')).toEqual([{ jobIds: ['job-1'] }])
    useJobs().apply([fakeJob({ target: A, state: 'paused', revision: 5 })])
    await flushPromises()
    runAction('pause-resume')
    await flushPromises()
    expect(callsOf(fake, 'job.resume')).toMatchObject([{ jobIds: ['job-1'] }])
  })

  it('resumes boards that wait in the line with those that are paused', async () => {
    const fake = await show({
      jobs: [
        fakeJob({ jobId: 'held', target: A, state: 'paused' }),
        fakeJob({ jobId: 'next', target: B, state: 'queued' }),
      ],
    })
    runAction('pause-resume')
    await flushPromises()
    expect(callsOf(fake, 'job.pause')).toEqual([])
    const [request] = callsOf(fake, 'job.resume')
    expect(request).toMatchObject({ jobIds: expect.arrayContaining(['held', 'next']) as unknown })
  })

  it('tries again only what is not proven, of the last batch', async () => {
    const fake = await show({
      jobs: [
        fakeJob({ jobId: 'good', target: A, state: 'finished', verdict: 'proven', batchId: 'b2' }),
        fakeJob({
          jobId: 'bad',
          target: B,
          state: 'failed',
          batchId: 'b2',
          createdAt: '2026-11-21T11:00:00.000+07:00',
        }),
      ],
    })
    runAction('retry-unproven')
    await flushPromises()
    expect(callsOf(fake, 'job.resume')).toMatchObject([{ jobIds: ['bad'], interactive: true, acceptedBy: 'Ana' }])
  })

  it('shows a question and sends the answer with the name of who gave it', async () => {
    const decision = {
      code: 'tight-space',
      question: 'Send all the same?',
      details: { heapFreeBytes: 12_288 },
      askedAt: '2026-11-21T10:14:00.000+07:00',
      answer: null,
      answeredAt: null,
      answeredBy: null,
    }
    const fake = await show({ jobs: [fakeJob({ target: A, state: 'waiting', decision })] })
    button('kitchen asks a question').click()
    await flushPromises()
    expect(document.querySelector('[role=dialog]')?.textContent).toContain('Send all the same?')
    button(/^Refuse$/).click()
    await flushPromises()
    expect(callsOf(fake, 'decision.answer')).toEqual([
      { jobId: 'job-1', code: 'tight-space', answer: 'refuse', answeredBy: 'Ana' },
    ])
  })
})
