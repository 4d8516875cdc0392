/** The commands as the parser gives them: every option in its place, checked and typed. */
import type { EvidenceLevel, ExportFormat, LogFilter } from '../shared/contract/index.ts'
import type { KeyValue, SecretSource } from './argument-values.ts'

export interface FlashCommand {
  readonly kind: 'flash'
  readonly file: string
  readonly targets: readonly string[]
  readonly protocol: string | undefined
  readonly options: readonly KeyValue[]
  readonly secrets: readonly SecretSource[]
  readonly parallel: number | undefined
  readonly first: number | undefined
  readonly stopAfter: number | undefined
  readonly require: EvidenceLevel | undefined
  readonly recipe: string | undefined
  readonly context: readonly KeyValue[]
  readonly expectSha256: string | undefined
  readonly variant: string | undefined
  readonly accept: readonly string[]
  readonly waitDeviceMs: number | undefined
  readonly isDryRun: boolean
  readonly isVerbose: boolean
  readonly isJson: boolean
}

export interface ResumeCommand {
  readonly kind: 'resume'
  readonly jobIds: readonly string[]
  readonly secrets: readonly SecretSource[]
  readonly accept: readonly string[]
  readonly isVerbose: boolean
  readonly isJson: boolean
}

export interface InspectCommand {
  readonly kind: 'inspect'
  readonly file: string
  /** For which chip, where the file holds firmware for several. */
  readonly variant: string | undefined
  readonly isJson: boolean
}

export interface ConvertCommand {
  readonly kind: 'convert'
  readonly input: string
  readonly output: string
  readonly to: 'bin' | 'hex' | 'srec' | undefined
  readonly base: number | 'lowest' | undefined
  readonly fillByte: number | undefined
  readonly variant: string | undefined
  readonly accept: readonly string[]
  readonly isJson: boolean
}

export interface LogExportCommand {
  readonly kind: 'log export'
  readonly format: ExportFormat | undefined
  readonly out: string | undefined
  readonly filter: LogFilter
  readonly isJson: boolean
}

export interface ServeCommand {
  readonly kind: 'serve'
  readonly port: number | undefined
  readonly isSimulating: boolean
  readonly isJson: boolean
}

export interface DevicesCommand {
  readonly kind: 'devices'
  readonly waitMs: number | undefined
  /** A range of addresses to search. */
  readonly scan: string | undefined
  readonly ratePerSecond: number | undefined
  /** Ports of web servers to look at instead of 80. */
  readonly httpPorts: readonly number[]
  readonly isPublicAllowed: boolean
  /** Whether boards on serial ports are asked who they are, which restarts them. */
  readonly isIdentifying: boolean
  readonly importPath: string | undefined
  readonly exportPath: string | undefined
  readonly isJson: boolean
}

export interface MonitorCommand {
  readonly kind: 'monitor'
  readonly target: string
  readonly baudRate: number | undefined
  readonly isRestarting: boolean
  /** Lines to send once the line is open, in order. */
  readonly send: readonly string[]
  readonly lineEnd: 'lf' | 'crlf' | 'cr' | 'none' | undefined
  readonly logFile: string | undefined
  readonly logSizeMiB: number | undefined
  readonly logKept: number | undefined
  readonly elf: string | undefined
  readonly isJson: boolean
}

export type ParsedCommand =
  | { readonly kind: 'help'; readonly topic: string | undefined }
  | { readonly kind: 'version' }
  | DevicesCommand
  | InspectCommand
  | ConvertCommand
  | FlashCommand
  | ResumeCommand
  | MonitorCommand
  | { readonly kind: 'log list'; readonly filter: LogFilter; readonly isJson: boolean }
  | { readonly kind: 'log show'; readonly jobId: string; readonly isJson: boolean }
  | LogExportCommand
  | {
      readonly kind: 'log verify'
      readonly exportPath: string | undefined
      readonly isPractice: boolean
      readonly isJson: boolean
    }
  | { readonly kind: 'simulate'; readonly devices: string | undefined; readonly isJson: boolean }
  | ServeCommand
  | { readonly kind: 'demo'; readonly isJson: boolean }
  | { readonly kind: 'not-in-this-version'; readonly name: string }
