/**
 * The one error class, the table of its codes, and how an error crosses a border. Decide by `code`, never by message
 * text. Titles and hints for people are in `messages/`, one entry a code in each language.
 */

export interface ErrorTraits {
  /** What the command line exits with when this error ends the command: 1 a job failed, 2 usage or bad input, 130 cancelled. */
  readonly exitCode: 1 | 2 | 130
  /** Whether the same action may go well when tried again without anybody changing anything. */
  readonly isRetryable: boolean
}

const badInput: ErrorTraits = { exitCode: 2, isRetryable: false }
const permanent: ErrorTraits = { exitCode: 1, isRetryable: false }
const transient: ErrorTraits = { exitCode: 1, isRetryable: true }
const cancelled: ErrorTraits = { exitCode: 130, isRetryable: false }

/** Every code that Flashproof throws: `area.kebab-case`. */
export const errorTable = {
  // the program itself
  'internal.unexpected': permanent,
  'call.aborted': cancelled,
  'call.timeout': transient,
  'contract.unknown-command': badInput,
  'contract.invalid-request': badInput,
  'contract.invalid-response': permanent,
  'contract.forbidden': badInput,
  'worker.exited': transient,
  'worker.not-ready': transient,
  'worker.gave-up': permanent,
  'environment.node-too-old': badInput,
  // the window and the browser mode
  'control.not-held': badInput,
  'host.unsupported': badInput,
  'host.file-refused': badInput,
  // the command line
  'usage.unknown-command': badInput,
  'usage.unknown-option': badInput,
  'usage.missing-argument': badInput,
  'usage.invalid-value': badInput,
  'settings.invalid': badInput,
  // files
  'file.not-found': badInput,
  'file.not-readable': badInput,
  'file.is-directory': badInput,
  'file.empty': badInput,
  'file.too-large': badInput,
  'file.exists': badInput,
  'file.not-writable': badInput,
  'file.disk-full': badInput,
  // formats and images
  'format.unknown': badInput,
  'format.not-firmware': badInput,
  'format.malformed-record': badInput,
  'format.bad-checksum': badInput,
  'format.missing-end': badInput,
  'format.data-after-end': badInput,
  'format.unsupported-record': badInput,
  'format.count-mismatch': badInput,
  'format.no-data': badInput,
  'format.unsupported': badInput,
  'format.bad-set': badInput,
  'format.part-missing': badInput,
  'format.variant-needed': badInput,
  'format.unknown-variant': badInput,
  'image.overlap': badInput,
  'image.address-range': badInput,
  'image.gap-too-large': badInput,
  'image.base-required': badInput,
  'image.wrong-chip': badInput,
  'image.wrong-kind': badInput,
  'image.corrupt': badInput,
  'image.hash-mismatch': badInput,
  'image.too-large': badInput,
  'image.not-transferable': badInput,
  'image.too-many-pieces': badInput,
  // options, targets, recipes
  'option.unknown': badInput,
  'option.invalid': badInput,
  'target.invalid': badInput,
  'target.unknown': badInput,
  'target.ambiguous': badInput,
  'target.unsafe-path': badInput,
  'scan.range-invalid': badInput,
  'scan.range-too-large': badInput,
  'scan.range-public': badInput,
  'scan.running': badInput,
  'devices-file.invalid': badInput,
  'protocol.unknown': badInput,
  'protocol.not-detected': badInput,
  'protocol.ambiguous': badInput,
  'protocol.endpoint-not-accepted': badInput,
  'require.unreachable-level': badInput,
  // the device
  'device.busy': badInput,
  'device.identity-changed': permanent,
  'device.unidentified': permanent,
  'device.wrong-chip': badInput,
  'device.no-space': badInput,
  'device.not-speaking': badInput,
  'device.unauthorised': permanent,
  'device.rejected': transient,
  'device.bad-answer': transient,
  'device.session-lost': transient,
  'device.reboot-not-seen': permanent,
  'device.unresponsive': transient,
  'device.no-request': permanent,
  'device.no-connect-back': permanent,
  'device.stalled': permanent,
  'device.refused-image': permanent,
  'device.refused': permanent,
  'device.foreign-address': permanent,
  // a device behind the device that is spoken to
  'relay.not-stored': transient,
  'relay.not-ready': permanent,
  'relay.length-refused': permanent,
  'relay.broke-off': permanent,
  'relay.sum-differs': permanent,
  // the network
  'network.refused': transient,
  'network.unreachable': transient,
  'network.reset': transient,
  'network.timeout': transient,
  'network.name-not-found': transient,
  'network.answer-too-large': permanent,
  'network.port-busy': badInput,
  // a serial port of this computer, or one over the network
  'serial.port-missing': transient,
  'serial.port-busy': badInput,
  'serial.permission-denied': badInput,
  'serial.driver-missing': badInput,
  'serial.held-by-service': badInput,
  'serial.unplugged': transient,
  'serial.unstable': permanent,
  'serial.failed': transient,
  'serial.not-rfc2217': badInput,
  // a bootloader behind a serial port
  'loader.no-answer': permanent,
  'loader.not-in-download-mode': permanent,
  'loader.broken-frame': transient,
  'loader.silent': transient,
  'loader.refused': transient,
  'loader.unknown-chip': permanent,
  'loader.protected': permanent,
  'loader.flash-differs': transient,
  'image.address-needed': badInput,
  'image.outside-flash': badInput,
  // jobs
  'job.not-found': badInput,
  'job.wrong-state': badInput,
  'job.cancelled': cancelled,
  'job.decision-needed': permanent,
  'job.outcome-unknown': permanent,
  'job.retries-exhausted': permanent,
  'job.batch-stopped': permanent,
  'job.slept': permanent,
  'job.resume-refused': badInput,
  // the journal
  'journal.disk-full': permanent,
  'journal.unreadable': permanent,
  'journal.newer-version': permanent,
  'journal.read-only': permanent,
  'journal.chain-broken': permanent,
  'journal.export-invalid': badInput,
  'journal.image-missing': permanent,
  'journal.unavailable': permanent,
  'journal.wrong-kind': permanent,
} as const satisfies Record<string, ErrorTraits>

export type ErrorCode = keyof typeof errorTable

/** Facts for the person or program that reads the error: plain data, with units in the names. */
export type ErrorDetails = Readonly<Record<string, unknown>>

/** Every expected failure. `message` is English prose for the log; people see the code's title and hint. */
export class FlashproofError extends Error {
  override readonly name = 'FlashproofError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = details
  }

  get traits(): ErrorTraits {
    return errorTable[this.code]
  }
}

/** An error as it crosses a process border: plain data that structured clone and JSON both keep. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly details: ErrorDetails
  readonly cause?: WireError | { readonly message: string }
}

const MAX_CAUSES = 8

/** Turns any thrown value into wire form; an unexpected error becomes `internal.unexpected` and keeps its text as cause. */
export function toWireError(thrown: unknown, depth = 0): WireError {
  if (thrown instanceof FlashproofError) {
    const wire: WireError = { code: thrown.code, message: thrown.message, details: thrown.details }
    if (thrown.cause === undefined || depth >= MAX_CAUSES) return wire
    const cause =
      thrown.cause instanceof FlashproofError ? toWireError(thrown.cause, depth + 1) : { message: textOf(thrown.cause) }
    return { ...wire, cause }
  }
  return {
    code: 'internal.unexpected',
    message: textOf(thrown),
    details: thrown instanceof Error && thrown.stack !== undefined ? { stack: thrown.stack } : {},
  }
}

/** Rebuilds the error that `toWireError` described, with code, details and causes as they were. */
export function fromWireError(wire: WireError): FlashproofError {
  const cause = wire.cause
  if (cause === undefined) return new FlashproofError(wire.code, wire.message, wire.details)
  return new FlashproofError(wire.code, wire.message, wire.details, {
    cause: 'code' in cause ? fromWireError(cause) : new Error(cause.message),
  })
}

/** Gives every thrown value a code: a FlashproofError as it is, anything else wrapped as `internal.unexpected`. */
export function asFlashproofError(thrown: unknown): FlashproofError {
  return thrown instanceof FlashproofError
    ? thrown
    : new FlashproofError('internal.unexpected', textOf(thrown), {}, { cause: thrown })
}

export function hasErrorCode(thrown: unknown, ...codes: readonly ErrorCode[]): thrown is FlashproofError {
  return thrown instanceof FlashproofError && codes.includes(thrown.code)
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
