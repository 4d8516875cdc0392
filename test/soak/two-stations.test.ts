import { expect, it } from 'vitest'
import { raceTwoStations } from '../fakes/two-stations.ts'

const RACES = Number(process.env['FLASHPROOF_RACES'] ?? '100')

it.each(['practice', 'station'] as const)(
  'of two command lines for one board one wins every time, and nothing is corrupt (%s)',
  async kind => {
    const outcomes = await raceTwoStations(RACES / 2, Number(process.env['FLASHPROOF_SEED'] ?? '1'), kind)
    process.stdout.write(`${String(outcomes.length)} races, offsets up to 150 ms\n`)
    expect(outcomes.filter(outcome => outcome.faults.length > 0)).toEqual([])
  },
  1_800_000,
)
