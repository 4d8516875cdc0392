/** A host for the command line without a process: outputs are kept, input and signals come from the test. */
import type { CliHost, StopSignal, TextInput, TextOutput } from '../../src/cli/host.ts'
import type { SimulatorProcess } from '../../src/host/simulator-process.ts'
import type { EventName, EventOf, Handlers } from '../../src/shared/contract/index.ts'
import { createMemoryLinkPair } from '../../src/shared/rpc/memory-link.ts'
import { serve } from '../../src/shared/rpc/server.ts'
import { fakeWorkerHandlers } from '../fakes/fake-worker-handlers.ts'

export interface HostOptions {
  readonly handlers?: Partial<Handlers<'worker'>>
  readonly isTerminal?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** Lines that a person types, in order. */
  readonly input?: readonly string[]
  readonly columns?: number
  readonly rows?: number
  readonly simulator?: SimulatorProcess
}

export interface MemoryHost extends CliHost {
  readonly out: () => string
  readonly err: () => string
  /** The JSON lines of stdout. */
  readonly jsonLines: () => Readonly<Record<string, unknown>>[]
  readonly emit: <Name extends EventName>(name: Name, payload: EventOf<Name>) => void
  readonly raise: (signal: StopSignal) => void
  /** Ends the worker as a crash does. */
  readonly crashWorker: () => void
  readonly isWorkerKilled: () => boolean
  readonly homes: readonly string[]
  /** Runs what is due within `byMs`. */
  readonly advance: (byMs: number) => void
}

class KeptOutput implements TextOutput {
  readonly isTerminal: boolean
  readonly #size: { readonly columns: number; readonly rows: number }
  text = ''

  constructor(isTerminal: boolean, size: { readonly columns: number; readonly rows: number }) {
    this.isTerminal = isTerminal
    this.#size = size
  }

  write(chunk: string | Uint8Array): void {
    this.text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)
  }

  flushed(): Promise<void> {
    return Promise.resolve()
  }

  columns(): number {
    return this.#size.columns
  }

  rows(): number {
    return this.#size.rows
  }

  onClosed(): void {
    // Nobody takes this output away.
  }

  failure(): null {
    return null
  }
}

export function createMemoryHost(options: HostOptions = {}): MemoryHost {
  const isTerminal = options.isTerminal ?? false
  const size = { columns: options.columns ?? 100, rows: options.rows ?? 40 }
  const stdout = new KeptOutput(isTerminal, size)
  const stderr = new KeptOutput(isTerminal, size)
  const signalListeners = new Set<(signal: StopSignal) => void>()
  const timers = new Set<{ dueMs: number; callback: () => void }>()
  const homes: string[] = []
  const typed = [...(options.input ?? [])]
  const [near, far] = createMemoryLinkPair()
  const exited = Promise.withResolvers<{ code: number | null; signal: string | null }>()
  let nowMs = Date.parse('2026-11-21T10:00:00.000+07:00')
  let isKilled = false
  const server = serve(far, {
    answers: ['worker'],
    caller: 'host',
    checksOutgoing: true,
    handlers: fakeWorkerHandlers({
      'worker.stop': () => {
        exited.resolve({ code: 0, signal: null })
        return {}
      },
      ...options.handlers,
    }),
  })
  const stdin: TextInput = {
    isTerminal,
    readLine: () => Promise.resolve(typed.shift() ?? null),
    async *lines() {
      for (let line = typed.shift(); line !== undefined; line = typed.shift()) yield line
    },
  }
  return {
    openWorker: ({ home }) => {
      homes.push(home)
      return Promise.resolve({
        link: near,
        pid: 4242,
        kill: () => {
          isKilled = true
        },
        exited: exited.promise,
      })
    },
    startSimulator: () =>
      options.simulator === undefined
        ? Promise.reject(new Error('no simulator here'))
        : Promise.resolve(options.simulator),
    makeDemoFirmware: () => Promise.resolve(),
    stdout,
    stderr,
    stdin,
    env: { FLASHPROOF_HOME: '/tmp/flashproof-test-home', ...options.env },
    onSignal(listener) {
      signalListeners.add(listener)
      return () => signalListeners.delete(listener)
    },
    timers: {
      nowMs: () => nowMs,
      after(delayMs, callback) {
        const timer = { dueMs: nowMs + delayMs, callback }
        timers.add(timer)
        return () => timers.delete(timer)
      },
    },
    version: '0.0.0',
    isUnicode: true,
    userName: 'tester',
    out: () => stdout.text,
    err: () => stderr.text,
    jsonLines: () =>
      stdout.text
        .split('\n')
        .filter(line => line !== '')
        .map(line => {
          const value: unknown = JSON.parse(line)
          // Every line must be one JSON object: that is the promise to scripts.
          if (typeof value !== 'object' || value === null) throw new Error(`not a JSON object: ${line}`)
          return { ...value }
        }),
    emit: (name, payload) => {
      server.emit(name, payload)
    },
    raise: signal => {
      for (const listener of [...signalListeners]) listener(signal)
    },
    crashWorker: () => {
      far.close()
      exited.resolve({ code: 7, signal: null })
    },
    isWorkerKilled: () => isKilled,
    homes,
    advance(byMs) {
      const endMs = nowMs + byMs
      for (;;) {
        const due = [...timers].filter(timer => timer.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0]
        if (due === undefined) break
        timers.delete(due)
        nowMs = Math.max(nowMs, due.dueMs)
        due.callback()
      }
      nowMs = endMs
    },
  }
}
