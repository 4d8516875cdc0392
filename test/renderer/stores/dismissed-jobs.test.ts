import { expect, it } from 'vitest'
import { createDismissedJobs } from '../../../src/renderer/stores/dismissed-jobs.ts'

/** A storage that can be full. */
function fakeStorage(kept: string | null = null) {
  return {
    kept,
    isFull: false,
    getItem() {
      return this.kept
    },
    setItem(_key: string, value: string) {
      if (this.isFull) throw new Error('full')
      this.kept = value
    },
  }
}

it('is read back by the next page of the window', () => {
  const storage = fakeStorage()
  const first = createDismissedJobs(storage)
  first.add(['a', 'b'])
  first.remove('b')
  const second = createDismissedJobs(storage)
  expect([second.has('a'), second.has('b')]).toEqual([true, false])
})

it('forgets the oldest beyond four thousand', () => {
  const storage = fakeStorage()
  createDismissedJobs(storage).add(Array.from({ length: 5000 }, (_, number) => String(number)))
  const next = createDismissedJobs(storage)
  expect([next.has('903'), next.has('904'), next.has('4999')]).toEqual([false, true, true])
})

it.each(['no json', '{"a":1}', '[1, null]'])('takes what it does not understand (%s) for nothing', kept => {
  expect(createDismissedJobs(fakeStorage(kept)).has('a')).toBe(false)
})

it('works without a storage, and with one that is full', () => {
  const storage = fakeStorage()
  storage.isFull = true
  for (const dismissed of [createDismissedJobs(null), createDismissedJobs(storage)]) {
    dismissed.add(['a'])
    expect(dismissed.has('a')).toBe(true)
  }
})
