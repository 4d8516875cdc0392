import { describe, expect, it } from 'vitest'
import type { JournalKind } from '../../src/core/journal/journal.ts'
import { killScenarios, runScenario, type Victim } from '../fakes/kill-scenarios.ts'

const quick: readonly (readonly [name: string, victims: readonly Victim[], kind: JournalKind])[] = [
  ['transferring', ['worker', 'host'], 'practice'],
  ['completion', ['worker', 'host'], 'station'],
  ['paused', ['host'], 'station'],
]

describe('a process that is killed', () => {
  it.each(quick)(
    'leaves a true journal while %s, and resume brings the job to its end',
    async (name, victims, kind) => {
      const scenario = killScenarios.find(candidate => candidate.name === name)
      if (scenario === undefined) throw new Error(`no scenario ${name}`)
      const outcomes = await runScenario(scenario, { victims, seed: 1, kind })
      expect(outcomes.flatMap(outcome => outcome.faults)).toEqual([])
    },
    120_000,
  )
})
