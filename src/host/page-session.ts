/** One page at the end of a link: its commands are answered by the worker or by the host, and it is told every event. */
import {
  commands,
  type CallContext,
  type CommandName,
  type EngineState,
  type EventName,
  type EventOf,
  type Handlers,
} from '../shared/contract/index.ts'
import { FlashproofError } from '../shared/errors.ts'
import { createForwardingHandlers, forwardEvents } from '../shared/rpc/forward.ts'
import type { MessageLink } from '../shared/rpc/message-link.ts'
import { serve, type Server } from '../shared/rpc/server.ts'
import type { Timing } from '../shared/rpc/timing.ts'
import type { Engine } from './engine.ts'
import { createPageMonitors } from './page-monitors.ts'

export type PageHandlers = Handlers<'main'> & Partial<Handlers<'worker'>>

export interface PageSessionOptions {
  readonly engine: Pick<Engine, 'client' | 'firmware' | 'onState'>
  /** What the host answers itself, and commands of the worker that it takes upon itself; see `createStationHost`. */
  readonly handlers: PageHandlers
  readonly timing: Pick<Timing, 'delay'>
  /** Asked at every command that changes something; while false, such a command is refused with `control.not-held`. */
  readonly mayChange: () => boolean
  /** Told of every monitor that the page began. */
  readonly onMonitor?: (target: string, monitorId: string) => Promise<void>
  /** Checks answers and events against the contract too: for tests. */
  readonly checksOutgoing?: boolean
}

export interface PageSession {
  /** Tells this page something that only its host knows, such as `menu.chosen` or `control.changed`. */
  tell<Name extends EventName>(name: Name, payload: EventOf<Name>): void
  /** Ends the session and aborts what the page asked; the link stays as it is. Without effect the second time. */
  close(): void
}

/**
 * Serves the contract to a page: worker commands are passed on with a page's rights, the rest is answered by `handlers`.
 * Its monitors end with it. The page is told the worker's events, `engine.changed`, and `firmware.opened` or `.refused`. It ends with its link.
 */
export function openPageSession(link: MessageLink, options: PageSessionOptions): PageSession {
  const { engine, handlers, timing, mayChange, checksOutgoing = false } = options
  const monitors = createPageMonitors(engine.client, options.onMonitor)
  const forwarding = { ...createForwardingHandlers(engine.client), ...monitors.handlers }
  const server = serve(link, {
    handlers: guardChanges({ ...forwarding, ...handlers }, mayChange),
    answers: ['worker', 'main'],
    caller: 'page',
    checksOutgoing,
  })
  const stops = [forwardEvents(engine.client, server, timing), tellHostEvents(engine, server)]
  const close = (): void => {
    for (const stop of stops.splice(0)) stop()
    server.close()
    monitors.close()
  }
  link.onClose(close)
  return {
    tell(name, payload) {
      server.emit(name, payload)
    },
    close,
  }
}

function tellHostEvents(engine: Pick<Engine, 'firmware' | 'onState'>, server: Server): () => void {
  const stopStates = engine.onState((state: EngineState) => {
    server.emit('engine.changed', { engine: state })
  })
  const stopFirmware = engine.firmware.listen({
    onOpened: event => {
      server.emit('firmware.opened', event)
    },
    onRefused: event => {
      server.emit('firmware.refused', event)
    },
  })
  return () => {
    stopStates()
    stopFirmware()
  }
}

type AllHandlers = Handlers<'worker' | 'main'>

/** Puts the question of control before every handler whose command changes something. */
function guardChanges(handlers: AllHandlers, mayChange: () => boolean): AllHandlers {
  const guarded = Object.entries(handlers).map(([name, handler]) => {
    // The keys of the handlers are the names of the table.
    if (commands[name as CommandName].effect === 'reads') return [name, handler]
    const guardedHandler = (request: never, context: CallContext): unknown => {
      if (!mayChange()) {
        throw new FlashproofError('control.not-held', `“${name}” changes something, and this page only watches`, {
          command: name,
        })
      }
      return handler(request, context)
    }
    return [name, guardedHandler]
  })
  // One entry for each key of the handlers that came in.
  return Object.fromEntries(guarded) as AllHandlers
}
