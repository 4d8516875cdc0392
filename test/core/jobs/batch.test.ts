import { describe, expect, it } from 'vitest'
import { nextStep, type BatchJobState, type BatchRules, type BatchStep } from '../../../src/core/jobs/batch.ts'

const free: BatchRules = { parallel: 100, first: null, stopAfter: null }
const states: Readonly<Record<string, BatchJobState>> = {
  '.': 'waiting',
  r: 'running',
  o: 'succeeded',
  x: 'failed',
  w: 'withdrawn',
}

/** One letter a job: `.` waits, `r` runs, `o` went well, `x` failed, `w` was withdrawn. */
function step(rules: Partial<BatchRules>, letters: string): BatchStep {
  return nextStep(
    { ...free, ...rules },
    Array.from(letters, letter => states[letter] ?? 'waiting'),
  )
}

describe('the parallel limit', () => {
  it.each([
    [3, '.....', [0, 1, 2]],
    [3, 'rr...', [2]],
    [3, 'rrr..', []],
    [3, 'oxw..', [3, 4]],
    [1, 'r.', []],
    [8, '..', [0, 1]],
    [2, '', []],
    [1, 'rr.', []],
  ])('of %i starts the next jobs of "%s": %j', (parallel, letters, indexes) => {
    expect(step({ parallel }, letters)).toEqual({ kind: 'start', indexes })
  })
})

describe('trying the first ones', () => {
  it.each([
    [1, '...', [0]],
    [2, 'r..', [1]],
    [2, 'rr..', []],
    [2, 'or..', []],
    [2, 'oo..', [2, 3]],
    [5, '..', [0, 1]],
  ])('of %i holds the others back in "%s": starts %j', (first, letters, indexes) => {
    expect(step({ first }, letters)).toEqual({ kind: 'start', indexes })
  })

  it.each([
    [1, 'x..', 1],
    [2, 'ox..', 1],
    [2, 'xr..', 1],
    [2, 'xx..', 2],
    [1, 'w..', 1],
  ])('of %i stops the batch in "%s"', (first, letters, failures) => {
    expect(step({ first }, letters)).toEqual({ kind: 'stop', reason: 'trial-failed', failures })
  })

  it('does not stop it for a failure after the trial', () => {
    expect(step({ first: 2 }, 'oox.')).toEqual({ kind: 'start', indexes: [3] })
  })

  it('keeps to the parallel limit as well', () => {
    expect(step({ first: 3, parallel: 2 }, '.....')).toEqual({ kind: 'start', indexes: [0, 1] })
  })
})

describe('stopping after failures', () => {
  it.each([
    [1, 'x..', 1],
    [2, 'xox.', 2],
    [2, 'xxx', 3],
  ])('of %i stops the batch in "%s"', (stopAfter, letters, failures) => {
    expect(step({ stopAfter }, letters)).toEqual({ kind: 'stop', reason: 'too-many-failures', failures })
  })

  it('does not count withdrawn jobs as failures', () => {
    expect(step({ stopAfter: 1 }, 'ww.')).toEqual({ kind: 'start', indexes: [2] })
  })

  it('lets one failure of a device stop no other one without the rule', () => {
    expect(step({}, 'xxxxx.')).toEqual({ kind: 'start', indexes: [5] })
  })
})
