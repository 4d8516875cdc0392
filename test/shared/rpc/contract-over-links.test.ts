/** The same promises over every kind of link that needs no second process. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Caller, EventOf, Handlers } from '../../../src/shared/contract/index.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { createClient, type Client } from '../../../src/shared/rpc/client.ts'
import { createMemoryLinkPair } from '../../../src/shared/rpc/memory-link.ts'
import type { MessageLink } from '../../../src/shared/rpc/message-link.ts'
import { createMessagePortLink } from '../../../src/shared/rpc/message-port-link.ts'
import { serve, type Server } from '../../../src/shared/rpc/server.ts'
import { fakeSnapshot } from '../../fakes/fake-snapshot.ts'
import { fakeWorkerHandlers } from '../../fakes/fake-worker-handlers.ts'

type ClosableLink = MessageLink & { close(): void }

const makers: readonly (readonly [string, () => readonly [ClosableLink, ClosableLink]])[] = [
  ['a memory link', createMemoryLinkPair],
  [
    'a MessageChannel',
    () => {
      const { port1, port2 } = new MessageChannel()
      return [createMessagePortLink(port1), createMessagePortLink(port2)]
    },
  ],
  [
    'a link that carries text alone',
    () => {
      const [near, far] = createMemoryLinkPair()
      return [throughJson(near), throughJson(far)]
    },
  ],
]

describe.each(makers)('over %s', (_name, makePair) => {
  let links: readonly [ClosableLink, ClosableLink] | null = null

  function connect(
    handlers: Partial<Handlers<'worker'>>,
    callers: { server?: Caller; client?: Caller } = {},
  ): { client: Client; server: Server; near: ClosableLink; far: ClosableLink } {
    links = makePair()
    const [near, far] = links
    const server = serve(far, {
      handlers: fakeWorkerHandlers(handlers),
      answers: ['worker'],
      caller: callers.server ?? 'host',
      checksOutgoing: true,
    })
    return { client: createClient(near, { caller: callers.client ?? 'host' }), server, near, far }
  }

  afterEach(() => {
    links?.[0].close()
    links?.[1].close()
    vi.useRealTimers()
  })

  it('answers a call with what its handler gives', async () => {
    const { client } = connect({ 'device.list': ({ waitMs }) => ({ devices: [], waitMs }) })
    await expect(client.call('device.list', { waitMs: 5 })).resolves.toMatchObject({ devices: [], waitMs: 5 })
  })

  it('keeps many calls apart whatever the order of their answers', async () => {
    const gates = new Map<string, () => void>()
    const { client } = connect({
      'monitor.start': ({ target }) =>
        new Promise(resolve =>
          gates.set(target, () => {
            resolve({ monitorId: `monitor of ${target}` })
          }),
        ),
    })
    const targets = ['a', 'b', 'c']
    const calls = targets.map(target => client.call('monitor.start', { target }))
    await vi.waitFor(() => {
      expect(gates.size).toBe(3)
    })
    for (const target of targets.toReversed()) gates.get(target)?.()
    const answers = await Promise.all(calls)
    expect(answers.map(answer => answer.monitorId)).toEqual(['monitor of a', 'monitor of b', 'monitor of c'])
  })

  it('carries an error over the border with code, details and every cause', async () => {
    const { client } = connect({
      'log.show': () => {
        const refused = new FlashproofError(
          'network.refused',
          'nobody there',
          { port: 80 },
          { cause: new Error('ECONNREFUSED') },
        )
        throw new FlashproofError('job.retries-exhausted', 'five tries', { attempts: 5 }, { cause: refused })
      },
    })
    const error = await rejection(client.call('log.show', { jobId: 'x' }))
    expect(error).toMatchObject({
      code: 'job.retries-exhausted',
      message: 'five tries',
      details: { attempts: 5 },
      cause: { code: 'network.refused', details: { port: 80 }, cause: { message: 'ECONNREFUSED' } },
    })
    expect(error.cause).toBeInstanceOf(FlashproofError)
    expect(error.traits.isRetryable).toBe(false)
  })

  it('gives an unexpected error the code internal.unexpected and keeps its text', async () => {
    const { client } = connect({
      'log.show': () => {
        throw new TypeError('x is not a function')
      },
    })
    await expect(client.call('log.show', { jobId: 'x' })).rejects.toMatchObject({
      code: 'internal.unexpected',
      message: 'x is not a function',
    })
  })

  it('refuses a request that breaks the schema and names each field', async () => {
    const { client } = connect({})
    const wrong = { firmwareId: 'f', targets: [], parallel: 0, surprise: true }
    const error = await rejection(client.call('job.start', wrong))
    expect(error.code).toBe('contract.invalid-request')
    const issues = error.details['issues'] as { path: string; message: string }[]
    expect(issues.map(issue => issue.path).sort()).toEqual(['', 'parallel', 'targets'])
    expect(issues.every(issue => issue.message.length > 0)).toBe(true)
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'no.such-command'])(
    'refuses the command %s as unknown',
    async name => {
      const { client } = connect({})
      const untyped = client as unknown as { call(name: string, request: unknown): Promise<unknown> }
      await expect(untyped.call(name, {})).rejects.toMatchObject({
        code: 'contract.unknown-command',
        details: { command: name },
      })
    },
  )

  it('refuses a page what only a host may ask, and does not run the handler', async () => {
    const open = vi.fn()
    const { client } = connect({ 'firmware.open': open }, { client: 'page' })
    await expect(client.call('firmware.open', { path: '/etc/passwd' })).rejects.toMatchObject({
      code: 'contract.forbidden',
    })
    expect(open).not.toHaveBeenCalled()
  })

  it('does not believe a page that says it is a host', async () => {
    const open = vi.fn()
    const { client } = connect({ 'firmware.open': open }, { server: 'page', client: 'host' })
    await expect(client.call('firmware.open', { path: 'x' })).rejects.toMatchObject({ code: 'contract.forbidden' })
    expect(open).not.toHaveBeenCalled()
  })

  it('lets a host ask with the rights of a page', async () => {
    const { client } = connect({ 'worker.stop': () => ({}) })
    await expect(client.call('worker.stop', {}, { caller: 'page' })).rejects.toMatchObject({
      code: 'contract.forbidden',
    })
    await expect(client.call('worker.stop', {})).resolves.toEqual({})
  })

  it('cancels a call on both sides', async () => {
    const seen: unknown[] = []
    const { client } = connect({ 'device.list': (_request, { signal }) => untilAborted(signal, seen) })
    const controller = new AbortController()
    const call = client.call('device.list', {}, { signal: controller.signal })
    await vi.waitFor(() => {
      expect(seen).toEqual(['running'])
    })
    controller.abort(new Error('changed my mind'))
    const error = await rejection(call)
    expect(error).toMatchObject({ code: 'call.aborted', details: { command: 'device.list' } })
    expect(error.cause).toMatchObject({ message: 'changed my mind' })
    await vi.waitFor(() => {
      expect(seen).toEqual(['running', 'call.aborted'])
    })
  })

  it('sends nothing for a call whose signal is aborted already', async () => {
    const list = vi.fn()
    const { client } = connect({ 'device.list': list, 'log.list': () => ({ entries: [], headHash: null }) })
    await expect(client.call('device.list', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'call.aborted',
    })
    await client.call('log.list', {})
    expect(list).not.toHaveBeenCalled()
  })

  it('ends a call at its deadline and tells the handler', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const seen: unknown[] = []
    const { client } = connect({ 'worker.hello': (_request, { signal }) => untilAborted(signal, seen) })
    const call = rejection(client.call('worker.hello', {}))
    vi.advanceTimersByTime(10_000)
    expect(await call).toMatchObject({ code: 'call.timeout', details: { command: 'worker.hello', deadlineMs: 10_000 } })
    vi.useRealTimers()
    await vi.waitFor(() => {
      expect(seen).toEqual(['running', 'call.timeout'])
    })
  })

  it('rejects every pending and every later call when the link ends, and aborts the handlers', async () => {
    const seen: unknown[] = []
    const { client, far } = connect({ 'device.list': (_request, { signal }) => untilAborted(signal, seen) })
    const calls = [1, 2, 3].map(waitMs => rejection(client.call('device.list', { waitMs })))
    await vi.waitFor(() => {
      expect(seen).toHaveLength(3)
    })
    far.close()
    for (const error of await Promise.all(calls)) expect(error.code).toBe('worker.exited')
    await expect(client.call('device.list', {})).rejects.toMatchObject({ code: 'worker.exited' })
    await vi.waitFor(() => {
      expect(seen.slice(3)).toEqual(['call.aborted', 'call.aborted', 'call.aborted'])
    })
  })

  it('tells events in order to every listener until it unsubscribes', async () => {
    const { client, server } = connect({ 'job.list': () => ({ jobs: [] }) })
    const first: string[] = []
    const second: string[] = []
    const stop = client.subscribe('journal.changed', ({ text }) => {
      first.push(text)
    })
    client.subscribe('journal.changed', ({ text }) => {
      second.push(text)
    })
    for (const text of ['a', 'b']) server.emit('journal.changed', { state: 'ok', text })
    await client.call('job.list', {})
    stop()
    server.emit('journal.changed', { state: 'ok', text: 'c' })
    await client.call('job.list', {})
    expect(first).toEqual(['a', 'b'])
    expect(second).toEqual(['a', 'b', 'c'])
  })

  it('acknowledges a batch only after a slow listener took it', async () => {
    const { client, server } = connect({})
    const gate = Promise.withResolvers<undefined>()
    client.subscribe('jobs.changed', () => gate.promise)
    let isTaken = false
    const taken = server.emitAcknowledged('jobs.changed', { jobs: [fakeSnapshot()] }).then(() => {
      isTaken = true
    })
    await expect(client.call('log.show', { jobId: 'x' })).rejects.toThrow()
    expect(isTaken).toBe(false)
    gate.resolve(undefined)
    await taken
  })

  it('goes on when a listener throws: the others are told, the batch is acknowledged, the fault is reported', async () => {
    links = makePair()
    const [near, far] = links
    const server = serve(far, { handlers: fakeWorkerHandlers(), answers: ['worker'], caller: 'host' })
    const reported: unknown[] = []
    const client = createClient(near, { caller: 'host', onListenerError: error => reported.push(error) })
    const told: number[] = []
    client.subscribe('jobs.changed', () => {
      throw new Error('listener broke')
    })
    client.subscribe('jobs.changed', ({ jobs }) => {
      told.push(jobs.length)
    })
    await server.emitAcknowledged('jobs.changed', { jobs: [fakeSnapshot()] })
    expect(told).toEqual([1])
    expect(reported).toMatchObject([{ message: 'listener broke' }])
  })

  it('ends the wait for an acknowledgement when the link ends', async () => {
    const { client, server, near } = connect({})
    client.subscribe('jobs.changed', () => new Promise(() => undefined))
    const taken = server.emitAcknowledged('jobs.changed', { jobs: [] })
    near.close()
    await expect(taken).resolves.toBeUndefined()
  })

  it('reports an answer and an event that break the contract', async () => {
    const { client, server } = connect({
      // @ts-expect-error -- the answer lacks its field on purpose
      'monitor.start': () => ({ monitor: 'm' }),
    })
    await expect(client.call('monitor.start', { target: 'a' })).rejects.toMatchObject({
      code: 'contract.invalid-response',
      details: { issues: [{ path: 'monitorId' }] },
    })
    const wrongEvent = { state: 'fine', text: '' } as unknown as EventOf<'journal.changed'>
    expect(() => {
      server.emit('journal.changed', wrongEvent)
    }).toThrow(expect.objectContaining({ code: 'contract.invalid-response' }))
  })

  it('does not react to messages that are no envelopes', async () => {
    const { client, near, far } = connect({ 'job.list': () => ({ jobs: [] }) })
    const nonsense = [
      null,
      7,
      'call',
      [],
      {},
      { kind: 'call' },
      { kind: 'call', id: 'one', name: 'job.list' },
      { kind: 'cancel' },
    ]
    for (const message of nonsense) {
      near.post(message)
      far.post(message)
    }
    await expect(client.call('job.list', {})).resolves.toEqual({ jobs: [] })
  })
})

describe('the table of handlers', () => {
  it('does not compile when a handler is forgotten', () => {
    const { 'worker.hello': hello, ...rest } = fakeWorkerHandlers()
    // @ts-expect-error -- worker.hello is missing
    const incomplete: Handlers<'worker'> = rest
    expect(Object.keys(incomplete)).not.toContain('worker.hello')
    expect(hello).toBeTypeOf('function')
  })
})

describe('what cannot cross a border', () => {
  it('makes the call fail instead of leaving it without an answer', async () => {
    const { port1, port2 } = new MessageChannel()
    const server = serve(createMessagePortLink(port2), {
      handlers: fakeWorkerHandlers({
        'log.show': () => {
          throw new FlashproofError('job.not-found', 'gone', { callback: () => undefined })
        },
      }),
      answers: ['worker'],
      caller: 'host',
    })
    const link = createMessagePortLink(port1)
    const client = createClient(link, { caller: 'host' })
    await expect(client.call('log.show', { jobId: 'x' })).rejects.toMatchObject({
      code: 'internal.unexpected',
      details: { originalCode: 'job.not-found', originalMessage: 'gone' },
    })
    const unsendable = { jobId: (() => 'x') as unknown as string }
    await expect(client.call('log.show', unsendable)).rejects.toMatchObject({ code: 'contract.invalid-request' })
    server.close()
    link.close()
  })
})

async function rejection(promise: Promise<unknown>): Promise<FlashproofError> {
  try {
    await promise
  } catch (thrown) {
    if (thrown instanceof FlashproofError) return thrown
    throw thrown
  }
  throw new Error('the call was expected to fail')
}

function untilAborted(signal: AbortSignal, seen: unknown[]): Promise<never> {
  seen.push('running')
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      seen.push(signal.reason instanceof FlashproofError ? signal.reason.code : signal.reason)
      reject(signal.reason as Error)
    })
  })
}

/** What a WebSocket does to messages. */
function throughJson(link: ClosableLink): ClosableLink {
  return {
    post(message) {
      link.post(JSON.stringify(message))
    },
    onMessage: listener =>
      link.onMessage(text => {
        listener(JSON.parse(text as string))
      }),
    onClose: link.onClose,
    close: () => {
      link.close()
    },
  }
}
