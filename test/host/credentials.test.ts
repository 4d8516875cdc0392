import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/shared/contract/index.ts'
import {
  createOrderWithSecrets,
  createResumeWithSecrets,
  createReviewWithSecrets,
  type CredentialStore,
} from '../../src/host/credentials.ts'
import type { OptionValues } from '../../src/shared/option-spec.ts'
import { createHandlers } from '../../src/worker/handlers.ts'
import type { Client } from '../../src/shared/rpc/client.ts'
import { fakeProtocol, proveStored } from '../fakes/fake-protocol.ts'
import { demoImage, openBench, type Bench } from '../fakes/bench.ts'

const TARGET = 'http://127.0.0.1:9'
const context: CallContext = { signal: new AbortController().signal, caller: 'page' }

let bench: Bench
let client: Pick<Client, 'call'>
let ran: OptionValues[]
let reviewed: OptionValues[]

beforeEach(async () => {
  ran = []
  reviewed = []
  const protocol = fakeProtocol((order, world) => {
    ran.push(order.options)
    return Promise.resolve(proveStored(order, world))
  })
  bench = await openBench({
    protocols: [
      {
        ...protocol,
        async review(order, reading) {
          reviewed.push(order.options)
          const review = await protocol.review(order, reading)
          // It repeats what it was told.
          return { ...review, identity: { name: `I am ${String(order.options['password'])}` } }
        },
      },
    ],
  })
  const handlers = createHandlers({ station: bench.station, emit: () => undefined, stop: () => Promise.resolve() })
  client = {
    // What a worker answers, without a process between.
    call: (name, request) => Promise.resolve((handlers[name as 'job.list'] as never as Ask)(request, context)) as never,
  }
})
afterEach(async () => {
  await bench.close()
})

type Ask = (request: unknown, context: CallContext) => unknown

function storeWith(secrets: Readonly<Record<string, Readonly<Record<string, string>>>>): CredentialStore {
  return {
    list: () =>
      Promise.resolve(
        Object.entries(secrets).flatMap(([device, own]) => Object.keys(own).map(key => ({ device, key }))),
      ),
    set: () => Promise.resolve(),
    secretsOf: device => Promise.resolve(secrets[device] ?? {}),
  }
}

const start = async (store: CredentialStore, more: object = {}): Promise<{ readonly jobIds: readonly string[] }> => {
  const firmwareId = await bench.firmwareId(demoImage())
  return await createOrderWithSecrets(client, store)({ firmwareId, targets: [TARGET], ...more }, context)
}

describe('secrets that a host keeps', () => {
  it('reach the job of their device', async () => {
    const { jobIds } = await start(
      storeWith({ [TARGET]: { password: 'kept-word' }, 'http://127.0.0.1:8': { password: 'other' } }),
    )
    await bench.ended(jobIds[0] ?? '')
    expect(ran).toEqual([{ password: 'kept-word' }])
  })

  it('do not fail an order when no protocol knows their key', async () => {
    const { jobIds } = await start(storeWith({ [TARGET]: { password: 'kept-word', wifiKey: 'of-an-older-version' } }))
    const job = await bench.ended(jobIds[0] ?? '')
    expect([job.state, job.verdict]).toEqual(['finished', 'proven'])
    expect(ran).toEqual([{ password: 'kept-word' }])
  })

  it('give way to what the order itself gives', async () => {
    const store = storeWith({ [TARGET]: { password: 'kept-word' } })
    await bench.ended((await start(store, { secrets: { password: 'given' } })).jobIds[0] ?? '')
    await bench.ended((await start(store, { targetSecrets: { [TARGET]: { password: 'own' } } })).jobIds[0] ?? '')
    expect(ran).toEqual([{ password: 'given' }, { password: 'own' }])
  })

  it('are used by a review, which tells none of them', async () => {
    const store = storeWith({ [TARGET]: { password: 'kept-word', wifiKey: 'of-an-older-version' } })
    const firmwareId = await bench.firmwareId(demoImage())
    const { targets } = await createReviewWithSecrets(client, store)({ firmwareId, targets: [TARGET] }, context)
    expect(reviewed).toEqual([{ password: 'kept-word' }])
    expect(targets[0]?.fits).toBe(true)
    expect(JSON.stringify(targets)).toContain('I am')
    expect(JSON.stringify(targets)).not.toContain('kept-word')
  })

  it('are left alone where there are none', async () => {
    const firmwareId = await bench.firmwareId(demoImage())
    await createReviewWithSecrets(client, storeWith({}))({ firmwareId, targets: [TARGET] }, context)
    expect(reviewed).toEqual([{}])
    expect(await createResumeWithSecrets(client, storeWith({}))({}, context)).toEqual({ jobIds: [] })
  })
})
