import { expect, it } from 'vitest'
import { crashAtCommit, type CrashOutcome } from '../fakes/commit-crashes.ts'

it.each(['before', 'after'] as const)(
  'a crash right %s any commit of a job loses nothing that was told',
  async when => {
    const outcomes: CrashOutcome[] = []
    for (let commit = 1; outcomes.at(-1)?.hasCrashed !== false; commit++)
      outcomes.push(await crashAtCommit(commit, when))
    const states = outcomes.map(outcome => outcome.journaledState ?? 'nothing')
    process.stdout.write(`${String(outcomes.length - 1)} commits, crashed ${when} each: ${states.join(' ')}\n`)
    expect(
      outcomes.flatMap((outcome, index) => outcome.faults.map(fault => `commit ${String(index + 1)}: ${fault}`)),
    ).toEqual([])
    expect(outcomes.length).toBeGreaterThan(10)
  },
  600_000,
)
