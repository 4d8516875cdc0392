/** An engine whose workers are handlers of the test, each at the other end of a link in memory. */
import { createEngine, type Engine } from '../../src/host/engine.ts'
import type { FirmwareSummary, Handlers, Inspection } from '../../src/shared/contract/index.ts'
import { createMemoryLinkPair, type MemoryLink } from '../../src/shared/rpc/memory-link.ts'
import { serve, type Server } from '../../src/shared/rpc/server.ts'
import type { WorkerExit } from '../../src/shared/rpc/supervisor.ts'
import type { Timing } from '../../src/shared/rpc/timing.ts'
import { fakeWorkerHandlers } from '../fakes/fake-worker-handlers.ts'

export interface FakeWorker {
  readonly server: Server
  /** Ends it as a crash does. */
  crash(): void
}

export interface FakeEngine {
  readonly engine: Engine
  /** Every worker that was started, the newest last. */
  readonly workers: FakeWorker[]
  readonly newest: () => FakeWorker
}

export function fakeEngine(
  timing: Timing,
  handlersOf: (start: number) => Partial<Handlers<'worker'>> = () => ({}),
): FakeEngine {
  const workers: FakeWorker[] = []
  const engine = createEngine({
    timing,
    spawn: () => {
      const [near, far] = createMemoryLinkPair()
      const exit = Promise.withResolvers<WorkerExit>()
      const server = serve(far, {
        answers: ['worker'],
        caller: 'host',
        handlers: fakeWorkerHandlers({
          'worker.hello': () => ({ version: '0.0.0', pid: 1, nodeVersion: 'v24', home: '/home' }),
          'worker.stop': () => {
            queueMicrotask(() => {
              end(far, exit.resolve, 0)
            })
            return {}
          },
          ...handlersOf(workers.length + 1),
        }),
      })
      const crash = (): void => {
        end(far, exit.resolve, 7)
      }
      workers.push({ server, crash })
      return Promise.resolve({ link: near, exited: exit.promise, kill: crash })
    },
  })
  return {
    engine,
    workers,
    newest: () => {
      const worker = workers.at(-1)
      if (worker === undefined) throw new Error('no worker was started')
      return worker
    },
  }
}

function end(link: MemoryLink, resolve: (exit: WorkerExit) => void, code: number): void {
  resolve({ code, signal: null })
  link.close()
}

/** A firmware as the worker describes it; only its names matter here. */
export function fakeFirmware(firmwareId: string, fileName = 'a.bin'): FirmwareSummary {
  const inspection: Inspection = {
    fileName,
    sourceBytes: 4,
    sourceSha256: '00',
    format: 'raw-binary',
    formatLabel: 'Binary',
    baseAddress: null,
    startAddress: null,
    dataBytes: 4,
    imageBytes: 4,
    imageSha256: '00',
    segments: [],
    gapBytes: 0,
    esp: null,
    stm32: null,
    findings: [],
  }
  return { firmwareId, fileName, inspection, openedAt: '2026-11-21T03:00:00.000+00:00' }
}
