import { describe, expect, it } from 'vitest'
import type { AppDescriptor } from '../../../../src/core/formats/esp-image/app-descriptor.ts'
import { isUnwell, readRunning, type BootStory } from '../../../../src/core/transfer/esp-serial/boot-watch.ts'

const app = (version: string, digit: string): AppDescriptor => ({
  projectName: 'thermostat',
  version,
  idfVersion: 'v5.4',
  buildDate: '',
  buildTime: '',
  elfSha256: digit.repeat(64),
  secureVersion: 0,
})
const [ours, old, third] = [app('2.0', 'a'), app('1.0', 'b'), app('0.9', 'c')]
const story = (told: Partial<BootStory>): BootStory => ({
  starts: 1,
  project: null,
  version: null,
  elfPrefix: null,
  trouble: null,
  hasNothingToStart: false,
  lost: null,
  ...told,
})

describe('what a boot log says of the image', () => {
  it.each([
    ['our hash, another before', { elfPrefix: 'aaaaaaaaa' }, old, { method: 'elf-sha256', matches: true, fresh: true }],
    ['our hash, as before', { elfPrefix: 'aaaaaaaaa' }, ours, { matches: true, fresh: false }],
    ['our hash, before unknown', { elfPrefix: 'aaaaaaaaa' }, null, { matches: true, fresh: false }],
    ['the old hash', { elfPrefix: 'bbbbbbbbb' }, old, { matches: false }],
    ['a hash of nobody, and another version', { elfPrefix: 'fffffffff', version: '7' }, old, { matches: false }],
    ['our version alone', { version: '2.0' }, old, { method: 'version-text', matches: true, fresh: true }],
    ['the old version alone', { version: '1.0' }, old, { method: 'version-text', matches: false }],
  ])('%s', (_name, told, before, fact) => {
    expect(readRunning(story(told), ours, before, [old, third])).toMatchObject(fact)
  })

  it.each([
    ['nothing', {}],
    ['a hash of nobody, which noise may have made', { elfPrefix: 'aaaaaaaa1' }],
    ['the same beside our version', { elfPrefix: 'aaaaaaaa1', version: '2.0' }],
    ['a version of nobody', { version: '2.x' }],
  ])('%s is no fact', (_name, told) => {
    expect(readRunning(story(told), ours, old, [old, third])).toBeNull()
  })

  it('a crash, and a second start, are not well', () => {
    expect(isUnwell(story({}))).toBe(false)
    expect(isUnwell(story({ starts: 2 }))).toBe(true)
    expect(isUnwell(story({ trouble: 'Guru Meditation Error' }))).toBe(true)
  })
})
