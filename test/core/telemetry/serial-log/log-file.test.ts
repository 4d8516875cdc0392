import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LogFile } from '../../../../src/core/telemetry/serial-log/log-file.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flashproof-log-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const unexpected = (error: Error): void => {
  throw error
}

it('appends lines with their times and signs, made safe to print', async () => {
  const path = join(folder, 'board.log')
  await writeFile(path, 'before\n')
  const log = await LogFile.open({ path, sizeBytes: 65_536, kept: 1 }, unexpected)
  log.add('T1', '<', 'hello \u001b[2J\u202e')
  log.add('T2', '>', 'status')
  log.add('T3', '-', 'the board started')
  await log.close()
  log.add('T4', '<', 'too late')
  expect(await readFile(path, 'utf8')).toBe('before\nT1 < hello ·[2J·\nT2 > status\nT3 - the board started\n')
})

it('puts full files aside, keeps as many as wanted, and tears no line', async () => {
  const path = join(folder, 'board.log')
  const log = await LogFile.open({ path, sizeBytes: 4096, kept: 2 }, unexpected)
  for (let number = 0; number < 1000; number++) {
    log.add('T', '<', `line ${String(number)}`)
    if (number % 50 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await log.close()
  expect((await readdir(folder)).toSorted()).toEqual(['board.log', 'board.log.1', 'board.log.2'])
  const texts = await Promise.all([`${path}.2`, `${path}.1`, path].map(async name => await readFile(name, 'utf8')))
  for (const text of texts) expect(text.length).toBeLessThanOrEqual(4096)
  const numbers = texts
    .join('')
    .trim()
    .split('\n')
    .map(line => Number(/^T < line (\d+)$/.exec(line)?.[1]))
  expect(numbers.at(-1)).toBe(999)
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => 1000 - numbers.length + index))
})

it('keeps no file aside where none is wanted', async () => {
  const path = join(folder, 'board.log')
  const log = await LogFile.open({ path, sizeBytes: 4096, kept: 0 }, unexpected)
  for (let number = 0; number < 500; number++) log.add('T', '<', `line ${String(number)}`)
  await log.close()
  expect(await readdir(folder)).toEqual(['board.log'])
  expect(await readFile(path, 'utf8')).toContain('line 499\n')
})

it('refuses folders, devices and places that are not there', async () => {
  const failures: string[] = []
  const onFailure = ({ code }: { readonly code: string }): number => failures.push(code)
  const options = { sizeBytes: 4096, kept: 0 }
  await expect(LogFile.open({ ...options, path: folder }, onFailure)).rejects.toMatchObject({
    code: 'file.is-directory',
  })
  await expect(LogFile.open({ ...options, path: '/dev/null' }, onFailure)).rejects.toMatchObject({
    code: 'file.not-writable',
  })
  await expect(LogFile.open({ ...options, path: join(folder, 'no', 'x') }, onFailure)).rejects.toMatchObject({
    code: 'file.not-writable',
  })
  expect(failures).toEqual([])
})

it('says once that it failed when the files cannot be changed any longer', async () => {
  const path = join(folder, 'board.log')
  const failures: string[] = []
  const log = await LogFile.open({ path, sizeBytes: 4096, kept: 1 }, error => failures.push(error.code))
  // A folder with something in it is in the way of the next file that is put aside.
  await mkdir(join(`${path}.1`, 'inside'), { recursive: true })
  for (let number = 0; number < 1000; number++) log.add('T', '<', `line ${String(number)}`)
  await log.close()
  log.add('T', '<', 'more')
  await log.close()
  expect(failures).toEqual(['file.not-writable'])
})
