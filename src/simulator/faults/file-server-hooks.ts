/** The points at which a fault may change what a virtual file server does with uploads in chunks. */
import type { FaultHooks, RequestPoint } from './fault-hooks.ts'

export interface FileServerHooks {
  /** Size of a file that has the name of the upload before its first request. */
  readonly existingFileBytes?: number
  /** Bytes of an older, longer file that stay behind the new one. */
  readonly oldTailBytes?: number
  /** What the address for the chunks begins with, in place of nothing (the server itself). */
  readonly uploadOrigin?: string
  /** Whether the parts that are there outlived their time before this request. */
  expiresParts?(point: RequestPoint): boolean
  /** Where putting the parts together fails: the file cannot be opened, or half of it is written. */
  failsAssembly?(): 'open' | 'middle' | null
  /** Changes the file that the parts make. */
  assembles?(file: Uint8Array): Uint8Array
  /** Whether it says that an upload is complete of which it has so many chunks. */
  claimsCompletion?(receivedChunks: number): boolean
  /** Whether its handler fails at this chunk, with an exception. */
  failsChunk?(point: RequestPoint): boolean
  /** The words with which it refuses a chunk without storing it; null when it does not. */
  refusesChunk?(point: RequestPoint): string | null
  /** Whether the upload belongs to somebody else from this request on. */
  changesOwner?(point: RequestPoint): boolean
  /** Whether the upload is forgotten before this request. */
  forgetsUpload?(point: RequestPoint): boolean
}

/** The hooks of all faults of a device as one; the first that has something to say says it. */
export function fileServerHooksOf(faults: readonly FaultHooks[]): Required<FileServerHooks> {
  const hooks = faults.flatMap(fault => fault.fileServer ?? [])
  const largest = (pick: (one: FileServerHooks) => number | undefined): number =>
    Math.max(0, ...hooks.map(one => pick(one) ?? 0))
  return {
    existingFileBytes: largest(one => one.existingFileBytes),
    oldTailBytes: largest(one => one.oldTailBytes),
    uploadOrigin: hooks.find(one => one.uploadOrigin !== undefined)?.uploadOrigin ?? '',
    expiresParts: point => hooks.some(one => one.expiresParts?.(point) === true),
    failsAssembly: () => firstOf(hooks, one => one.failsAssembly?.()),
    assembles: file => hooks.reduce((changed, one) => one.assembles?.(changed) ?? changed, file),
    claimsCompletion: receivedChunks => hooks.some(one => one.claimsCompletion?.(receivedChunks) === true),
    failsChunk: point => hooks.some(one => one.failsChunk?.(point) === true),
    refusesChunk: point => firstOf(hooks, one => one.refusesChunk?.(point)),
    changesOwner: point => hooks.some(one => one.changesOwner?.(point) === true),
    forgetsUpload: point => hooks.some(one => one.forgetsUpload?.(point) === true),
  }
}

function firstOf<Found>(
  hooks: readonly FileServerHooks[],
  ask: (one: FileServerHooks) => Found | null | undefined,
): Found | null {
  for (const one of hooks) {
    const found = ask(one) ?? null
    if (found !== null) return found
  }
  return null
}
