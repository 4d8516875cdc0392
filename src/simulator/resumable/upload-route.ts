/** One upload POST from its first byte to its answer: admission, the form, the handler, and what a lost one gives back. */
import { DeviceError } from '../board/device-error.ts'
import type { FrontRequest, FrontRoute, Outcome } from '../board/http-front.ts'
import type { RequestPoint } from '../faults/fault-hooks.ts'
import { formReaderOf, type UploadForm } from './upload-form.ts'
import type { Admission, UploadGate } from './upload-gate.ts'

export interface UploadHandling {
  readonly takesRawBodies: boolean
  /** @throws {DeviceError} when the flash does not take the chunk */
  handle(form: UploadForm | null, setLast: () => void): Outcome
  /** What the framework answers to an exception that no handler caught. */
  answerError(error: DeviceError): Outcome
}

/** Chunks count from 1 on the wire; what faults see counts from 0. Null where no number was sent. */
export function chunkIndexOf(query: URLSearchParams): number | null {
  return toIndex(query.get('resumableChunkNumber') ?? '')
}

function toIndex(text: string): number | null {
  return /^\d+$/.test(text) && Number(text) > 0 ? Number(text) - 1 : null
}

export function uploadRoute(request: FrontRequest, gate: UploadGate, handling: UploadHandling): FrontRoute {
  const reader = formReaderOf(request, handling.takesRawBodies)
  let isLast = false
  let admission: Admission | null = null
  const admit = (): Admission => {
    admission ??= gate.enter(Number(request.headers['content-length'] ?? 0))
    return admission
  }
  const leave = (busyMs: number): void => {
    if (admission?.kind === 'admitted') admission.leave(busyMs)
  }
  const handle = (): Outcome => {
    try {
      return handling.handle(reader.finish(), () => {
        isLast = true
      })
    } catch (thrown) {
      if (!(thrown instanceof DeviceError)) throw thrown
      return handling.answerError(thrown)
    }
  }
  return {
    get point(): RequestPoint {
      // Clients repeat the parameters in the address; for one that does not, they are known once the form's fields are there.
      const chunk = chunkIndexOf(request.query) ?? toIndex(reader.peek('resumableChunkNumber') ?? '')
      const target = request.query.get('resumableIdentifier') ?? reader.peek('resumableIdentifier')
      return { kind: 'chunk', chunk, target, ...(isLast ? { isLast } : {}) }
    },
    onPiece: piece => {
      const entry = admit()
      if (entry.kind === 'refused') return { reply: entry.reply }
      reader.push(piece)
      return undefined
    },
    onLost: () => {
      leave(0)
    },
    answer: () => {
      const entry = admit()
      if (entry.kind === 'refused') return { reply: entry.reply }
      const outcome = handle()
      leave(outcome.busyMs ?? 0)
      return outcome
    },
  }
}
