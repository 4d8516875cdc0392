import { describe, expect, it } from 'vitest'
import { readOptions } from '../../../../src/core/transfer/esp-serial/options.ts'

describe('the reset sequence as an option', () => {
  it('is left to the adapter, or is what a person wrote', () => {
    expect(readOptions({}).resetSequence).toBeNull()
    expect(readOptions({ resetSequence: ' auto ' }).resetSequence).toBeNull()
    expect(readOptions({ resetSequence: 'D0 R1 | 100 | D1 R0' }).resetSequence).toBe('D0 R1 | 100 | D1 R0')
  })

  it('is refused with the step that cannot be read, before anything is touched', () => {
    expect(() => readOptions({ resetSequence: 'D0 R1 | soon | D1' })).toThrow(
      expect.objectContaining({
        code: 'option.invalid',
        message: expect.stringContaining('step 2 “soon”') as unknown,
      }),
    )
  })
})
