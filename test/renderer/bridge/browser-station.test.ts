/** The way to the server: what opens it, what outlives a lost link, and what becomes of calls meanwhile. */
import { describe, expect, it } from 'vitest'
import type { LinkState, Station } from '../../../src/renderer/bridge/bridge.ts'
import { connectBrowser } from '../../../src/renderer/bridge/browser-station.ts'
import { fakeFirmware, fakeHostInfo } from '../fake-models.ts'
import { createFakeBrowser, type FakeBrowser, type FakeBrowserOptions, type FakeSocket } from './fake-browser.ts'

interface Connected {
  readonly browser: FakeBrowser
  readonly station: Station
  readonly states: readonly LinkState[]
}

function connect(options: FakeBrowserOptions = {}): Connected {
  const browser = createFakeBrowser(options)
  const station = connectBrowser(browser.page, browser.openSocket)
  const states: LinkState[] = []
  station.onLinkState(state => states.push(state))
  return { browser, station, states }
}

function welcome(socket: FakeSocket, session: string): void {
  socket.accept()
  socket.receive({ kind: 'welcome', session })
}

function answerLastCall(socket: FakeSocket, response: unknown): void {
  socket.receive({ kind: 'result', id: socket.calls.at(-1)?.id, response })
}

/** Lets promises that are already decided run their callbacks. */
const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 0))

describe('the first connection of a page', () => {
  it('spends the token of the address, takes it off the address bar and keeps the session', () => {
    const { browser, states } = connect({ token: 'once' })
    expect(browser.newest().address).toBe('ws://127.0.0.1:4711/station')
    expect(browser.address()).toBe('/')
    welcome(browser.newest(), 'key-1')
    expect(browser.newest().sent).toEqual([{ token: 'once' }])
    expect(browser.storage.get('flashproof-session')).toBe('key-1')
    expect(states).toEqual(['connecting', 'open'])
  })

  it('shows its session where the address has no token', () => {
    const { browser } = connect({ session: 'key-1' })
    browser.newest().accept()
    expect(browser.newest().sent).toEqual([{ session: 'key-1' }])
  })

  it('says nothing before the connection stands, and sends calls only after the welcome', async () => {
    const { browser, station } = connect({ token: 'once' })
    const called = station.client.call('host.info', {})
    await settle()
    expect(browser.newest().sent).toEqual([])
    browser.newest().accept()
    await settle()
    expect(browser.newest().calls).toEqual([])
    browser.newest().receive({ kind: 'welcome', session: 'key-1' })
    await settle()
    answerLastCall(browser.newest(), fakeHostInfo())
    await expect(called).resolves.toEqual(fakeHostInfo())
  })

  it('is refused for good when neither token nor session is good, and says so to calls that waited', async () => {
    const { browser, station, states } = connect({ token: 'wrong' })
    const called = station.client.call('host.info', {})
    browser.newest().accept()
    browser.newest().end(4401)
    await expect(called).rejects.toMatchObject({ code: 'worker.not-ready' })
    expect(states).toEqual(['connecting', 'refused'])
    expect(browser.passTime()).toEqual([])
    expect(browser.sockets).toHaveLength(1)
  })

  it('tries its own session when the address was used up by another tab', () => {
    const { browser, states } = connect({ token: 'used', session: 'key-1' })
    browser.newest().accept()
    browser.newest().end(4401)
    expect(browser.sockets).toHaveLength(2)
    welcome(browser.newest(), 'key-1')
    expect(browser.newest().sent).toEqual([{ session: 'key-1' }])
    expect(states).toEqual(['connecting', 'open'])
  })

  it('forgets a session that the server does not know', () => {
    const { browser, states } = connect({ session: 'of a server that ended' })
    browser.newest().accept()
    browser.newest().end(4401)
    expect(browser.storage.has('flashproof-session')).toBe(false)
    expect(states).toEqual(['connecting', 'refused'])
  })
})

describe('a link that is lost', () => {
  it('is tried again after a second with the session, not with the token', () => {
    const { browser, states } = connect({ token: 'once' })
    welcome(browser.newest(), 'key-1')
    browser.newest().end(1006)
    expect(states.at(-1)).toBe('lost')
    expect(browser.passTime()).toEqual([1000])
    welcome(browser.newest(), 'key-1')
    expect(browser.newest().sent).toEqual([{ session: 'key-1' }])
    expect(states).toEqual(['connecting', 'open', 'lost', 'open'])
  })

  it('is tried again as often as it takes', () => {
    const { browser, states } = connect({ session: 'key-1' })
    for (const _ of [1, 2, 3]) {
      browser.newest().end(1006)
      expect(browser.passTime()).toEqual([1000])
    }
    expect(browser.sockets).toHaveLength(4)
    welcome(browser.newest(), 'key-1')
    expect(states.at(-1)).toBe('open')
  })

  it('moves subscriptions to the next connection, once each, and ends those that were stopped meanwhile', () => {
    const { browser, station } = connect({ session: 'key-1' })
    const [heard, notHeard]: [string[], string[]] = [[], []]
    station.client.subscribe('device.removed', ({ key }) => {
      heard.push(key)
    })
    const stop = station.client.subscribe('device.removed', ({ key }) => {
      notHeard.push(key)
    })
    welcome(browser.newest(), 'key-1')
    const first = browser.newest()
    first.receive({ kind: 'event', name: 'device.removed', payload: { key: 'a' } })
    first.end(1006)
    stop()
    browser.passTime()
    welcome(browser.newest(), 'key-1')
    browser.newest().receive({ kind: 'event', name: 'device.removed', payload: { key: 'b' } })
    first.receive({ kind: 'event', name: 'device.removed', payload: { key: 'from the old one' } })
    expect(heard).toEqual(['a', 'b'])
    expect(notHeard).toEqual(['a'])
  })

  it('rejects the calls that were on their way, and new ones at once', async () => {
    const { browser, station } = connect({ session: 'key-1' })
    welcome(browser.newest(), 'key-1')
    const pending = station.client.call('host.info', {})
    await settle()
    expect(browser.newest().calls).toHaveLength(1)
    browser.newest().end(1006)
    await expect(pending).rejects.toMatchObject({ code: 'worker.exited' })
    await expect(station.client.call('host.info', {})).rejects.toMatchObject({ code: 'worker.not-ready' })
    expect(browser.newest().calls).toHaveLength(1)
  })

  it('acknowledges batches on the connection that brought them', async () => {
    const { browser } = connect({ session: 'key-1' })
    welcome(browser.newest(), 'key-1')
    browser.newest().receive({ kind: 'event', name: 'jobs.changed', payload: { jobs: [] }, batch: 7 })
    await settle()
    expect(browser.newest().sent.at(-1)).toEqual({ kind: 'ack', batch: 7 })
  })

  it('tells a listener of the link nothing more after it stopped', () => {
    const { browser, station } = connect({ session: 'key-1' })
    const states: LinkState[] = []
    const stop = station.onLinkState(state => states.push(state))
    stop()
    welcome(browser.newest(), 'key-1')
    expect(states).toEqual(['connecting'])
  })
})

describe('frames that no server of ours sends', () => {
  it.each([
    ['no JSON', '{"kind":'],
    ['a binary frame', new Uint8Array([1, 2, 3]).buffer],
    ['a number', '7'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a welcome without a session', '{"kind":"welcome"}'],
    ['a session that is no text', '{"kind":"welcome","session":{}}'],
    ['an answer before the welcome', '{"kind":"result","id":1,"response":{}}'],
  ])('are passed over: %s', async (_name, data) => {
    const { browser, station, states } = connect({ token: 'once' })
    browser.newest().accept()
    browser.newest().receiveData(data)
    expect(states).toEqual(['connecting'])
    browser.newest().receive({ kind: 'welcome', session: 'key-1' })
    browser.newest().receiveData(data)
    const called = station.client.call('host.info', {})
    await settle()
    answerLastCall(browser.newest(), fakeHostInfo())
    await expect(called).resolves.toEqual(fakeHostInfo())
    expect(browser.storage.get('flashproof-session')).toBe('key-1')
  })
})

describe('a file that is handed over', () => {
  const file = new File(['abc'], 'nhiệt kế & co.hex')

  it('is posted with the session and its name, whatever letters it has', async () => {
    const { browser, station } = connect({
      token: 'once',
      answerUpload: () => Promise.resolve({ firmware: fakeFirmware() }),
    })
    welcome(browser.newest(), 'key-1')
    await expect(station.openFile(file)).resolves.toEqual(fakeFirmware())
    const [upload] = browser.uploads
    expect(upload?.address).toBe('/firmware?name=nhi%E1%BB%87t%20k%E1%BA%BF%20%26%20co.hex')
    expect(upload?.request).toMatchObject({
      method: 'POST',
      headers: { 'x-flashproof-session': 'key-1' },
      body: file,
    })
  })

  it('is refused with the reason that the server gives', async () => {
    const error = { code: 'format.bad-checksum', message: 'line 3: checksum', details: { line: 3 } }
    const { browser, station } = connect({ session: 'key-1', answerUpload: () => Promise.resolve({ error }) })
    welcome(browser.newest(), 'key-1')
    await expect(station.openFile(file)).rejects.toMatchObject({ message: 'line 3: checksum', details: { line: 3 } })
  })

  it.each([
    ['goes away meanwhile', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['answers something else', () => Promise.resolve({})],
  ])('is refused in words when the server %s', async (_name, answerUpload) => {
    const { browser, station } = connect({ session: 'key-1', answerUpload })
    welcome(browser.newest(), 'key-1')
    await expect(station.openFile(file)).rejects.toMatchObject({ code: 'host.file-refused' })
  })

  it('is not posted while the link is lost', async () => {
    const { browser, station } = connect({ session: 'key-1' })
    browser.newest().end(1006)
    await expect(station.openFile(file)).rejects.toMatchObject({ code: 'worker.not-ready' })
    expect(browser.uploads).toEqual([])
  })
})
