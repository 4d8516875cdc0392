/** Whatever arrives on a link: the server goes on, answers each call once, and runs no handler it should not. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commands } from '../../../src/shared/contract/index.ts'
import { errorTable, type WireError } from '../../../src/shared/errors.ts'
import { createClient } from '../../../src/shared/rpc/client.ts'
import { createMemoryLinkPair } from '../../../src/shared/rpc/memory-link.ts'
import { serve } from '../../../src/shared/rpc/server.ts'
import { settle } from '../../fakes/fake-clock.ts'
import { fakeWorkerHandlers } from '../../fakes/fake-worker-handlers.ts'

const names = fc.oneof(
  fc.constantFrom(...Object.keys(commands)),
  fc.constantFrom('__proto__', 'constructor', 'valueOf', ''),
  fc.string(),
)
const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true })
const almostEnvelope = fc.record(
  {
    kind: fc.oneof(fc.constantFrom('call', 'cancel', 'ack', 'result', 'error', 'event'), anything),
    id: fc.oneof(fc.integer(), fc.double(), anything),
    name: fc.oneof(names, anything),
    request: anything,
    response: anything,
    error: anything,
    payload: anything,
    batch: fc.oneof(fc.integer(), anything),
    caller: fc.oneof(fc.constantFrom('page', 'host'), anything),
  },
  { requiredKeys: [] },
)

describe('a link with hostile messages', () => {
  it('never breaks the server and never runs what a page may not ask for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(anything, almostEnvelope), { maxLength: 20 }), async messages => {
        const [near, far] = createMemoryLinkPair()
        const ran: string[] = []
        const watched = Object.keys(commands).map(name => [name, () => void ran.push(name)] as const)
        serve(far, { handlers: fakeWorkerHandlers(Object.fromEntries(watched)), answers: ['worker'], caller: 'page' })
        const client = createClient(near, { caller: 'page' })
        for (const message of messages) near.post(message)
        await settle()
        const forHosts = new Map(
          Object.entries(commands).map(([name, command]) => [name, command.allowedFrom === 'host']),
        )
        expect(ran.filter(name => forHosts.get(name) === true)).toEqual([])
        await expect(client.call('job.list', {}, { deadlineMs: 5_000 })).resolves.toBeUndefined()
        near.close()
      }),
      { numRuns: 200 },
    )
  })

  it('never breaks the client', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(anything, almostEnvelope), { maxLength: 20 }), async messages => {
        const [near, far] = createMemoryLinkPair()
        const client = createClient(near, { caller: 'host' })
        for (const message of messages) far.post(message)
        await settle()
        serve(far, {
          handlers: fakeWorkerHandlers({ 'job.list': () => ({ jobs: [] }) }),
          answers: ['worker'],
          caller: 'host',
        })
        await expect(client.call('job.list', {}, { deadlineMs: 5_000 })).resolves.toEqual({ jobs: [] })
        near.close()
      }),
      { numRuns: 200 },
    )
  })

  it('answers each well-formed call exactly once, with a code of the table when it is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ name: names, request: anything }), { maxLength: 20 }), async calls => {
        const [near, far] = createMemoryLinkPair()
        serve(far, { handlers: fakeWorkerHandlers(), answers: ['worker'], caller: 'host' })
        const answers: { id: number; error: WireError }[] = []
        near.onMessage(message => answers.push(message as { id: number; error: WireError }))
        for (const [id, call] of calls.entries()) near.post({ kind: 'call', id, caller: 'host', ...call })
        await settle()
        expect(answers.map(answer => answer.id).toSorted((a, b) => a - b)).toEqual([...calls.keys()])
        for (const { error } of answers) expect(Object.keys(errorTable)).toContain(error.code)
        near.close()
      }),
      { numRuns: 200 },
    )
  })

  it('turns an error with an unknown code into an unexpected one that keeps what it said', async () => {
    const [near, far] = createMemoryLinkPair()
    const client = createClient(near, { caller: 'host' })
    far.onMessage(message => {
      const { id } = message as { id: number }
      far.post({
        kind: 'error',
        id,
        error: { code: 'toString', message: 'odd', details: { a: 1 }, cause: { code: 'x', message: 'deep' } },
      })
    })
    await expect(client.call('job.list', {})).rejects.toMatchObject({
      code: 'internal.unexpected',
      message: 'odd',
      details: { a: 1, unknownCode: 'toString' },
      cause: { code: 'internal.unexpected', message: 'deep', details: { unknownCode: 'x' } },
    })
  })
})
