/** The answering side of a link: looks a command up, checks who asks and what, runs its handler, answers, and tells events. */
import {
  commands,
  events,
  isCommandName,
  type Answerer,
  type CallContext,
  type Caller,
  type CommandName,
  type EventName,
  type EventOf,
  type Handlers,
} from '../contract/index.ts'
import { FlashproofError, toWireError } from '../errors.ts'
import { parseToServer, type CallEnvelope, type CancelEnvelope, type ToClient } from './envelope.ts'
import type { MessageLink } from './message-link.ts'

export interface ServeOptions<Who extends Answerer> {
  readonly handlers: Handlers<Who>
  /** Whose commands these handlers are; the other ones are unknown here. */
  readonly answers: readonly Who[]
  /** Who is at the other end. A call may ask with less, never with more. */
  readonly caller: Caller
  /** Checks answers and events against the contract too: for tests and development, a fault gives `contract.invalid-response`. */
  readonly checksOutgoing?: boolean
}

export interface Server {
  /** Tells the other side; nobody waits for it. */
  emit<Name extends EventName>(name: Name, payload: EventOf<Name>): void
  /** Tells the other side and resolves when its listeners took it, or when the link ended. */
  emitAcknowledged<Name extends EventName>(name: Name, payload: EventOf<Name>): Promise<void>
  /** Stops listening and aborts every running handler. The link stays as it is. */
  close(): void
}

type AnyHandler = (request: unknown, context: CallContext) => unknown

export function serve<Who extends Answerer>(link: MessageLink, options: ServeOptions<Who>): Server {
  const running = new Map<number, AbortController>()
  const unacknowledged = new Map<number, () => void>()
  let lastBatch = 0
  let isClosed = false

  const stopListening = link.onMessage(message => {
    const envelope = parseToServer(message)
    if (envelope?.kind === 'call') void answer(envelope)
    else if (envelope?.kind === 'cancel') cancel(envelope)
    else if (envelope?.kind === 'ack') acknowledge(envelope.batch)
  })

  const close = (): void => {
    if (isClosed) return
    isClosed = true
    stopListening()
    stopWatching()
    const reason = new FlashproofError('call.aborted', 'the caller is gone')
    for (const controller of [...running.values()]) controller.abort(reason)
    running.clear()
    for (const batch of [...unacknowledged.keys()]) acknowledge(batch)
  }
  const stopWatching = link.onClose(close)

  const answer = async ({ id, name, request, caller }: CallEnvelope): Promise<void> => {
    // Two calls under one id could not be told apart in the answers: the first one keeps it.
    if (running.has(id)) return
    const controller = new AbortController()
    running.set(id, controller)
    let reply: ToClient
    try {
      const asker = options.caller === 'page' ? 'page' : caller
      const response = await run(name, request, { signal: controller.signal, caller: asker }, options)
      reply = { kind: 'result', id, response }
    } catch (thrown) {
      reply = { kind: 'error', id, error: toWireError(thrown) }
    }
    // Cancelled, or the link is gone: nobody waits.
    if (running.get(id) !== controller) return
    running.delete(id)
    post(link, reply)
  }

  const cancel = ({ id, reason }: CancelEnvelope): void => {
    const controller = running.get(id)
    running.delete(id)
    controller?.abort(
      reason === 'deadline'
        ? new FlashproofError('call.timeout', 'the caller stopped waiting')
        : new FlashproofError('call.aborted', 'the caller cancelled'),
    )
  }

  const acknowledge = (batch: number): void => {
    const resolve = unacknowledged.get(batch)
    unacknowledged.delete(batch)
    resolve?.()
  }

  return {
    emit(name, payload) {
      if (isClosed) return
      checkEvent(name, payload, options)
      post(link, { kind: 'event', name, payload })
    },
    emitAcknowledged(name, payload) {
      if (isClosed) return Promise.resolve()
      checkEvent(name, payload, options)
      return new Promise(resolve => {
        const batch = ++lastBatch
        post(link, { kind: 'event', name, payload, batch })
        unacknowledged.set(batch, resolve)
      })
    },
    close,
  }
}

/** Runs one call. @throws {FlashproofError} contract.* and whatever the handler throws */
async function run<Who extends Answerer>(
  name: string,
  request: unknown,
  context: CallContext,
  options: ServeOptions<Who>,
): Promise<unknown> {
  const handler = findHandler(name, options)
  if (!isCommandName(name) || handler === null) {
    throw new FlashproofError('contract.unknown-command', `there is no command “${name}” here`, { command: name })
  }
  if (commands[name].allowedFrom === 'host' && context.caller === 'page') {
    throw new FlashproofError('contract.forbidden', `a page may not ask for “${name}”`, { command: name })
  }
  const parsed = commands[name].request.safeParse(request)
  if (!parsed.success) {
    throw new FlashproofError('contract.invalid-request', `the request of “${name}” is not valid`, {
      command: name,
      issues: issuesOf(parsed.error),
    })
  }
  const response: unknown = await handler(parsed.data, context)
  if (options.checksOutgoing === true) checkResponse(name, response)
  return response
}

function mayAnswer(answers: readonly Answerer[], answeredBy: Answerer): boolean {
  return answers.includes(answeredBy)
}

/** Looks the handler up by its own name only, so `__proto__` and `constructor` are unknown. */
function findHandler<Who extends Answerer>(name: string, { handlers, answers }: ServeOptions<Who>): AnyHandler | null {
  if (!isCommandName(name) || !mayAnswer(answers, commands[name].answeredBy) || !Object.hasOwn(handlers, name))
    return null
  // The table of handlers is typed by name; by here the name is only known at run time, and its request was parsed
  // by the schema that the handler's parameter type comes from.
  return (handlers as Readonly<Record<CommandName, AnyHandler>>)[name]
}

function checkResponse(name: CommandName, response: unknown): void {
  const checked = commands[name].response.safeParse(response)
  if (checked.success) return
  throw new FlashproofError('contract.invalid-response', `the answer of “${name}” breaks the contract`, {
    command: name,
    issues: issuesOf(checked.error),
  })
}

function checkEvent<Who extends Answerer>(name: EventName, payload: unknown, options: ServeOptions<Who>): void {
  if (options.checksOutgoing !== true) return
  const checked = events[name].safeParse(payload)
  if (checked.success) return
  throw new FlashproofError('contract.invalid-response', `the event “${name}” breaks the contract`, {
    event: name,
    issues: issuesOf(checked.error),
  })
}

interface SchemaError {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]
}

/** What is wrong where: `{path: 'targets.0', message}` for each issue, at most 20. */
function issuesOf(error: SchemaError): readonly { readonly path: string; readonly message: string }[] {
  return error.issues.slice(0, 20).map(issue => ({ path: issue.path.map(String).join('.'), message: issue.message }))
}

/** Posts an answer; one that cannot cross the border (a function in it, say) becomes an error that can. */
function post(link: MessageLink, message: ToClient): void {
  try {
    link.post(message)
  } catch (thrown) {
    if (message.kind === 'event') throw thrown
    const text = thrown instanceof Error ? thrown.message : String(thrown)
    const original =
      message.kind === 'error' ? { originalCode: message.error.code, originalMessage: message.error.message } : {}
    link.post({
      kind: 'error',
      id: message.id,
      error: { code: 'internal.unexpected', message: `the answer cannot be sent: ${text}`, details: original },
    })
  }
}
