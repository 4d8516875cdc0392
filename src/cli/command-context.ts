/** What every command is given: where to speak, how to reach the worker, and when to stop. */
import type { CliHost } from './host.ts'
import type { Interruption } from './interruption.ts'
import type { Report } from './report.ts'
import type { WorkerSession } from './worker-session.ts'

export interface CommandContext {
  readonly host: CliHost
  readonly report: Report
  readonly interruption: Interruption
  readonly home: string
  /** Starts the worker on first use; it is ended when the command ends, however that happens. */
  openSession(home?: string): Promise<WorkerSession>
  /** Remembers something to end when the command ends: workers are ended before it. `kill` is for the second Ctrl-C. */
  defer(resource: { close(): Promise<void>; kill(): void }): void
}
