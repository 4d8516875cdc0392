import { describe, expect, it } from 'vitest'
import { listenBeforeReady, type ListeningApp } from '../../src/main/before-ready.ts'
import { findCommand } from '../../src/main/command-line.ts'
import { developmentNode } from '../../src/main/engine-processes.ts'
import { filesIn, readSecondStart, wordsOf } from '../../src/main/opened-files.ts'

describe('the words of the command line', () => {
  it('begin after the program, and in a checkout after the app’s folder', () => {
    expect(wordsOf(['/opt/app', 'a.hex'], { isPackaged: true, appPath: '/opt' })).toEqual(['a.hex'])
    expect(wordsOf(['electron', '--inspect=0', '/src', 'a.hex'], { isPackaged: false, appPath: '/src' })).toEqual([
      'a.hex',
    ])
  })

  it('that are no switches are files, from the folder of the start', () => {
    expect(filesIn(['--simulate', 'a.hex', '/b.bin', ''], '/desk')).toEqual(['/desk/a.hex', '/b.bin'])
  })

  it('are a command after --cli, or when the first one names a command', async () => {
    expect(await findCommand(['--cli', 'log', 'list'])).toEqual(['log', 'list'])
    expect(await findCommand(['devices', '--json'])).toEqual(['devices', '--json'])
    expect(await findCommand(['inspect', 'a.hex'])).toEqual(['inspect', 'a.hex'])
    expect(await findCommand(['firmware'])).toBeNull()
    expect(await findCommand(['a.hex'])).toBeNull()
    expect(await findCommand([])).toBeNull()
  })

  it('of a second start are read only when they are ours', () => {
    expect(readSecondStart({ files: ['/a', 7] })).toEqual({ files: ['/a'] })
    for (const foreign of [null, undefined, 'x', {}, { files: '/a' }])
      expect(readSecondStart(foreign)).toEqual({ files: [] })
  })
})

describe('what happens before the window is there', () => {
  it('keeps files until they can be opened, and lets a wish to quit through only when the program may', () => {
    const listeners = new Map<string, (...values: unknown[]) => void>()
    const app = { on: (event: string, listener: (...values: unknown[]) => void) => listeners.set(event, listener) }
    // The overloads of `on` differ only in what the listeners take.
    const { inbox, begin } = listenBeforeReady(app as ListeningApp, { files: ['/first'], note: () => undefined })
    const happened: string[] = []
    let isPrevented = false
    const event = {
      preventDefault() {
        isPrevented = true
      },
    }
    listeners.get('open-file')?.(event, '/second')
    inbox.deliverTo(path => happened.push(path))
    let mayQuit = false
    begin({
      showWindow: () => happened.push('shown'),
      mayQuit: () => mayQuit,
      requestEnd: () => happened.push('asked'),
    })
    listeners.get('second-instance')?.({}, [], '/', { files: ['/third'] })
    expect(happened).toEqual(['/first', '/second', '/third', 'shown'])
    isPrevented = false
    listeners.get('before-quit')?.(event)
    expect([isPrevented, happened.at(-1)]).toEqual([true, 'asked'])
    isPrevented = false
    mayQuit = true
    listeners.get('before-quit')?.(event)
    expect(isPrevented).toBe(false)
  })
})

describe('another Node for the background process', () => {
  it('is heeded in a checkout alone', () => {
    const env = { FLASHPROOF_WORKER_NODE: '/usr/bin/node' }
    expect(developmentNode({ env, isPackaged: false })).toBe('/usr/bin/node')
    expect(developmentNode({ env, isPackaged: true })).toBeNull()
    expect(developmentNode({ env: {}, isPackaged: false })).toBeNull()
  })
})
