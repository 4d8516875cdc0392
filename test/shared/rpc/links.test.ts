/** What each adapter promises about messages and about its end. */
import { EventEmitter } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { createIpcChannelLink } from '../../../src/shared/rpc/ipc-channel-link.ts'
import { createMemoryLinkPair } from '../../../src/shared/rpc/memory-link.ts'
import { createMessagePortLink } from '../../../src/shared/rpc/message-port-link.ts'
import { settle } from '../../fakes/fake-clock.ts'

describe('a memory link', () => {
  it('delivers in order to every listener and stops when told', async () => {
    const [near, far] = createMemoryLinkPair()
    const first: unknown[] = []
    const second: unknown[] = []
    const stop = far.onMessage(message => first.push(message))
    far.onMessage(message => second.push(message))
    near.post(1)
    near.post(2)
    await settle()
    stop()
    near.post(3)
    await settle()
    expect(first).toEqual([1, 2])
    expect(second).toEqual([1, 2, 3])
  })

  it('tells both ends once that it ended, late listeners too, and drops what is posted then', async () => {
    const [near, far] = createMemoryLinkPair()
    const told = vi.fn()
    const late = vi.fn()
    const messages = vi.fn()
    near.onClose(told)
    far.onClose(told)
    far.onMessage(messages)
    far.close()
    near.close()
    near.post('lost')
    near.onClose(late)
    const stopped = vi.fn()
    near.onClose(stopped)()
    await settle()
    expect(told).toHaveBeenCalledTimes(2)
    expect(late).toHaveBeenCalledOnce()
    expect(stopped).not.toHaveBeenCalled()
    expect(messages).not.toHaveBeenCalled()
  })
})

describe("a link over Electron's kind of port", () => {
  it('unwraps {data} and hears the end', () => {
    const emitter = new EventEmitter()
    const posted: unknown[] = []
    const start = vi.fn()
    const port = Object.assign(emitter, { postMessage: (message: unknown) => posted.push(message), start })
    const link = createMessagePortLink(port)
    const messages: unknown[] = []
    const closed = vi.fn()
    link.onClose(closed)
    const stop = link.onMessage(message => messages.push(message))
    link.post({ kind: 'call' })
    emitter.emit('message', { data: 'hello', ports: [] })
    stop()
    emitter.emit('message', { data: 'unheard', ports: [] })
    emitter.emit('close', {})
    link.post('after the end')
    expect(messages).toEqual(['hello'])
    expect(posted).toEqual([{ kind: 'call' }])
    expect(start).toHaveBeenCalledOnce()
    expect(closed).toHaveBeenCalledOnce()
  })
})

describe('a link over an IPC channel', () => {
  function createChannel() {
    const callbacks: ((error: Error | null) => void)[] = []
    const emitter = new EventEmitter()
    return Object.assign(emitter, {
      connected: true,
      callbacks,
      send(_message: unknown, callback: (error: Error | null) => void) {
        callbacks.push(callback)
        return true
      },
    })
  }

  it('flushes when everything that was posted has left', async () => {
    const channel = createChannel()
    const link = createIpcChannelLink(channel)
    await link.flush()
    link.post(1)
    link.post(2)
    const flushed = vi.fn()
    const flushing = link.flush().then(flushed)
    channel.callbacks[0]?.(null)
    await settle()
    expect(flushed).not.toHaveBeenCalled()
    channel.callbacks[1]?.(null)
    await flushing
  })

  it('ends when a message cannot be sent, and lets nobody wait for a flush', async () => {
    const channel = createChannel()
    const link = createIpcChannelLink(channel)
    const closed = vi.fn()
    link.onClose(closed)
    link.post(1)
    link.post(2)
    const flushing = link.flush()
    channel.callbacks[0]?.(new Error('EPIPE'))
    await flushing
    expect(closed).toHaveBeenCalledOnce()
  })

  it('is closed from the start when the channel is', async () => {
    const link = createIpcChannelLink(Object.assign(createChannel(), { connected: false }))
    const closed = vi.fn()
    link.onClose(closed)
    link.post('nowhere')
    await settle()
    expect(closed).toHaveBeenCalledOnce()
  })
})
