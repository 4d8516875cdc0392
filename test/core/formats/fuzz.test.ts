import { expect, it } from 'vitest'
import { fuzzFormats } from './fuzzing.ts'

it('2,000 damaged files give an image or a named refusal, and accepted texts mean what two other programs read', () => {
  const report = fuzzFormats({ firstSeed: 1, inputs: 2000, comparisons: 60 })
  expect(report.accepted + report.refused).toBe(2000)
  expect(report.accepted).toBeGreaterThan(200)
  expect(report.refused).toBeGreaterThan(200)
  expect(report.sameAsPackage).toBeGreaterThan(20)
})
