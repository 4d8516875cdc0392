/** Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends at once. */
import type { CliHost } from './host.ts'

export interface Interruption {
  /** Aborts on the first signal. */
  readonly signal: AbortSignal
  /** Resolves on the second signal. */
  readonly isForced: Promise<void>
  dispose(): void
}

export function watchForInterruption(host: CliHost): Interruption {
  const controller = new AbortController()
  const forced = Promise.withResolvers<undefined>()
  const stop = host.onSignal(() => {
    if (controller.signal.aborted) forced.resolve(undefined)
    else controller.abort()
  })
  return { signal: controller.signal, isForced: forced.promise, dispose: stop }
}

/** Resolves when the signal aborts, at once when it has. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve()
        },
        { once: true },
      )
  })
}
