/** The world of a protocol for one job, put together from the job's book, its chunk edge, its questions and its board. */
import type { TransferContext } from '../transfer/transfer-protocol.ts'
import { stripControl } from '../../shared/units.ts'
import type { BoardGuard } from './board-guard.ts'
import type { ChunkEdge } from './chunk-edge.ts'
import type { JobBook } from './job-book.ts'
import type { JobDecisions } from './job-decisions.ts'
import type { JobWorld } from './job-world.ts'

const LONGEST_VERSION = 80

export interface TransferContextParts {
  readonly book: JobBook
  readonly edge: ChunkEdge
  readonly decisions: JobDecisions
  readonly guard: BoardGuard
  readonly world: JobWorld
  readonly signal: AbortSignal
  readonly requestSignal: AbortSignal
}

export function createTransferContext(parts: TransferContextParts): TransferContext {
  const { book, edge, decisions, guard, world, signal, requestSignal } = parts
  const { clock, random, retryPolicy } = world
  return {
    signal,
    requestSignal,
    clock,
    random,
    retryPolicy,
    enter: (state, board) => {
      book.enter(state, board)
    },
    progress: doneBytes => {
      book.progress(doneBytes)
    },
    log: (level, code, text) => {
      book.log(level, code, text)
    },
    warn: text => {
      book.warn(text)
    },
    addEvidence: fact => {
      book.addEvidence(fact)
    },
    addTelemetry: sample => {
      book.addTelemetry(sample)
    },
    countRetry: () => {
      book.update({ retries: book.snapshot.retries + 1 })
    },
    relay: leg => {
      book.update({ relay: leg })
    },
    cannotUndo: text => {
      book.update({ cannotUndo: text })
    },
    setRequired: level => {
      book.update({ required: level })
    },
    setVersion: (when, version) => {
      const clean = stripControl(version, LONGEST_VERSION)
      if (when === 'after') book.update({ versionAfter: clean })
      else if ((book.snapshot.versionBefore ?? null) === null) book.update({ versionBefore: clean })
    },
    identify: identity =>
      new Promise(resolve => {
        // What it throws rejects the promise.
        guard.identify(identity)
        resolve()
      }),
    checkpoint: async () => {
      // No byte leaves after a sleep before the board was asked again who it is.
      world.checkSleep?.()
      signal.throwIfAborted()
      return await edge.pass()
    },
    ledger: () => book.ledger,
    startSession: session => {
      book.startSession(session)
    },
    acknowledge: chunk => {
      book.acknowledge(chunk)
    },
    markCompletion: async completion => {
      book.noteCompletion(completion)
      await edge.commitOrWait()
    },
    keepFile: (name, pieces) => world.keepFile(book.jobId, name, pieces),
    readKept: name => world.readKept(book.jobId, name),
    recall: key => world.hints.recall(key),
    remember: (key, value) => {
      world.hints.remember(key, value)
    },
    isAccepted: code => Promise.resolve(decisions.isAccepted(code)),
    decide: (code, question, details) => decisions.decide(code, question, details),
  }
}
