/**
 * Keeps a worker running: starts it, waits until it answers, starts it again after a crash with growing pauses, and gives
 * up when it keeps crashing. Knows nothing of processes: it takes a function that spawns one.
 */
import type { Caller, EventName } from '../contract/index.ts'
import { asFlashproofError, FlashproofError } from '../errors.ts'
import { createClient, type Client, type EventListener } from './client.ts'
import type { MessageLink } from './message-link.ts'
import { CRASH_LIMIT, CRASH_WINDOW_MS, RestartPolicy } from './restart-policy.ts'
import { resolvesWithin, type Timing } from './timing.ts'

export interface WorkerExit {
  readonly code: number | null
  readonly signal: string | null
  /** The last of what it printed, where that was kept. */
  readonly output?: string
}

export interface SpawnedWorker {
  readonly link: MessageLink
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<WorkerExit>
  /** Ends the process at once. */
  kill(): void
}

export type SupervisorState =
  | { readonly state: 'starting' }
  | { readonly state: 'ready' }
  /** It crashed; the next start follows after `pauseMs`. */
  | { readonly state: 'pausing'; readonly pauseMs: number; readonly error: FlashproofError }
  | { readonly state: 'gave-up'; readonly error: FlashproofError }
  | { readonly state: 'stopped' }

export interface SupervisorOptions {
  spawn(): Promise<SpawnedWorker>
  readonly timing: Timing
  readonly caller: Caller
  readonly onState?: (state: SupervisorState) => void
  readonly onListenerError?: (error: unknown) => void
  /** How long a started worker may take until it answers; 15 s where not given. */
  readonly readyDeadlineMs?: number
  /** How long a worker may take to pause its jobs and seal the journal before it is killed; 10 s where not given. */
  readonly stopDeadlineMs?: number
}

/** A worker whose link ended should be gone soon; after this it is killed. */
const EXIT_GRACE_MS = 2_000

export class Supervisor {
  /** Speaks to the worker of the moment. Between two workers calls reject with `worker.not-ready`; subscriptions stay. */
  readonly client: Client = {
    call: (name, request, callOptions) =>
      this.#isReady && this.#worker !== null
        ? this.#worker.client.call(name, request, callOptions)
        : Promise.reject(this.#unavailable),
    subscribe: (name, listener) => this.#subscribe(name, listener),
    close: reason => {
      this.#worker?.client.close(reason)
    },
  }
  readonly #options: SupervisorOptions
  readonly #policy = new RestartPolicy()
  readonly #stopping = new AbortController()
  readonly #subscriptions = new Set<Subscription>()
  #worker: LiveWorker | null = null
  #isReady = false
  /** Why a call cannot be made while no worker is ready. */
  #unavailable = new FlashproofError('worker.not-ready', 'the background process is not running yet')
  #life: Promise<void> | null = null

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** Resolves when the first worker answers. @throws {FlashproofError} worker.gave-up, or why it cannot be spawned at all */
  start(): Promise<void> {
    if (this.#life !== null) return Promise.reject(new FlashproofError('internal.unexpected', 'started twice'))
    return new Promise((resolve, reject) => {
      this.#life = this.#live(resolve)
        .catch((thrown: unknown) => {
          this.#unavailable = asFlashproofError(thrown)
          this.#enter({ state: 'gave-up', error: this.#unavailable })
        })
        .then(() => {
          // Has no effect when a worker was ready once.
          reject(this.#unavailable)
        })
    })
  }

  /** Asks the worker to stop, waits, kills it when it does not; nothing is started afterwards. */
  async stop(): Promise<void> {
    const worker = this.#worker
    const isReady = this.#isReady
    this.#stopping.abort(new FlashproofError('call.aborted', 'the background process is being stopped'))
    if (worker !== null) {
      const deadlineMs = this.#options.stopDeadlineMs ?? 10_000
      // The answer may get lost when the process ends quickly: its exit is what counts.
      if (isReady) void worker.client.call('worker.stop', {}, { deadlineMs }).catch(() => undefined)
      else worker.kill()
      if (!(await resolvesWithin(this.#options.timing, worker.exited, deadlineMs))) worker.kill()
    }
    await this.#life
  }

  /** Starts one worker after the other until it is stopped. @throws {FlashproofError} worker.gave-up, or a failed spawn */
  async #live(onReady: () => void): Promise<void> {
    const { timing } = this.#options
    while (!this.#isStopping()) {
      const crash = exitError(await this.#runOnce(onReady))
      if (this.#isStopping()) break
      const pauseMs = this.#policy.pauseAfterCrashMs(timing.monotonicMs())
      if (pauseMs === null) throw gaveUpError(crash)
      this.#enter({ state: 'pausing', pauseMs, error: crash })
      await timing.delay(pauseMs, this.#stopping.signal).catch(() => undefined)
    }
    this.#unavailable = new FlashproofError('worker.exited', 'the background process was stopped')
    this.#enter({ state: 'stopped' })
  }

  /** Runs one worker from its start to its end. @returns how it ended */
  async #runOnce(onReady: () => void): Promise<WorkerExit> {
    this.#enter({ state: 'starting' })
    const spawned = await this.#options.spawn()
    const client = createClient(spawned.link, this.#options)
    this.#worker = {
      client,
      exited: spawned.exited,
      kill: () => {
        spawned.kill()
      },
    }
    // Stopped while it was being spawned: nobody else will end this one.
    if (this.#isStopping()) spawned.kill()
    for (const subscription of this.#subscriptions) subscription.attach(client)
    spawned.link.onClose(() => {
      this.#isReady = false
      void this.#killUnlessGone(spawned)
    })
    try {
      await client.call('worker.hello', {}, { deadlineMs: this.#options.readyDeadlineMs ?? 15_000 })
      if (!this.#isStopping()) this.#becomeReady(onReady)
    } catch {
      // Too late or already gone: the exit says the rest.
      spawned.kill()
    }
    const exit = await spawned.exited
    this.#isReady = false
    this.#worker = null
    client.close(exitError(exit))
    return exit
  }

  #becomeReady(onReady: () => void): void {
    this.#isReady = true
    this.#unavailable = new FlashproofError('worker.not-ready', 'the background process is being restarted')
    this.#enter({ state: 'ready' })
    onReady()
  }

  async #killUnlessGone(spawned: SpawnedWorker): Promise<void> {
    if (!(await resolvesWithin(this.#options.timing, spawned.exited, EXIT_GRACE_MS))) spawned.kill()
  }

  #subscribe<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void {
    const subscription = createSubscription(name, listener)
    this.#subscriptions.add(subscription)
    if (this.#worker !== null) subscription.attach(this.#worker.client)
    return () => {
      this.#subscriptions.delete(subscription)
      subscription.detach()
    }
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  #enter(state: SupervisorState): void {
    this.#options.onState?.(state)
  }
}

interface LiveWorker {
  readonly client: Client
  readonly exited: Promise<WorkerExit>
  readonly kill: () => void
}

/** A wish to hear an event, from whichever worker is there. */
interface Subscription {
  readonly attach: (client: Client) => void
  readonly detach: () => void
}

function createSubscription<Name extends EventName>(name: Name, listener: EventListener<Name>): Subscription {
  let stop: (() => void) | null = null
  return {
    attach(client) {
      stop = client.subscribe(name, listener)
    },
    detach() {
      stop?.()
    },
  }
}

function exitError(exit: WorkerExit): FlashproofError {
  const how = exit.signal === null ? `code ${String(exit.code)}` : `signal ${exit.signal}`
  return new FlashproofError('worker.exited', `the background process ended with ${how}`, { ...exit })
}

function gaveUpError(crash: FlashproofError): FlashproofError {
  return new FlashproofError(
    'worker.gave-up',
    `the background process crashed ${String(CRASH_LIMIT)} times in a minute`,
    { crashes: CRASH_LIMIT, windowMs: CRASH_WINDOW_MS },
    { cause: crash },
  )
}
