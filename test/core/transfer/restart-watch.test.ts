import { describe, expect, it } from 'vitest'
import type { BoardNow, EvidenceFact, EvidenceLevel, TelemetrySample } from '../../../src/shared/contract/models.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { isEndpoint, parseTarget } from '../../../src/core/discovery/target.ts'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import { inspectSource } from '../../../src/core/formats/inspect.ts'
import {
  watchRestart,
  type RestartReport,
  type RestartWatch,
  type Sighting,
} from '../../../src/core/transfer/restart-watch.ts'
import { defaultRetryPolicy } from '../../../src/core/transfer/retry.ts'
import type { TransferContext, TransferOrder } from '../../../src/core/transfer/transfer-protocol.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'
import { demoImage } from '../../fakes/bench.ts'

const bytes = demoImage(16 * 1024, 7)
const { inspection } = inspectSource(sourceFromBytes('app.bin', bytes))
const ourHash = inspection.esp?.app?.elfSha256 ?? ''
const OTHER_HASH = '00'.repeat(32)

type Step = Sighting | 'away'
const sample = (fields: Partial<TelemetrySample>): TelemetrySample => ({
  at: '2026-11-21T00:00:00Z',
  elapsedMs: 0,
  source: 'test',
  ...fields,
})

interface Watched {
  readonly report: RestartReport
  readonly facts: readonly Omit<EvidenceFact, 'at'>[]
  readonly warnings: readonly string[]
  readonly states: readonly string[]
  readonly tookMs: number
}

/** Watches a device that shows `steps` one after another, and the last one for ever. */
async function watch(
  steps: readonly Step[],
  more: Partial<Pick<RestartWatch, 'before' | 'written' | 'versions'>> & {
    readonly required?: EvidenceLevel
    readonly outcome?: RestartReport['outcome']
  } = {},
): Promise<Watched> {
  const clock = new FakeClock()
  const facts: Omit<EvidenceFact, 'at'>[] = []
  const warnings: string[] = []
  const states: string[] = []
  const waiting = [...steps]
  const context: TransferContext = {
    signal: new AbortController().signal,
    requestSignal: new AbortController().signal,
    clock,
    random: () => 0,
    retryPolicy: defaultRetryPolicy,
    enter: state => states.push(state),
    warn: text => warnings.push(text),
    addEvidence: fact => facts.push(fact),
    log: () => undefined,
    progress: () => undefined,
    addTelemetry: () => undefined,
    countRetry: () => undefined,
    relay: () => undefined,
    cannotUndo: () => undefined,
    setRequired: () => undefined,
    setVersion: () => undefined,
    identify: () => Promise.resolve(),
    checkpoint: () => Promise.resolve({ wasPaused: false }),
    ledger: () => null,
    startSession: () => undefined,
    acknowledge: () => undefined,
    markCompletion: () => Promise.resolve(),
    keepFile: () => Promise.reject(new Error('nothing is kept here')),
    readKept: () => Promise.resolve(null),
    recall: () => null,
    remember: () => undefined,
    isAccepted: () => Promise.resolve(false),
    decide: () => Promise.resolve(),
  }
  const { required, outcome = 'answered', before = null, written = 'app', versions } = more
  const watched = watchRestart({
    order: orderOf(required ?? null),
    context,
    before,
    written,
    ...(versions === undefined ? {} : { versions }),
    otherwise: { outcome, boardNow: 'unknown', unplug: 'safe' },
    cannotName: 'cannot name',
    ask: () => {
      const step = waiting.length > 1 ? waiting.shift() : waiting[0]
      if (step === undefined || step === 'away') {
        return Promise.reject(new FlashproofError('network.refused', 'nobody there'))
      }
      return Promise.resolve(step)
    },
  })
  const report = await finished(clock, watched)
  return { report, facts, warnings, states, tookMs: clock.monotonicMs() }
}

function orderOf(requiredLevel: EvidenceLevel | null): TransferOrder {
  const endpoint = parseTarget('http://127.0.0.1:1')
  if (!isEndpoint(endpoint)) throw new Error('no endpoint')
  return {
    endpoint,
    image: { bytes, segments: [{ address: 0, bytes }], sha256: '', baseAddress: null, fileName: 'app.bin', inspection },
    options: {},
    requiredLevel,
    expectedIdentity: null,
    isResume: false,
    earlierCompletion: 'succeeded',
    telemetryBefore: null,
    isDryRun: false,
  }
}

/** Lets time pass until the watch has ended. */
async function finished<Result>(clock: FakeClock, watched: Promise<Result>): Promise<Result> {
  const state = { isOver: false }
  void watched.then(() => (state.isOver = true))
  for (let turns = 0; !state.isOver && turns < 5000; turns++) await clock.advance(clock.nextDueInMs ?? 1)
  return await watched
}

const before = sample({ bootCount: 4, appElfSha256: OTHER_HASH, appVersion: '1.0.0' })
const ours = sample({ bootCount: 5, appElfSha256: ourHash, appVersion: '2.1.7' })

describe('watchRestart', () => {
  it('proves by the hash of a new boot that the image runs', async () => {
    const { report, facts } = await watch([before, 'away', 'away', ours], { before })
    expect([report.restart, report.boardNow, report.unplug, report.outcome]).toEqual([
      'seen',
      'new-firmware',
      'safe',
      'answered',
    ])
    expect(facts).toMatchObject([{ level: 'running', method: 'elf-sha256', matches: true, fresh: true }])
  })

  it('takes no silence for a restart of a device that counts its boots', async () => {
    const { report, facts } = await watch([before, 'away', 'away', before], { before })
    expect([report.restart, facts]).toEqual(['not-seen', []])
  })

  it('knows the old firmware when it runs again', async () => {
    const { report, facts, warnings } = await watch(['away', { ...before, bootCount: 6 }], { before })
    expect(report.boardNow).toBe('old-firmware')
    expect(facts).toMatchObject([{ matches: false }])
    expect(warnings.join()).toContain('runs its old firmware again')
  })

  it.each<[string, Partial<TelemetrySample>, Partial<TelemetrySample>, BoardNow]>([
    ['the version of the image', { appVersion: '1.0.0' }, { appVersion: '2.1.7' }, 'new-firmware'],
    ['the old version, and the image has another', { appVersion: '1.0.0' }, { appVersion: '1.0.0' }, 'old-firmware'],
    ['the version that it had, which is the image’s too', { appVersion: '2.1.7' }, { appVersion: '2.1.7' }, 'unknown'],
    ['a third version', { appVersion: '1.0.0' }, { appVersion: '0.9.0' }, 'unknown'],
    ['another version of its own kind', { appVersion: 'blue' }, { appVersion: 'green' }, 'new-firmware'],
    ['the other slot', { otaRunning: 'ota_0' }, { otaRunning: 'ota_1' }, 'new-firmware'],
    ['the same slot', { otaRunning: 'ota_0' }, { otaRunning: 'ota_0' }, 'old-firmware'],
    ['nothing', {}, {}, 'unknown'],
  ])('a device that reports %s: the board has %s → %s', async (_name, earlier, later, boardNow) => {
    const { report } = await watch(['away', sample({ bootCount: 5, ...later })], {
      before: sample({ bootCount: 4, ...earlier }),
    })
    expect(report.boardNow).toBe(boardNow)
  })

  it('does not compare versions of another kind with the image’s', async () => {
    const { report } = await watch([sample({ appVersion: '14.1.0(tasmota32)' })], {
      before: sample({ appVersion: '13.4.0(tasmota32)' }),
      versions: 'own',
    })
    expect([report.restart, report.boardNow]).toEqual(['seen', 'new-firmware'])
  })

  it('gives no fact for a device that only went away and came back, and says what would raise it', async () => {
    const { report, facts, warnings } = await watch(['alive', 'away', 'away', 'alive'])
    expect([report.restart, report.boardNow, report.outcome, facts]).toEqual(['seen', 'unknown', 'answered', []])
    expect(warnings).toEqual(['cannot name'])
  })

  it('leaves a device alone early that stays where it is, unless a person may restart it', async () => {
    const early = await watch(['alive'])
    expect([early.report.restart, early.report.outcome]).toEqual(['not-seen', 'answered'])
    expect(early.tookMs).toBeLessThan(10_000)
    const late = await watch(['alive'], { required: 'running' })
    expect([late.report.restart, late.report.outcome]).toEqual(['not-seen', 'not-answered'])
    expect(late.tookMs).toBeGreaterThanOrEqual(defaultRetryPolicy.rebootTimeoutMs)
    expect(late.warnings.join()).toContain('restarted now by hand')
  })

  it('says so when the device does not come back', async () => {
    const { report, warnings } = await watch(['alive', 'away'])
    expect([report.restart, report.boardNow]).toEqual(['away', 'unknown'])
    expect(warnings.join()).toContain('did not come back')
  })

  it('sees a restart by an uptime that began after the device went away, however short it was up before', async () => {
    const steps: Step[] = ['away', 'away', 'away', 'away', 'away', 'away', sample({ uptimeMs: 900 })]
    const { report } = await watch(steps, { before: sample({ uptimeMs: 500 }) })
    expect(report.restart).toBe('seen')
  })

  it('says nothing of the program after a file system was written', async () => {
    const { report, facts } = await watch(['away', ours], { before, written: 'filesystem' })
    expect([report.restart, report.boardNow, facts]).toEqual(['seen', 'unknown', []])
  })

  it('makes up for a lost answer only where the device names what it runs', async () => {
    const named = await watch(['away', ours], { before, outcome: 'outcome-unknown' })
    const silent = await watch(['away', 'alive'], { outcome: 'outcome-unknown' })
    expect([named.report.outcome, silent.report.outcome]).toEqual(['answered', 'outcome-unknown'])
  })

  it('waits for “confirmed” until the rollback window is closed', async () => {
    const pending = { ...ours, otaState: 'pending-verify' }
    const steps: Step[] = ['away', ...Array<Step>(60).fill(pending), { ...ours, otaState: 'valid' }]
    const { report, facts, states, tookMs } = await watch(steps, { before, required: 'confirmed' })
    expect([report.outcome, report.boardNow]).toEqual(['answered', 'new-firmware'])
    expect(facts.map(({ level, matches }) => [level, matches])).toEqual([
      ['running', true],
      ['confirmed', true],
    ])
    expect(states).toEqual(['rebooting', 'confirming'])
    expect(tookMs).toBeGreaterThanOrEqual(defaultRetryPolicy.confirmMs)
  })

  it('finds a firmware that restarts again not confirmed', async () => {
    const steps: Step[] = ['away', ours, ours, { ...before, bootCount: 6 }]
    const { report, facts } = await watch(steps, { before, required: 'confirmed' })
    expect([report.outcome, report.boardNow]).toEqual(['not-answered', 'unknown'])
    expect(facts.at(-1)).toMatchObject({ level: 'confirmed', matches: false })
  })

  it('says that a board may still go back where it tells so', async () => {
    const { warnings } = await watch(['away', { ...ours, otaState: 'pending_verify' }], { before })
    expect(warnings.join()).toContain('may still go back')
  })
})
