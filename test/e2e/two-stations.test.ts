import { expect, it } from 'vitest'
import { raceTwoStations } from '../fakes/two-stations.ts'

it('of two command lines for one board one wins, and the other is told who holds it', async () => {
  const outcomes = await raceTwoStations(6, 1)
  expect(outcomes.flatMap(outcome => outcome.faults)).toEqual([])
}, 120_000)
