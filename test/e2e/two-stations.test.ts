import { expect, it } from 'vitest'
import { raceTwoStations } from '../fakes/two-stations.ts'

it.each(['practice', 'station'] as const)(
  'of two command lines for one board one wins, and the other is told who holds it (%s)',
  async kind => {
    const outcomes = await raceTwoStations(3, 1, kind)
    expect(outcomes.flatMap(outcome => outcome.faults)).toEqual([])
  },
  120_000,
)
