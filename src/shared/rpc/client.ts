/** The asking side of a link: typed calls with deadlines, and subscriptions. Holds no schemas, so a page can carry it. */
import type { Caller, CommandName, EventName, EventOf, RequestOf, ResponseOf } from '../contract/index.ts'
import { FlashproofError, fromWireError } from '../errors.ts'
import { deadlineMsOf } from './deadlines.ts'
import { parseToClient, type EventEnvelope, type ToServer } from './envelope.ts'
import type { MessageLink } from './message-link.ts'

export interface CallOptions {
  /** Cancels the call on both sides; it then rejects with `call.aborted`. */
  readonly signal?: AbortSignal
  /** Instead of the command's own deadline. */
  readonly deadlineMs?: number
  /** Asks with a page's rights although the link could do more. */
  readonly caller?: Caller
}

/** May be slow: a batch that waits for its acknowledgement is acknowledged after the returned promise settled. */
export type EventListener<Name extends EventName> = (payload: EventOf<Name>) => void | Promise<void>

export interface Client {
  /**
   * Asks the other side.
   * @throws {FlashproofError} what the other side threw, with code, details and causes; call.aborted, call.timeout,
   * worker.exited when the link ended
   */
  call<Name extends CommandName>(name: Name, request: RequestOf<Name>, options?: CallOptions): Promise<ResponseOf<Name>>
  /** Calls `listener` for every event of this name, in order. @returns ends the subscription */
  subscribe<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void
  /** Ends the client: pending and later calls reject with `reason`, or with `worker.exited`. The link stays as it is. */
  close(reason?: FlashproofError): void
}

export interface ClientOptions {
  /** Whose calls these are; the answering side decides what that caller may do. */
  readonly caller: Caller
  /** Gets what a listener threw. Without it the error is raised as an uncaught one: it is a fault of the program. */
  readonly onListenerError?: (error: unknown) => void
}

interface PendingCall {
  readonly resolve: (response: unknown) => void
  readonly reject: (error: FlashproofError) => void
}

type AnyListener = (payload: unknown) => void | Promise<void>

export function createClient(link: MessageLink, options: ClientOptions): Client {
  const pending = new Map<number, PendingCall>()
  const listeners = new Map<string, Set<AnyListener>>()
  let lastId = 0
  let closedBy: FlashproofError | null = null

  const post = (message: ToServer): void => {
    link.post(message)
  }

  const stopListening = link.onMessage(message => {
    const envelope = parseToClient(message)
    if (envelope === null) return
    if (envelope.kind === 'event') {
      void deliver(envelope)
      return
    }
    // An answer to a call that was cancelled meanwhile has nobody waiting.
    const call = pending.get(envelope.id)
    if (envelope.kind === 'result') call?.resolve(envelope.response)
    else call?.reject(fromWireError(envelope.error))
  })

  const close = (reason?: FlashproofError): void => {
    if (closedBy !== null) return
    closedBy = reason ?? new FlashproofError('worker.exited', 'the link to the background process ended')
    stopListening()
    stopWatching()
    for (const call of [...pending.values()]) call.reject(closedBy)
    listeners.clear()
  }
  const stopWatching = link.onClose(close)

  const deliver = async (event: EventEnvelope): Promise<void> => {
    const results = [...(listeners.get(event.name) ?? [])].map(listener =>
      runListener(listener, event.payload, options),
    )
    if (event.batch === undefined) return
    await Promise.all(results)
    if (closedBy === null) post({ kind: 'ack', batch: event.batch })
  }

  const start = (name: CommandName, request: unknown, callOptions: CallOptions, call: PendingCall): void => {
    const { signal, deadlineMs = deadlineMsOf(name), caller = options.caller } = callOptions
    const id = ++lastId
    const settle = (): void => {
      pending.delete(id)
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    const fail = (error: FlashproofError): void => {
      settle()
      call.reject(error)
    }
    const onAbort = (): void => {
      post({ kind: 'cancel', id, reason: 'aborted' })
      fail(abortedError(name, signal?.reason))
    }
    const timer = setTimeout(() => {
      post({ kind: 'cancel', id, reason: 'deadline' })
      fail(new FlashproofError('call.timeout', `“${name}” did not answer in time`, { command: name, deadlineMs }))
    }, deadlineMs)
    const succeed = (response: unknown): void => {
      settle()
      call.resolve(response)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    pending.set(id, { resolve: succeed, reject: fail })
    try {
      post({ kind: 'call', id, name, request, caller })
    } catch (thrown) {
      fail(unsendableError(name, thrown))
    }
  }

  return {
    call<Name extends CommandName>(name: Name, request: RequestOf<Name>, callOptions: CallOptions = {}) {
      return new Promise<ResponseOf<Name>>((resolve, reject) => {
        if (closedBy !== null) {
          reject(closedBy)
        } else if (callOptions.signal?.aborted === true) {
          reject(abortedError(name, callOptions.signal.reason))
        } else {
          // The answering side is of the same build and checks its answers in tests; see `checksOutgoing` in server.ts.
          const succeed = (response: unknown): void => {
            resolve(response as ResponseOf<Name>)
          }
          start(name, request, callOptions, { resolve: succeed, reject })
        }
      })
    },

    subscribe<Name extends EventName>(name: Name, listener: EventListener<Name>) {
      const ofName = listeners.get(name) ?? new Set<AnyListener>()
      listeners.set(name, ofName)
      // A wrapper of its own, so that the same function may subscribe twice. The payload has the type that the
      // sender's `emit` demanded for this name.
      const entry: AnyListener = payload => listener(payload as EventOf<Name>)
      ofName.add(entry)
      return () => {
        ofName.delete(entry)
      }
    },

    close,
  }
}

async function runListener(listener: AnyListener, payload: unknown, options: ClientOptions): Promise<void> {
  try {
    await listener(payload)
  } catch (thrown) {
    if (options.onListenerError === undefined) {
      queueMicrotask(() => {
        throw thrown
      })
    } else {
      options.onListenerError(thrown)
    }
  }
}

function abortedError(name: CommandName, cause: unknown): FlashproofError {
  return new FlashproofError('call.aborted', `“${name}” was cancelled`, { command: name }, { cause })
}

function unsendableError(name: CommandName, cause: unknown): FlashproofError {
  const message = `the request of “${name}” cannot be sent`
  return new FlashproofError('contract.invalid-request', message, { command: name }, { cause })
}
