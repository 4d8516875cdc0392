/** Passes a whole contract on: what one link asks is answered by the worker behind another, with the asker's rights. */
import { commands, events, type Answerer, type CallContext, type EventName, type Handlers } from '../contract/index.ts'
import type { Client } from './client.ts'
import { createSnapshotFeed } from './job-feed.ts'
import type { Server } from './server.ts'
import type { Timing } from './timing.ts'

/** The table of commands, read for who answers. */
const answerers: Readonly<Record<string, { readonly answeredBy: Answerer }>> = commands

/** Handlers that ask `client` for everything the worker answers. Cancelling and deadlines of the asker go along. */
export function createForwardingHandlers(client: Client): Handlers<'worker'> {
  const forwarding = Object.entries(answerers)
    .filter(([, { answeredBy }]) => answeredBy === 'worker')
    .map(([name]) => [
      name,
      (request: never, { signal, caller }: CallContext) =>
        // The names come from the table itself; each request was checked by the side that serves these handlers.
        client.call(name as keyof Handlers<'worker'>, request, { signal, caller }),
    ])
  // One entry for each key of the very table that the type is derived from.
  return Object.fromEntries(forwarding) as Handlers<'worker'>
}

/** Tells every event of `client` to `server`; job states through a feed of its own, so one slow page delays nobody else. */
export function forwardEvents(client: Client, server: Server, timing: Pick<Timing, 'delay'>): () => void {
  const feed = createSnapshotFeed(jobs => server.emitAcknowledged('jobs.changed', { jobs }), { timing })
  // The keys of the table are the names.
  const stops = (Object.keys(events) as EventName[]).map(name => {
    if (name === 'jobs.changed') {
      return client.subscribe(name, ({ jobs }) => {
        for (const job of jobs) feed.push(job)
      })
    }
    if (name === 'batch.ended') {
      // The last states of its jobs come first.
      return client.subscribe(name, async payload => {
        await feed.flush()
        server.emit(name, payload)
      })
    }
    return client.subscribe(name, payload => {
      server.emit(name, payload)
    })
  })
  return () => {
    for (const stop of stops) stop()
    feed.close()
  }
}
