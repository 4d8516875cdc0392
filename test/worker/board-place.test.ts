import { expect, it } from 'vitest'
import { currentOwner } from '../../src/core/journal/owner.ts'
import { assertBoardFree, BoardLines, boardPlace, isBoardLocked } from '../../src/worker/board-place.ts'

function locks(...keys: string[]) {
  const held = keys.map(key => ({ key, owner: currentOwner(), command: 'test', since: '', jobId: null }))
  return { heldLocks: () => held }
}

it('a board is one at all of its ports, and on this computer one a port', () => {
  expect(boardPlace('http://192.0.2.1:8080/api')).toBe(boardPlace('tcp://192.0.2.1:3232'))
  expect(boardPlace('http://127.0.0.1:1')).not.toBe(boardPlace('http://127.0.0.1:2'))
  expect(isBoardLocked('http://192.0.2.1', locks('endpoint:tcp://192.0.2.1:3232'))).toBe(true)
  expect(isBoardLocked('http://192.0.2.2', locks('endpoint:tcp://192.0.2.1:3232'))).toBe(false)
  expect(isBoardLocked('http://192.0.2.1', locks('device:mac:02:00:00:00:00:01'))).toBe(false)
  const held = locks('endpoint:tcp://192.0.2.1:3232')
  expect(() => {
    assertBoardFree('http://192.0.2.1', held)
  }).toThrow(expect.objectContaining({ code: 'device.busy' }))
  assertBoardFree('http://192.0.2.2', held)
})

it('questions to one board follow each other, also after one that failed; those to others do not wait', async () => {
  const lines = new BoardLines()
  const order: string[] = []
  const first = Promise.withResolvers<string>()
  const one = lines.inLine('http://192.0.2.1', () => {
    order.push('one')
    return first.promise
  })
  const two = lines.inLine('tcp://192.0.2.1:3232', () => {
    order.push('two')
    return Promise.resolve('second')
  })
  const other = lines.inLine('http://192.0.2.2', () => {
    order.push('other')
    return Promise.resolve('third')
  })
  expect(await other).toBe('third')
  expect(order).toEqual(['one', 'other'])
  first.reject(new Error('no answer'))
  await expect(one).rejects.toThrow('no answer')
  expect(await two).toBe('second')
})
