import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findElectron, hasDisplay, isStale as isBuildStale, reasonForBrowser } from '../../src/serve/launch.mjs'
import { isStale } from '../../src/serve/page-folder.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-launch-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('npm start', () => {
  it('finds the runtime where it was unpacked, or where the environment names it', () => {
    expect(findElectron({}, folder)).toBeNull()
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'dist', 'electron'), '')
    const program = join(folder, 'dist', 'electron')
    expect(findElectron({}, folder)).toBe(program)
    expect(findElectron({ ELECTRON_OVERRIDE_DIST_PATH: join(folder, 'dist') }, '/nowhere')).toBe(program)
    expect(findElectron({ ELECTRON_EXEC_PATH: program }, '/nowhere')).toBe(program)
    expect(findElectron({ ELECTRON_EXEC_PATH: join(folder, 'none') }, folder)).toBeNull()
  })

  it.each([
    [{}, 'linux', false],
    [{ DISPLAY: ':0' }, 'linux', true],
    [{ WAYLAND_DISPLAY: 'wayland-0' }, 'linux', true],
    [{ DISPLAY: '' }, 'linux', false],
    [{}, 'win32', true],
    [{}, 'darwin', true],
  ])('with %j on %s has a display: %s', (env, platform, expected) => {
    expect(hasDisplay(env, platform)).toBe(expected)
  })

  it('says why there is no window', () => {
    expect(reasonForBrowser(null, true)).toContain('Electron')
    expect(reasonForBrowser('/electron', false)).toContain('display')
    expect(reasonForBrowser('/electron', true)).toBeNull()
  })
})

describe('what was built', () => {
  it('is stale when it is missing or older than a source', () => {
    const made = join(folder, 'made.html')
    const sources = join(folder, 'sources')
    mkdirSync(sources)
    writeFileSync(join(sources, 'a.ts'), '')
    expect([isStale(made, [sources]), isBuildStale(made, sources)]).toEqual([true, true])
    writeFileSync(made, '')
    utimesSync(made, new Date(), new Date(Date.now() + 5_000))
    expect([isStale(made, [sources]), isBuildStale(made, sources)]).toEqual([false, false])
    utimesSync(join(sources, 'a.ts'), new Date(), new Date(Date.now() + 10_000))
    expect([isStale(made, [sources]), isBuildStale(made, sources)]).toEqual([true, true])
  })
})
