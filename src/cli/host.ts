/** What the command line needs from whoever runs it: the bin entry, Electron main, or a test. */
import type { SpawnedWorker } from '../shared/rpc/supervisor.ts'
import type { SimulatorOptions, SimulatorProcess } from '../host/simulator-process.ts'

export interface TextOutput {
  readonly isTerminal: boolean
  write(chunk: string | Uint8Array): void
  /** Resolves when what was written has been taken. */
  flushed(): Promise<void>
  /** Terminal width in columns; asked anew before every drawing. */
  columns(): number
  rows(): number
  /** Calls back once when nothing more can be written: the reader is gone, or a write failed. Later writes are dropped. */
  onClosed(listener: () => void): void
  /** The system's code of a write that failed (`ENOSPC`), or null. A reader that went away (`EPIPE`) is no fault. */
  failure(): string | null
}

export interface TextInput {
  readonly isTerminal: boolean
  /** One line without its end, or null when the input ended. On a terminal nothing is echoed when `isHidden`. */
  readLine(options: { readonly isHidden: boolean; readonly signal: AbortSignal }): Promise<string | null>
  /** Every line until the input ends or the signal aborts. */
  lines(signal: AbortSignal): AsyncIterable<string>
}

export interface WorkerProcess extends SpawnedWorker {
  readonly pid: number
}

export type StopSignal = 'SIGINT' | 'SIGTERM'

export interface Timers {
  nowMs(): number
  /** Calls back once after the delay; returns what takes it back. */
  after(delayMs: number, callback: () => void): () => void
}

export interface CliHost {
  openWorker(options: { readonly home: string }): Promise<WorkerProcess>
  startSimulator(options: SimulatorOptions): Promise<SimulatorProcess>
  /** Writes a valid ESP32 application image of `sizeBytes` to `path`. */
  makeDemoFirmware(options: {
    readonly path: string
    readonly sizeBytes: number
    readonly version: string
  }): Promise<void>
  readonly stdout: TextOutput
  readonly stderr: TextOutput
  readonly stdin: TextInput
  readonly env: Readonly<Record<string, string | undefined>>
  /** Listens for Ctrl-C and the order to end; returns what stops listening. */
  onSignal(listener: (signal: StopSignal) => void): () => void
  readonly timers: Timers
  readonly version: string
  /** Whether the terminal can show more than ASCII. */
  readonly isUnicode: boolean
  readonly userName: string
}
