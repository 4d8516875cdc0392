import { expect, it } from 'vitest'
import { raceTwoStations } from '../fakes/two-stations.ts'

const RACES = Number(process.env['FLASHPROOF_RACES'] ?? '100')

it('of two command lines for one board one wins every time, and nothing is corrupt', async () => {
  const outcomes = await raceTwoStations(RACES, Number(process.env['FLASHPROOF_SEED'] ?? '1'))
  process.stdout.write(`${String(outcomes.length)} races, offsets up to 150 ms\n`)
  expect(outcomes.filter(outcome => outcome.faults.length > 0)).toEqual([])
}, 1_800_000)
