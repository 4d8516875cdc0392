import { expect, it } from 'vitest'
import { crashAtCommit } from '../fakes/commit-crashes.ts'

it.each([
  [4, 'before'],
  [8, 'after'],
] as const)('a crash at commit %i (%s it) loses nothing that was told, and the job goes on', async (commit, when) => {
  const outcome = await crashAtCommit(commit, when)
  expect(outcome).toMatchObject({ hasCrashed: true, faults: [] })
})
