import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Preferences } from '../../../src/shared/contract/models.ts'
import {
  changePreferences,
  readJobSettings,
  readPreferences,
  readSettings,
} from '../../../src/core/journal/settings.ts'

let home: string
let path: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-settings-'))
  path = join(home, 'settings.json')
})
afterEach(() => {
  rmSync(home, { recursive: true, force: true })
})

it('has a whole set of defaults where there is no file, and writes none by reading', () => {
  const preferences = readPreferences(home, 4)
  expect(Preferences.parse(preferences)).toEqual(preferences)
  expect(preferences).toMatchObject({
    language: 'system',
    parallel: 32,
    retries: 4,
    require: 'default',
    detailDays: 365,
  })
  expect(readdirSync(home)).toEqual([])
})

it('changes what is given, keeps the rest, and readers see it', () => {
  changePreferences(home, { stationName: 'Bench A3', retries: 2, detailDays: 30 }, 4)
  const after = changePreferences(home, { theme: 'dark' }, 4)
  expect(after).toMatchObject({ stationName: 'Bench A3', retries: 2, theme: 'dark', detailDays: 30 })
  expect(readPreferences(home, 4)).toEqual(after)
  expect(readJobSettings(home)).toEqual({ stationName: 'Bench A3', retries: 2 })
  expect(readSettings(home).detailAgeMs).toBe(30 * 24 * 60 * 60_000)
})

it('leaves what a person wrote as it is, and writes the file for its owner alone', () => {
  writeFileSync(path, '{"retention":{"imageDays":7},"preferences":{"operator":"Lan"}}')
  changePreferences(home, { journalMiB: 64, order: '4711' }, 4)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    retention: { imageDays: 7, journalMiB: 64 },
    preferences: { operator: 'Lan', order: '4711' },
  })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(home)).toEqual(['settings.json'])
})

it.each([
  ['{', 'no JSON'],
  ['[]', 'JSON object'],
  ['{"preferences":{"parallel":0}}', 'preferences.parallel'],
  ['{"preferences":{"colour":"red"}}', 'preferences'],
])('does not overwrite %s, which it cannot understand, and names the place', (text, place) => {
  writeFileSync(path, text)
  const invalid = expect.objectContaining({
    code: 'settings.invalid',
    message: expect.stringContaining(place) as string,
  })
  expect(() => changePreferences(home, { theme: 'dark' }, 4)).toThrow(invalid as Error)
  expect(() => readPreferences(home, 4)).toThrow(invalid as Error)
  expect(() => readJobSettings(home)).toThrow(invalid as Error)
  expect(readFileSync(path, 'utf8')).toBe(text)
})
