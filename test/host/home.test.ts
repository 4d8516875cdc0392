/** The folder that holds all state is made, or refused in words before an engine crashes on it. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assertHomeWritable } from '../../src/host/home.ts'

describe('the folder of all state', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashproof-home-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('is made where it is missing', () => {
    const home = join(folder, 'deep', 'home')
    assertHomeWritable(home)
    expect(statSync(home).isDirectory()).toBe(true)
  })

  it('is refused by its name where nothing can be kept', () => {
    const blocked = join(folder, 'file')
    writeFileSync(blocked, '')
    expect(() => {
      assertHomeWritable(join(blocked, 'home'))
    }).toThrow(expect.objectContaining({ code: 'file.not-writable' }))
  })
})
