/** How a job ends: its verdict, its sealed record, and only then its last snapshot. */
import type { JobSnapshot } from '../../shared/contract/models.ts'
import { asFlashproofError, hasErrorCode, toWireError, type FlashproofError } from '../../shared/errors.ts'
import type { Journal } from '../journal/journal.ts'
import type { TransferReport } from '../transfer/transfer-protocol.ts'
import { isContradicted, judge } from '../transfer/verdict.ts'
import type { ChunkEdge } from './chunk-edge.ts'
import type { JobBook } from './job-book.ts'
import type { StoredOrder } from './job-order.ts'
import { buildRecord } from './job-record.ts'
import type { JobWorld } from './job-world.ts'

export interface JobEndingParts {
  readonly book: JobBook
  readonly edge: ChunkEdge
  /** With the options that the protocol ran with, once they are settled. */
  readonly order: () => StoredOrder
  readonly journal: Journal
  readonly world: JobWorld
}

export class JobEnding {
  readonly #parts: JobEndingParts

  constructor(parts: JobEndingParts) {
    this.#parts = parts
  }

  /** The protocol came to its end: judges the evidence and seals. @throws {FlashproofError} journal.*, why it was stopped */
  async finish(report: TransferReport): Promise<void> {
    const { book, edge } = this.#parts
    const order = this.#parts.order()
    const board = { boardNow: report.boardNow, unplug: report.unplug }
    if (order.isDryRun) {
      book.end('finished', { ...board, warnings: [...book.snapshot.warnings, 'Dry run: nothing was sent.'] })
      await edge.commitOrWait()
      return
    }
    const { evidence, required } = book.snapshot
    await this.#seal('finished', { ...board, ...judge({ facts: evidence, required, outcome: report.outcome }) })
  }

  /** The job did not come to its end. Never rejects: what cannot be written is shown all the same. */
  async fail(error: FlashproofError, state: 'failed' | 'cancelled' | 'interrupted'): Promise<void> {
    const { book } = this.#parts
    if (state === 'interrupted') {
      book.end('interrupted')
      return
    }
    book.log(state === 'cancelled' ? 'info' : 'error', error.code, error.message)
    const { code, message, details } = toWireError(error)
    const change: Partial<JobSnapshot> = { error: { code, message, details: { ...details } } }
    Object.assign(change, verdictOfFailure(book.snapshot, state))
    try {
      await this.#seal(state, change)
    } catch (thrown) {
      const { warnings } = book.snapshot
      const refusal = asFlashproofError(thrown)
      book.end(state, { ...change, warnings: [...warnings, `No record was written: ${refusal.message}`] })
      if (hasErrorCode(refusal, 'journal.disk-full')) this.#sealLater({ ...book.snapshot, warnings })
    }
  }

  /** Seals an end that is shown already as soon as the journal takes it; the end itself stays as it was. */
  #sealLater(ended: JobSnapshot): void {
    const { book, journal, world } = this.#parts
    const order = this.#parts.order()
    const stop = journal.onState(state => {
      if (state !== 'ok') return
      stop()
      const last = { ...ended, revision: ended.revision + 1 }
      journal.saveSnapshot(last)
      journal.sealRecord(buildRecord({ snapshot: last, order, durationsMs: book.durationsMs, world })).then(
        () => {
          book.showEnd(last)
        },
        (error: unknown) => {
          if (hasErrorCode(error, 'journal.disk-full')) this.#sealLater(last)
        },
      )
    })
  }

  /** Writes the record, then shows the end: nothing counts as done that the journal does not hold. */
  async #seal(state: 'finished' | 'failed' | 'cancelled', change: Partial<JobSnapshot>): Promise<void> {
    const { book, edge, journal, world } = this.#parts
    const order = this.#parts.order()
    for (;;) {
      await (state === 'finished' ? edge.commitOrWait() : book.commit())
      const last = book.prepareEnd(state, change)
      journal.saveSnapshot(last)
      try {
        await journal.sealRecord(buildRecord({ snapshot: last, order, durationsMs: book.durationsMs, world }))
        book.showEnd(last)
        return
      } catch (error) {
        // The end is not written, so the state before it takes its place in the queue again.
        book.update({})
        book.save()
        if (state !== 'finished' || !hasErrorCode(error, 'journal.disk-full')) throw error
        await edge.waitForRoom()
      }
    }
  }
}

/**
 * The verdict of a job that did not come to its end: nothing that it gathered makes it more than unproven, and a device
 * that got nothing needs no verdict.
 */
function verdictOfFailure(snapshot: JobSnapshot, state: 'failed' | 'cancelled'): Partial<JobSnapshot> {
  const isOutcomeUnknown = snapshot.completion === 'sent'
  const wasSent = snapshot.doneBytes > 0 || snapshot.evidence.length > 0
  if (!isOutcomeUnknown && (state === 'cancelled' || !wasSent)) return {}
  if (isContradicted(snapshot.evidence)) return { verdict: 'unproven', reason: 'contradicted' }
  return { verdict: 'unproven', reason: isOutcomeUnknown ? 'outcome-unknown' : 'not-answered' }
}
