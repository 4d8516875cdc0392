/** The preload's three functions as a way to the host. */
import { describe, expect, it } from 'vitest'
import { connectDesktop, type DesktopBridge } from '../../../src/renderer/bridge/desktop-station.ts'
import type { LinkState } from '../../../src/renderer/bridge/bridge.ts'
import { connectStation } from '../../../src/renderer/bridge/connect.ts'
import { fakeFirmware, fakeHostInfo } from '../fake-models.ts'

interface FakePreload {
  readonly bridge: DesktopBridge
  readonly posted: unknown[]
  send(envelope: unknown): void
}

function createFakePreload(adopt: DesktopBridge['adoptFile']): FakePreload {
  const posted: unknown[] = []
  const listeners = new Set<(envelope: unknown) => void>()
  return {
    posted,
    send(envelope) {
      for (const listener of listeners) listener(envelope)
    },
    bridge: {
      call(envelope) {
        posted.push(envelope)
      },
      subscribe(listener) {
        listeners.add(listener)
        return () => {
          listeners.delete(listener)
        }
      },
      adoptFile: adopt,
    },
  }
}

const adoptNothing: DesktopBridge['adoptFile'] = () => Promise.reject(new Error('no file was given'))

describe('the desktop app', () => {
  it('is always connected', () => {
    const states: LinkState[] = []
    const stop = connectDesktop(createFakePreload(adoptNothing).bridge).onLinkState(state => states.push(state))
    stop()
    expect(states).toEqual(['open'])
  })

  it('carries calls as a page’s, and answers back', async () => {
    const preload = createFakePreload(adoptNothing)
    const called = connectDesktop(preload.bridge).client.call('host.info', {})
    expect(preload.posted).toEqual([{ kind: 'call', id: 1, name: 'host.info', request: {}, caller: 'page' }])
    preload.send({ kind: 'result', id: 1, response: fakeHostInfo({ kind: 'desktop' }) })
    await expect(called).resolves.toMatchObject({ kind: 'desktop' })
  })

  it('brings events, until they are not wanted any more', () => {
    const preload = createFakePreload(adoptNothing)
    const heard: string[] = []
    const stop = connectDesktop(preload.bridge).client.subscribe('menu.chosen', ({ action }) => {
      heard.push(action)
    })
    preload.send({ kind: 'event', name: 'menu.chosen', payload: { action: 'write' } })
    stop()
    preload.send({ kind: 'event', name: 'menu.chosen', payload: { action: 'find' } })
    expect(heard).toEqual(['write'])
  })

  it('hands a file over and gets its summary, or the reason', async () => {
    const file = new File(['abc'], 'a.bin')
    const taken: File[] = []
    const taking = createFakePreload(given => {
      taken.push(given)
      return Promise.resolve({ firmware: fakeFirmware() })
    })
    await expect(connectDesktop(taking.bridge).openFile(file)).resolves.toEqual(fakeFirmware())
    expect(taken).toEqual([file])
    const refusing = createFakePreload(() =>
      Promise.resolve({ error: { code: 'host.file-refused', message: 'not from a disk', details: {} } }),
    )
    await expect(connectDesktop(refusing.bridge).openFile(file)).rejects.toMatchObject({
      code: 'host.file-refused',
      message: 'not from a disk',
    })
  })
})

describe('which way the page takes', () => {
  it('uses the preload where there is one', async () => {
    const preload = createFakePreload(adoptNothing)
    const station = connectStation({ station: preload.bridge } as unknown as Parameters<typeof connectStation>[0])
    const called = station.client.call('host.info', {})
    preload.send({ kind: 'result', id: 1, response: fakeHostInfo() })
    await expect(called).resolves.toEqual(fakeHostInfo())
  })
})
