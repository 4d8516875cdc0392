import { expect, it } from 'vitest'
import { compareVersions } from '../../../src/core/transfer/version-order.ts'

it.each([
  ['1.2.3', '1.2.3', 0],
  ['v1.2', '1.2.0', 0],
  ['1.2.3', '1.10.0', -1],
  ['2.0', '1.9.9', 1],
  ['1.0.0-rc.1', '1.0.0', -1],
  ['1.0.0', '1.0.0-rc.1', 1],
  ['1.0.0-a', '1.0.0-b', null],
  ['1.0.0+5', '1.0.0', null],
  ['main', '1.0.0', null],
  ['', '1.0.0', null],
])('%s against %s is %s', (left, right, expected) => {
  const found = compareVersions(left, right)
  expect(found === null ? null : Math.sign(found)).toBe(expected)
})
