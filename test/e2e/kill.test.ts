import { describe, expect, it } from 'vitest'
import { killScenarios, runScenario, type Victim } from '../fakes/kill-scenarios.ts'

const quick: readonly (readonly [name: string, victims: readonly Victim[]])[] = [
  ['transferring', ['worker', 'host']],
  ['completion', ['worker', 'host']],
  ['paused', ['host']],
]

describe('a process that is killed', () => {
  it.each(quick)(
    'leaves a true journal while %s, and resume brings the job to its end',
    async (name, victims) => {
      const scenario = killScenarios.find(candidate => candidate.name === name)
      if (scenario === undefined) throw new Error(`no scenario ${name}`)
      const outcomes = await runScenario(scenario, { victims, seed: 1 })
      expect(outcomes.flatMap(outcome => outcome.faults)).toEqual([])
    },
    120_000,
  )
})
