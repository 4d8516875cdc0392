/** The link of a browser's page, over a real socket whose other end does not read. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createSocketLink } from '../../src/serve/socket-link.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'

const MOST_WAITING_BYTES = 1024 * 1024
const PART = 'x'.repeat(MOST_WAITING_BYTES)
let clock = new FakeClock()
let server: WebSocketServer | null = null
let page: WebSocket | null = null

beforeEach(() => {
  clock = new FakeClock()
})

afterEach(() => {
  page?.terminate()
  server?.close()
})

async function connect(): Promise<{ near: WebSocket; far: WebSocket; link: ReturnType<typeof createSocketLink> }> {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const connected = new Promise<WebSocket>(resolve => server?.once('connection', resolve))
  // A server that listens on an internet address has one with a port.
  const { port } = server.address() as AddressInfo
  const far = new WebSocket(`ws://127.0.0.1:${String(port)}`)
  page = far
  const near = await connected
  await once(far, 'open')
  return { near, far, link: createSocketLink(near, { timing: clock, mostWaitingBytes: MOST_WAITING_BYTES }) }
}

/** Posts until the page owes more than it may. */
function postUntilBehind(link: { post(message: unknown): void }, near: WebSocket): void {
  for (let count = 0; count < 200 && near.bufferedAmount <= MOST_WAITING_BYTES; count++) {
    link.post({ kind: 'event', name: 'job.logged', payload: PART })
  }
}

it('tells a page that fell behind nothing more, and ends it when the page has read what waited', async () => {
  const { near, far, link } = await connect()
  far.pause()
  postUntilBehind(link, near)
  link.post({ kind: 'event', name: 'job.logged', payload: PART })
  const waiting = near.bufferedAmount
  link.post({ kind: 'event', name: 'job.logged', payload: PART })
  expect(near.bufferedAmount).toBe(waiting)
  const closed = once(far, 'close')
  far.resume()
  await vi.waitFor(async () => {
    await clock.advance(100)
    expect(near.readyState).not.toBe(near.OPEN)
  })
  expect((await closed)[0]).toBe(4409)
})

it('cuts a page off that does not read for ten seconds', async () => {
  const { near, far, link } = await connect()
  far.pause()
  const closed = vi.fn()
  link.onClose(closed)
  postUntilBehind(link, near)
  link.post({ kind: 'event', name: 'job.logged', payload: PART })
  await settle()
  await clock.advance(10_100)
  await vi.waitFor(() => {
    expect(closed).toHaveBeenCalledOnce()
  })
})

it('cuts a page off that goes on asking and does not read the answers', async () => {
  const { near, far, link } = await connect()
  far.pause()
  const closed = vi.fn()
  link.onClose(closed)
  for (let id = 0; id < 200 && near.readyState === near.OPEN; id++) link.post({ kind: 'result', id, response: PART })
  expect(near.readyState).not.toBe(near.OPEN)
  await vi.waitFor(() => {
    expect(closed).toHaveBeenCalledOnce()
  })
})
