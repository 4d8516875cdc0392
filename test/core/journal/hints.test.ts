import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openHints } from '../../../src/core/journal/hints.ts'

describe('hints', () => {
  let home: string
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'flashproof-hints-'))
  })
  afterEach(() => {
    rmSync(home, { recursive: true, force: true })
  })

  it('are there for the next process, the newest value of each', () => {
    const first = openHints(home)
    first.remember('baud serial:/dev/a', '460800')
    first.remember('baud serial:/dev/a', '921600')
    first.remember('baud serial:/dev/b', '115200')
    const second = openHints(home)
    expect(second.recall('baud serial:/dev/a')).toBe('921600')
    expect(second.recall('baud serial:/dev/b')).toBe('115200')
    expect(second.recall('another')).toBeNull()
  })

  it.each(['', '{', '{"a":"b"}', '[["a",1]]'])('are none where the file holds %j, and begin anew', text => {
    writeFileSync(join(home, 'hints.json'), text)
    const hints = openHints(home)
    expect(hints.recall('a')).toBeNull()
    hints.remember('a', 'b')
    expect(hints.recall('a')).toBe('b')
  })

  it('are few: the oldest go, one that is used again stays', () => {
    const hints = openHints(home)
    hints.remember('first', '1')
    for (let number = 0; number < 499; number++) hints.remember(`key ${String(number)}`, 'x')
    hints.remember('first', '2')
    hints.remember('one more', 'x')
    expect(hints.recall('first')).toBe('2')
    expect(hints.recall('key 0')).toBeNull()
    expect(JSON.parse(readFileSync(join(home, 'hints.json'), 'utf8'))).toHaveLength(500)
  })

  it('are lost without a word where the home cannot be written', () => {
    const hints = openHints(join(home, 'missing'))
    hints.remember('a', 'b')
    expect(hints.recall('a')).toBeNull()
  })
})
