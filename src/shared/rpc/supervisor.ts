/**
 * Keeps a worker running: starts it, waits until it answers, starts it again after a crash with growing pauses, and gives
 * up when it keeps crashing. Knows nothing of processes: it takes a function that spawns one.
 */
import type { Caller, EventName } from '../contract/index.ts'
import { asFlashproofError, FlashproofError } from '../errors.ts'
import { createClient, type Client, type EventListener } from './client.ts'
import type { MessageLink } from './message-link.ts'
import type { Timing } from './timing.ts'

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

export interface Supervisor {
  /** Resolves when the first worker answers. @throws {FlashproofError} worker.gave-up, or why it cannot be spawned at all */
  start(): Promise<void>
  /** Speaks to the worker of the moment. Between two workers calls reject with `worker.not-ready`; subscriptions stay. */
  readonly client: Client
  /** Asks the worker to stop, waits, kills it when it does not; nothing is started afterwards. */
  stop(): Promise<void>
}

const PAUSES_MS = [500, 1_000, 2_000, 4_000] as const
const CRASH_LIMIT = 5
const CRASH_WINDOW_MS = 60_000
/** A worker whose link ended should be gone soon; after this it is killed. */
const EXIT_GRACE_MS = 2_000

interface Subscription {
  readonly attach: (client: Client) => void
  readonly detach: () => void
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { timing, readyDeadlineMs = 15_000, stopDeadlineMs = 10_000 } = options
  const stopping = new AbortController()
  // A function, because the answer changes while its asker waits.
  const isStopping = (): boolean => stopping.signal.aborted
  const subscriptions = new Set<Subscription>()
  const crashTimesMs: number[] = []
  let worker: SpawnedWorker | null = null
  let current: Client | null = null
  let unavailable = new FlashproofError('worker.not-ready', 'the background process is not running yet')
  let life: Promise<void> | null = null

  const enter = (state: SupervisorState): void => {
    options.onState?.(state)
  }

  /** Runs one worker from its start to its end. @returns how it ended */
  const runOnce = async (onReady: () => void): Promise<WorkerExit> => {
    enter({ state: 'starting' })
    const spawned = await options.spawn()
    worker = spawned
    // Stopped while it was being spawned: nobody else will end this one.
    if (isStopping()) spawned.kill()
    const client = createClient(spawned.link, options)
    for (const subscription of subscriptions) subscription.attach(client)
    spawned.link.onClose(() => {
      current = null
      void killUnlessGone(spawned)
    })
    try {
      await client.call('worker.hello', {}, { deadlineMs: readyDeadlineMs })
      if (!isStopping()) {
        current = client
        unavailable = new FlashproofError('worker.not-ready', 'the background process is being restarted')
        enter({ state: 'ready' })
        onReady()
      }
    } catch {
      // Too late or already gone: the exit says the rest.
      spawned.kill()
    }
    const exit = await spawned.exited
    current = null
    worker = null
    client.close(exitError(exit))
    return exit
  }

  const killUnlessGone = async (spawned: SpawnedWorker): Promise<void> => {
    if (!(await endsWithin(spawned.exited, EXIT_GRACE_MS))) spawned.kill()
  }

  const endsWithin = async (exited: Promise<WorkerExit>, limitMs: number): Promise<boolean> => {
    const limit = new AbortController()
    try {
      return await Promise.race([
        exited.then(() => true),
        timing.delay(limitMs, limit.signal).then(
          () => false,
          () => false,
        ),
      ])
    } finally {
      limit.abort(new FlashproofError('call.aborted', 'no longer needed'))
    }
  }

  /** Notes a crash. @returns the pause before the next start, or null when there were too many */
  const pauseAfterCrashMs = (): number | null => {
    const nowMs = timing.monotonicMs()
    crashTimesMs.push(nowMs)
    const recent = crashTimesMs.filter(timeMs => nowMs - timeMs < CRASH_WINDOW_MS)
    crashTimesMs.splice(0, crashTimesMs.length, ...recent)
    return recent.length >= CRASH_LIMIT ? null : (PAUSES_MS[recent.length - 1] ?? 4_000)
  }

  const live = async (onReady: () => void): Promise<void> => {
    while (!isStopping()) {
      const crash = exitError(await runOnce(onReady))
      if (isStopping()) break
      const pauseMs = pauseAfterCrashMs()
      if (pauseMs === null) {
        unavailable = new FlashproofError(
          'worker.gave-up',
          `the background process crashed ${String(CRASH_LIMIT)} times in a minute`,
          { crashes: CRASH_LIMIT, windowMs: CRASH_WINDOW_MS },
          { cause: crash },
        )
        throw unavailable
      }
      unavailable = new FlashproofError('worker.not-ready', 'the background process is being restarted', { pauseMs })
      enter({ state: 'pausing', pauseMs, error: crash })
      await timing.delay(pauseMs, stopping.signal).catch(() => undefined)
    }
    unavailable = new FlashproofError('worker.exited', 'the background process was stopped')
    enter({ state: 'stopped' })
  }

  return {
    start() {
      if (life !== null) return Promise.reject(new FlashproofError('internal.unexpected', 'started twice'))
      return new Promise((resolve, reject) => {
        life = live(resolve).then(
          () => {
            reject(unavailable)
          },
          (thrown: unknown) => {
            unavailable = asFlashproofError(thrown)
            enter({ state: 'gave-up', error: unavailable })
            reject(unavailable)
          },
        )
      })
    },

    client: {
      call(name, request, callOptions) {
        return current === null ? Promise.reject(unavailable) : current.call(name, request, callOptions)
      },
      subscribe(name, listener) {
        const subscription = createSubscription(name, listener)
        subscriptions.add(subscription)
        if (current !== null) subscription.attach(current)
        return () => {
          subscriptions.delete(subscription)
          subscription.detach()
        }
      },
      close(reason) {
        current?.close(reason)
      },
    },

    async stop() {
      const ending = worker
      const client = current
      stopping.abort(new FlashproofError('call.aborted', 'the background process is being stopped'))
      if (ending !== null) {
        // The answer may get lost when the process ends quickly: its exit is what counts.
        if (client === null) ending.kill()
        else void client.call('worker.stop', {}, { deadlineMs: stopDeadlineMs }).catch(() => undefined)
        if (!(await endsWithin(ending.exited, stopDeadlineMs))) ending.kill()
      }
      await life
    },
  }
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
