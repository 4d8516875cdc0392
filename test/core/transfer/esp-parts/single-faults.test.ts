/** Each named fault alone, on a board with all endpoints: how the job must end, and what it must say of the board. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EvidenceLevel, JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { faultNames } from '../../../../src/simulator/faults/fault-table.ts'
import type { FaultSpec, VirtualEsp32Options } from '../../../../src/simulator/virtual-esp32.ts'
import { demoImage, openBench, type Bench } from '../../../fakes/bench.ts'
import { randomPolicy } from './random-faults.ts'

interface Row {
  readonly faults: readonly FaultSpec[]
  readonly board?: VirtualEsp32Options
  readonly require?: EvidenceLevel
  readonly ends: Partial<JobSnapshot>
  readonly error?: string | RegExp
}

const restarts: VirtualEsp32Options = { apply: 'reboot', rebootDelayMs: 20, bootMs: 30, confirmMs: 20 }
const proven = { state: 'finished', verdict: 'proven', reason: null, boardNow: 'new-firmware', unplug: 'safe' } as const
const unproven = { state: 'finished', verdict: 'unproven', provenLevel: null } as const
const contradicted = { ...unproven, reason: 'contradicted' } as const
const refused = { state: 'failed', verdict: null, boardNow: 'old-firmware', unplug: 'safe' } as const
const failed = { ...refused, verdict: 'unproven', reason: 'not-answered' } as const

const rows: readonly Row[] = [
  { faults: [], ends: { ...proven, provenLevel: 'stored' } },
  { faults: [], board: restarts, ends: { ...proven, provenLevel: 'running' } },
  { faults: [], board: restarts, require: 'confirmed', ends: { ...proven, provenLevel: 'confirmed' } },
  { faults: [{ name: 'slow', ms: 5 }], ends: proven },
  { faults: [{ name: 'drop-reply', every: 3 }], ends: proven },
  { faults: [{ name: 'drop-reply', chunk: 'complete' }], ends: proven },
  { faults: [{ name: 'reset-at-byte', byte: 10_000 }], ends: proven },
  { faults: [{ name: 'cut', chunk: 3, at: 'in-body', times: 3 }], ends: proven },
  { faults: [{ name: 'cut', chunk: 'complete', at: 'before-request', times: 3 }], ends: proven },
  { faults: [{ name: 'no-answer', chunk: 3 }], ends: proven },
  { faults: [{ name: 'no-answer', chunk: 'complete' }], ends: proven },
  { faults: [{ name: 'error-500', chunk: 2, times: 4 }], ends: proven },
  { faults: [{ name: 'error-500', chunk: 'complete', times: 3 }], ends: proven },
  { faults: [{ name: 'success-false', chunk: 2, times: 4 }], ends: proven },
  { faults: [{ name: 'success-false', chunk: 'complete', times: 3 }], ends: proven },
  { faults: [{ name: 'wrong-json', chunk: 2, shape: 'other-chunk', times: 4 }], ends: proven },
  { faults: [{ name: 'wrong-json', chunk: 'complete', shape: 'truncated' }], ends: proven },
  { faults: [{ name: 'html-instead-of-json', chunk: 'complete' }], ends: proven },
  { faults: [{ name: 'hostile-name' }], ends: proven },
  { faults: [{ name: 'reboot', chunk: 4 }], board: { bootMs: 300 }, ends: proven },
  { faults: [{ name: 'reboot', chunk: 4 }], board: { bootMs: 300, storage: 'direct' }, ends: proven },
  // The crash in the completion is not the restart into the new image.
  { faults: [{ name: 'reboot', chunk: 'complete' }], board: restarts, ends: { ...proven, provenLevel: 'running' } },

  { faults: [{ name: 'success-false', chunk: 2, times: 0 }], ends: failed, error: 'device.rejected' },
  {
    faults: [{ name: 'error-500', chunk: 'complete', times: 0 }],
    ends: { state: 'failed', verdict: 'unproven' },
    error: 'device.rejected',
  },
  {
    faults: [{ name: 'html-instead-of-json', chunk: 'any', times: 0 }],
    board: { features: { status: false } },
    ends: refused,
    error: 'device.bad-answer',
  },
  { faults: [{ name: 'disk-full', part: 5 }], ends: failed, error: 'device.rejected' },
  // It breaks off before or after it takes the connection.
  { faults: [{ name: 'leak', bytes: 30_000 }], ends: failed, error: /^network\.(reset|unreachable)$/ },
  { faults: [{ name: 'wrong-chip' }], ends: refused, error: 'image.wrong-chip' },
  {
    faults: [{ name: 'reboot', chunk: 4 }, { name: 'other-device-after-reboot' }],
    board: { bootMs: 20 },
    ends: { state: 'failed', verdict: 'unproven', boardNow: 'unknown' },
    error: 'device.identity-changed',
  },
  { faults: [{ name: 'liar' }], ends: { ...contradicted, boardNow: 'unknown' } },
  {
    faults: [{ name: 'liar', chunk: 7 }],
    board: { storage: 'direct' },
    ends: { ...contradicted, boardNow: 'unknown' },
  },
  { faults: [{ name: 'stale-longer-file' }], ends: { ...contradicted, boardNow: 'unknown' } },
  { faults: [{ name: 'cached-hash', hmac: 'stale' }], ends: { ...contradicted, boardNow: 'unknown' } },
  {
    faults: [{ name: 'cached-hash', hmac: 'absent' }],
    ends: { ...unproven, reason: 'below-required', boardNow: 'unknown' },
  },
  {
    faults: [{ name: 'cached-hash', hmac: 'absent' }],
    require: 'received',
    ends: { verdict: 'received', boardNow: 'unknown' },
  },
  { faults: [{ name: 'buffer-hash' }], ends: { ...unproven, reason: 'below-required', boardNow: 'unknown' } },
  { faults: [{ name: 'bad-self-check' }], board: restarts, ends: { ...contradicted, boardNow: 'old-firmware' } },
  {
    faults: [{ name: 'bad-self-check' }],
    board: { ...restarts, storage: 'direct' },
    ends: { ...contradicted, boardNow: 'old-firmware' },
  },
  {
    faults: [{ name: 'rollback', ms: 40 }],
    board: { ...restarts, confirmMs: 5000 },
    require: 'confirmed',
    ends: { ...unproven },
  },
]

describe('one fault alone', () => {
  let bench: Bench
  let firmwareId = ''
  beforeAll(async () => {
    bench = await openBench({ retryPolicy: randomPolicy })
    firmwareId = await bench.firmwareId(demoImage(40 * 1024), 'app.bin')
  })
  afterAll(async () => {
    await bench.close()
  })

  it('is tried for every fault of the table', () => {
    const tried = new Set(rows.flatMap(row => row.faults.map(fault => fault.name)))
    expect(faultNames.filter(name => !tried.has(name))).toEqual([])
  })

  it.each(rows.map(row => [nameOf(row), row] as const))('%s', async (_name, row) => {
    const board = await bench.board({ ...row.board, faults: row.faults })
    const [job] = await bench.flash({
      // A board under a strange name runs another project as far as anybody can tell.
      accept: ['other-project'],
      firmwareId,
      targets: [board.target],
      options: { chunkBytes: 1024, pauseMs: 0 },
      ...(row.require === undefined ? {} : { require: row.require }),
    })
    if (row.error instanceof RegExp) expect(job?.error?.code).toMatch(row.error)
    else expect(job?.error?.code).toBe(row.error)
    expect(job).toMatchObject(row.ends)
  })
})

function nameOf({ faults, board, require, ends, error }: Row): string {
  const parts = faults.map(fault => JSON.stringify(fault).replace('{"name":', '').replaceAll(/["}]/g, ''))
  const on = [board?.storage, board?.apply === 'reboot' ? 'restarts' : undefined, require].filter(Boolean).join(', ')
  const end =
    error !== undefined ? String(error) : `${String(ends.verdict)} ${ends.provenLevel ?? ends.reason ?? ''}`.trim()
  return `${parts.join(' + ') || 'none'}${on === '' ? '' : ` (${on})`}: ${end}`
}
