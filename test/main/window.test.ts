import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { windowOptions } from '../../src/main/window-options.ts'
import {
  keepWindowState,
  placeWindow,
  readWindowState,
  writeWindowState,
  type PlacedWindow,
  type WindowState,
} from '../../src/main/window-state.ts'

const root = mkdtempSync(join(tmpdir(), 'flashproof-window-'))
afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

const primary = { x: 0, y: 0, width: 1920, height: 1040 }
const right = { x: 1920, y: 0, width: 1280, height: 1000 }

describe('the window’s options', () => {
  const options = (isPackaged: boolean) =>
    windowOptions({
      placement: { bounds: { width: 1280, height: 800 }, isMaximised: false },
      preloadPath: '/app/preload.cjs',
      iconPath: '/app/icon.png',
      isDark: true,
      isPackaged,
    })

  it('lock the page in', () => {
    expect(options(true).webPreferences).toEqual({
      preload: '/app/preload.cjs',
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: false,
    })
  })

  it('leave the developer tools to a checkout', () => {
    expect(options(false).webPreferences?.devTools).toBe(true)
  })

  it('centre a window without a place and show none before it has painted', () => {
    expect(options(true)).toMatchObject({ width: 1280, height: 800, center: true, show: false })
  })
})

describe('the window’s place', () => {
  it('is the default one at the first start', () => {
    expect(placeWindow(null, [primary])).toEqual({ bounds: { width: 1280, height: 800 }, isMaximised: false })
  })

  it('is where it was, on whichever display', () => {
    const bounds = { x: 2000, y: 50, width: 1000, height: 700 }
    expect(placeWindow({ bounds, isMaximised: true }, [primary, right])).toEqual({ bounds, isMaximised: true })
  })

  it('is centred when the display is gone, with the size it had', () => {
    const bounds = { x: 2000, y: 50, width: 1000, height: 700 }
    expect(placeWindow({ bounds, isMaximised: false }, [primary]).bounds).toEqual({ width: 1000, height: 700 })
  })

  it('is centred when no hand could take hold of it', () => {
    for (const place of [
      { x: 1900, y: 10 },
      { x: 10, y: -200 },
      { x: 10, y: 1035 },
    ]) {
      const placed = placeWindow({ bounds: { ...place, width: 1000, height: 700 }, isMaximised: false }, [primary])
      expect(placed.bounds).not.toHaveProperty('x')
    }
  })

  it('is never larger than the display', () => {
    const bounds = { x: 0, y: 0, width: 5000, height: 5000 }
    expect(placeWindow({ bounds, isMaximised: false }, [primary]).bounds).toMatchObject({ width: 1920, height: 1040 })
  })

  it('survives on disk', () => {
    const path = join(root, 'new-folder', 'window.json')
    const state: WindowState = { bounds: { x: -5, y: 6, width: 900, height: 700 }, isMaximised: true }
    writeWindowState(path, state)
    expect(readWindowState(path)).toEqual(state)
  })

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{"x":"1","y":2,"width":3,"height":4}',
    '{"x":0,"y":0,"width":0,"height":4}',
    '{"x":1e9,"y":0,"width":5,"height":5}',
  ])('is forgotten when its file holds %s', content => {
    const path = join(root, 'broken.json')
    writeFileSync(path, content)
    expect(readWindowState(path)).toBeNull()
  })

  it('is written some time after a change, once, and at the end at once', () => {
    const listeners = new Map<string, () => void>()
    const written: WindowState[] = []
    const timers: (() => void)[] = []
    let cancelled = 0
    const window: PlacedWindow = {
      getNormalBounds: () => ({ x: 1, y: 2, width: 3, height: 4 }),
      isMaximized: () => false,
      isDestroyed: () => false,
      on: (event, listener) => listeners.set(event, listener),
    }
    keepWindowState(window, {
      write: state => written.push(state),
      after: (_delayMs, callback) => {
        timers.push(callback)
        return () => cancelled++
      },
    })
    listeners.get('move')?.()
    listeners.get('resize')?.()
    expect([written.length, timers.length, cancelled]).toEqual([0, 2, 1])
    timers[1]?.()
    expect(written).toHaveLength(1)
    listeners.get('close')?.()
    expect(written).toHaveLength(2)
  })

  it('leaves no half-written file behind', () => {
    const path = join(root, 'window.json')
    writeWindowState(path, { bounds: { x: 0, y: 0, width: 800, height: 600 }, isMaximised: false })
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ x: 0, y: 0, width: 800, height: 600, isMaximised: false })
  })
})
