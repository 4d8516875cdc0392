import { afterAll, describe, expect, it } from 'vitest'
import { describeOutcomes, killScenarios, runScenario, type KillOutcome, type Victim } from '../fakes/kill-scenarios.ts'

/** How often each process is killed in each state. */
const MOMENTS = Number(process.env['FLASHPROOF_KILL_MOMENTS'] ?? '5')
const seed = Number(process.env['FLASHPROOF_SEED'] ?? '1')
const victims = (['worker', 'host'] as const).flatMap(victim => Array.from({ length: MOMENTS }, (): Victim => victim))
const all: KillOutcome[] = []

afterAll(() => {
  process.stdout.write(`${describeOutcomes(all)}\n`)
})

describe('workers and hosts killed at seeded moments', () => {
  it.each(killScenarios)(
    'leave a true journal while $name, and resume brings every job to its end',
    async scenario => {
      const outcomes = await runScenario(scenario, {
        victims,
        seed,
        kind: killScenarios.indexOf(scenario) % 2 === 0 ? 'practice' : 'station',
      })
      all.push(...outcomes)
      expect(outcomes.filter(outcome => outcome.faults.length > 0)).toEqual([])
      expect(outcomes).toHaveLength(victims.length)
    },
    600_000,
  )
})
