/** The background process as a host of pages knows it: started, watched, started again, and asked through one client. */
import type { EngineState, EventName } from '../shared/contract/index.ts'
import { FlashproofError } from '../shared/errors.ts'
import type { Client, EventListener } from '../shared/rpc/client.ts'
import { Supervisor, type SpawnedWorker, type SupervisorState } from '../shared/rpc/supervisor.ts'
import type { Timing } from '../shared/rpc/timing.ts'
import { OpenFirmware } from './open-firmware.ts'

export interface EngineOptions {
  /** Starts one worker; called again after each crash. */
  readonly spawn: () => Promise<SpawnedWorker>
  readonly timing: Timing
  readonly onState?: (state: EngineState) => void
  /** Gets what a listener of an event threw; without it the error is raised as an uncaught one. */
  readonly onListenerError?: (error: unknown) => void
  /** How long a worker may take to pause its jobs and seal the journal before it is killed; 10 s where not given. */
  readonly stopDeadlineMs?: number
}

export interface Engine {
  /**
   * Speaks to the worker of the moment; subscriptions outlive it. While none is ready, calls reject with
   * `worker.not-ready`, after too many crashes with `worker.gave-up`, after `stop` with `worker.exited`.
   */
  readonly client: Client
  /** The files that are open; each is opened again in a restarted worker. */
  readonly firmware: OpenFirmware
  state(): EngineState
  /** Calls `listener` on every change. @returns stops listening */
  onState(listener: (state: EngineState) => void): () => void
  /** Resolves when the first worker answers. @throws {FlashproofError} worker.gave-up, or why it cannot be spawned */
  start(): Promise<void>
  /**
   * Starts workers again after they were given up; without effect in any other state. Resolves when one answers.
   * @throws {FlashproofError} as `start`
   */
  restart(): Promise<void>
  /** Has the worker pause its jobs at a chunk edge and end; nothing is started afterwards. */
  stop(): Promise<void>
}

export function createEngine(options: EngineOptions): Engine {
  return new SupervisedEngine(options)
}

class SupervisedEngine implements Engine {
  readonly client: Client = {
    call: (name, request, callOptions) => this.#supervisor.client.call(name, request, callOptions),
    subscribe: (name, listener) => this.#subscribe(name, listener),
    close: reason => {
      this.#supervisor.client.close(reason)
    },
  }
  readonly firmware = new OpenFirmware(this.client)
  readonly #options: EngineOptions
  readonly #listeners = new Set<(state: EngineState) => void>()
  readonly #subscriptions = new Set<Subscription>()
  #supervisor: Supervisor
  #state: EngineState = { state: 'starting' }
  #starting: Promise<void> | null = null
  #isStopped = false

  constructor(options: EngineOptions) {
    this.#options = options
    this.#supervisor = this.#createSupervisor()
  }

  state(): EngineState {
    return this.#state
  }

  onState(listener: (state: EngineState) => void): () => void {
    const entry = (state: EngineState): void => {
      listener(state)
    }
    this.#listeners.add(entry)
    return () => {
      this.#listeners.delete(entry)
    }
  }

  start(): Promise<void> {
    this.#starting ??= this.#supervisor.start().catch((thrown: unknown) => {
      throw this.#isStopped ? new FlashproofError('worker.exited', 'the background process was stopped') : thrown
    })
    return this.#starting
  }

  async restart(): Promise<void> {
    if (this.#isStopped) throw new FlashproofError('worker.exited', 'the background process was stopped')
    if (this.#state.state === 'gave-up') {
      this.#supervisor = this.#createSupervisor()
      for (const subscription of this.#subscriptions) subscription.attach(this.#supervisor.client)
      this.#starting = null
    }
    await this.start()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#supervisor.stop()
    this.#enter({ state: 'stopped' })
  }

  #createSupervisor(): Supervisor {
    const { spawn, timing, onListenerError, stopDeadlineMs } = this.#options
    return new Supervisor({
      spawn,
      timing,
      caller: 'host',
      onState: state => {
        this.#enter(describeState(state))
      },
      ...(onListenerError === undefined ? {} : { onListenerError }),
      ...(stopDeadlineMs === undefined ? {} : { stopDeadlineMs }),
    })
  }

  #enter(state: EngineState): void {
    if (state.state === this.#state.state && (state.state === 'stopped' || state.state === 'starting')) return
    this.#state = state
    this.#options.onState?.(state)
    for (const listener of [...this.#listeners]) listener(state)
    if (state.state === 'ready') void this.firmware.openAgain()
  }

  #subscribe<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void {
    const subscription = createSubscription(name, listener)
    this.#subscriptions.add(subscription)
    subscription.attach(this.#supervisor.client)
    return () => {
      this.#subscriptions.delete(subscription)
      subscription.detach()
    }
  }
}

/** A wish to hear an event, from whichever supervisor's worker is there. */
interface Subscription {
  readonly attach: (client: Client) => void
  readonly detach: () => void
}

function createSubscription<Name extends EventName>(name: Name, listener: EventListener<Name>): Subscription {
  let stop: (() => void) | null = null
  return {
    attach(client) {
      stop?.()
      stop = client.subscribe(name, listener)
    },
    detach() {
      stop?.()
    },
  }
}

function describeState(state: SupervisorState): EngineState {
  switch (state.state) {
    case 'pausing':
      return { state: 'pausing', pauseMs: state.pauseMs, text: state.error.message }
    case 'gave-up':
      return { state: 'gave-up', text: state.error.message }
    default:
      return { state: state.state }
  }
}
