import { expect, it } from 'vitest'
import { commands, isCommandName } from '../../../src/shared/contract/index.ts'
import { deadlineMsOf } from '../../../src/shared/rpc/deadlines.ts'

it('gives every command the deadline of the contract', () => {
  const given = Object.keys(commands).map(name => [name, isCommandName(name) ? deadlineMsOf(name) : null])
  expect(Object.fromEntries(given)).toEqual(
    Object.fromEntries(Object.entries(commands).map(([name, command]) => [name, command.deadlineMs])),
  )
})
