/** Where the worker's thread entries lie: among the sources when they are run directly, beside the bundle when built. */

const isSource = new URL(import.meta.url).pathname.endsWith('.ts')

function entry(source: string, built: string): URL {
  return new URL(isSource ? source : built, import.meta.url)
}

export const firmwareThreadEntry = entry('../core/jobs/firmware-thread.ts', './firmware-thread.js')
export const historyThreadEntry = entry('../core/journal/history-thread.ts', './history-thread.js')
export const decodeThreadEntry = entry('../core/telemetry/backtrace/decode-thread.ts', './decode-thread.js')
