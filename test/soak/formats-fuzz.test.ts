import { expect, it } from 'vitest'
import { fuzzFormats } from '../core/formats/fuzzing.ts'

it('200,000 damaged files give an image or a named refusal, in bounded memory', { timeout: 20 * 60_000 }, () => {
  const before = process.memoryUsage().rss
  const report = fuzzFormats({ firstSeed: 1_000_000, inputs: 200_000, comparisons: 2000 })
  console.info(`fuzz: ${JSON.stringify(report)}`)
  expect(report.accepted + report.refused).toBe(200_000)
  expect(report.accepted).toBeGreaterThan(20_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024)
})
