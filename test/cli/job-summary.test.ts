/** The text after a batch: green boards too have notes that a person must see. */
import { describe, expect, it } from 'vitest'
import { renderSummary } from '../../src/cli/job-summary.ts'
import { acknowledged, proven } from './batch-fixture.ts'

const crashed = 'The program did not start well: \u001b[31mabort()'
const options = {
  language: 'en',
  paint: (_tone: string, text: string) => text,
  headHash: null,
  exportLine: null,
} as const

describe('the summary of a batch', () => {
  it('says of a proven board that its program crashed', () => {
    const text = renderSummary([{ ...proven, warnings: [crashed] }], options).join('\n')
    expect(text).toContain('Proven: 1 of 1\n  esp32-bench-01: The program did not start well: ')
    expect(text).not.toContain('\u001b')
  })

  it('says once what holds for several proven boards, and counts them', () => {
    const jobs = [proven, { ...proven, jobId: 'job-9' }].map(job => ({ ...job, warnings: ['Tap RESET.'] }))
    expect(renderSummary(jobs, options).filter(line => line.includes('Tap RESET.'))).toEqual([
      '  2 devices: Tap RESET.',
    ])
  })

  it('leaves the notes of other boards with their own reasons, and says none where there is none', () => {
    const note = 'It has no hash.'
    const lines = renderSummary([proven, { ...acknowledged, warnings: [note] }], options)
    expect(lines.filter(line => line.includes(note))).toEqual([`    ${note}`])
    expect(renderSummary([proven], options)).toEqual(['', 'Proven: 1 of 1'])
  })
})
