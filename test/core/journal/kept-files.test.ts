import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keepFile, readKept } from '../../../src/core/journal/kept-files.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-kept-'))
})
afterEach(() => {
  rmSync(home, { recursive: true, force: true })
})

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await Promise.resolve()
    yield Buffer.from(text)
  }
}

describe('what a board held', () => {
  it('is kept whole in a folder of the job, for this user alone, with its size and hash', async () => {
    const kept = await keepFile(home, 'job-1', 'flash.bin', pieces('abc', 'def'))
    const path = join(home, 'backups', 'job-1', 'flash.bin')
    expect(kept).toEqual({ path, sizeBytes: 6, sha256: createHash('sha256').update('abcdef').digest('hex') })
    expect(readFileSync(path, 'utf8')).toBe('abcdef')
    expect(statSync(path).mode & 0o077).toBe(0)
  })

  it('is not there at all when reading it broke off, and an earlier file stays', async () => {
    await keepFile(home, 'job-1', 'flash.bin', pieces('first'))
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces('half')
      throw new Error('unplugged')
    }
    await expect(keepFile(home, 'job-1', 'flash.bin', broken())).rejects.toThrow('unplugged')
    const folder = join(home, 'backups', 'job-1')
    expect(readdirSync(folder)).toEqual(['flash.bin'])
    expect(readFileSync(join(folder, 'flash.bin'), 'utf8')).toBe('first')
    expect(await readKept(home, 'job-1', 'flash.bin')).toEqual(Buffer.from('first'))
    expect(await readKept(home, 'job-2', 'flash.bin')).toBeNull()
  })

  it('names the place that cannot be written', async () => {
    writeFileSync(join(home, 'backups'), 'in the way')
    await expect(keepFile(home, 'job-1', 'flash.bin', pieces('x'))).rejects.toMatchObject({
      code: 'file.not-writable',
      details: { path: join(home, 'backups', 'job-1', 'flash.bin') },
    })
  })

  it.each(['../flash.bin', '.hidden', 'a/b', ''])('has no name like “%s”', async name => {
    await expect(keepFile(home, 'job-1', name, pieces('x'))).rejects.toMatchObject({ code: 'file.not-writable' })
    expect(existsSync(join(home, 'backups'))).toBe(false)
  })
})
