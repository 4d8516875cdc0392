/** Sees a set of jobs through: shows them, answers their questions, stops them on Ctrl-C, and sums up. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import { hasErrorCode } from '../shared/errors.ts'
import { stripControl } from '../shared/units.ts'
import type { CommandContext } from './command-context.ts'
import { createDecisionDesk } from './decisions.ts'
import { whenAborted } from './interruption.ts'
import type { JobFollower } from './job-follower.ts'
import { followJobs } from './job-follower.ts'
import type { ExitCode } from './job-outcome.ts'
import { countVerdicts, exitCodeOf, isBelowStored, listNotProven } from './job-outcome.ts'
import { isErrorCode } from './known-error-code.ts'
import { errorLine } from './report.ts'
import { renderSummary } from './job-summary.ts'
import type { JobView } from './job-view.ts'
import { createJobView } from './job-view.ts'
import { hasEnded, lowerFirst, nameOf, outcomeWords } from './job-words.ts'
import { painterFor, wantsColor } from './terminal-style.ts'
import type { WorkerSession } from './worker-session.ts'

export interface BatchOptions {
  readonly isVerbose: boolean
  readonly isDryRun: boolean
  /** Sets the jobs going; @returns their ids, and the revisions that were there before */
  readonly start: () => Promise<{
    readonly jobIds: readonly string[]
    readonly staleRevisions?: ReadonlyMap<string, number>
    readonly warnings?: readonly string[]
    /** What the worker lists of them now. */
    readonly current: readonly JobSnapshot[]
  }>
  /** Gives the summary's line about the record, once the jobs have ended. */
  readonly exportLine?: (jobs: readonly JobSnapshot[]) => Promise<string | null>
}

export interface BatchResult {
  readonly exitCode: ExitCode
  readonly jobs: readonly JobSnapshot[]
  readonly headHash: string | null
}

/** How long to wait for the worker's word that a batch is sealed, after its last job ended. */
const SEAL_DEADLINE_MS = 2_000

/** @throws what starting the jobs throws; a worker that dies later is reported here and gives exit code 1 */
export async function runBatch(
  context: CommandContext,
  session: WorkerSession,
  options: BatchOptions,
): Promise<BatchResult> {
  const view = createJobView(context, { isVerbose: options.isVerbose, snapshots: () => follower.snapshots() })
  const desk = createDecisionDesk(context, session, {
    isBatch: () => follower.snapshots().length > 1,
    onAsking: view.hide,
    onAnswered: view.show,
  })
  const follower = followJobs(session, {
    onSnapshot: job => {
      view.changed(job)
      if (job.state === 'waiting' && job.decision !== null) {
        desk.ask({ jobId: job.jobId, name: nameOf(job), decision: job.decision })
      }
    },
    onDecision: (jobId, decision) => {
      const job = follower.snapshots().find(candidate => candidate.jobId === jobId)
      desk.ask({ jobId, name: job === undefined ? jobId : nameOf(job), decision })
    },
    onLogged: view.logged,
  })
  const stopWatchingJournal = session.client.subscribe('journal.changed', event => {
    if (event.state !== 'ok') context.report.notice(stripControl(event.text))
  })
  try {
    const started = await options.start()
    for (const warning of started.warnings ?? []) view.say(stripControl(warning))
    follower.track(started.jobIds, started.staleRevisions)
    for (const job of started.current) follower.offer(job)
    const death = await waitForEnd(context, session, follower, view)
    view.finish()
    return await sumUp(context, session, follower, options, death)
  } finally {
    stopWatchingJournal()
    follower.stop()
  }
}

/** Waits until every job ended; @returns what ended the waiting before that, or null */
async function waitForEnd(
  context: CommandContext,
  session: WorkerSession,
  follower: JobFollower,
  view: JobView,
): Promise<unknown> {
  const cancelling = whenAborted(context.interruption.signal).then(async () => {
    const live = follower.snapshots().filter(job => !hasEnded(job))
    if (live.length === 0) return
    view.say(context.report.texts.cancelling)
    // What goes on without this computer is said before anybody waits for the end.
    for (const job of live) {
      const remains = job.cannotUndo?.[context.report.language]
      if (remains !== undefined) view.say(`${nameOf(job)}: ${stripControl(remains)}`)
    }
    await cancelJobs(
      session,
      live.map(job => job.jobId),
    )
  })
  const failed = new Promise<never>((_, reject) => {
    cancelling.catch(reject)
  })
  try {
    await Promise.race([follower.done, session.died, failed])
    return null
  } catch (thrown) {
    return thrown
  }
}

/** Cancels all; where one of them has ended meanwhile, cancels each of the others alone. */
async function cancelJobs(session: WorkerSession, jobIds: readonly string[]): Promise<void> {
  try {
    await session.client.call('job.cancel', { jobIds: [...jobIds] })
  } catch (thrown) {
    if (!hasErrorCode(thrown, 'job.wrong-state', 'job.not-found')) throw thrown
    await Promise.allSettled(jobIds.map(jobId => session.client.call('job.cancel', { jobIds: [jobId] })))
  }
}

async function sumUp(
  context: CommandContext,
  session: WorkerSession,
  follower: JobFollower,
  options: BatchOptions,
  death: unknown,
): Promise<BatchResult> {
  const { report, host } = context
  const jobs = follower.snapshots()
  const isInterrupted = context.interruption.signal.aborted
  const exitCode = death === null ? exitCodeOf(jobs, { isInterrupted, isDryRun: options.isDryRun }) : 1
  const headHash = death === null ? await findHeadHash(context, session, follower) : null
  const exportLine = death === null ? ((await options.exportLine?.(jobs)) ?? null) : null
  if (death !== null) {
    report.error(death, hasErrorCode(death, 'worker.exited') ? { hint: report.texts.resumeHint } : {})
  }
  if (report.people !== null) {
    const paint = painterFor(wantsColor(host.env, report.people.isTerminal))
    const { language } = report
    const lines = renderSummary(jobs, { language, paint, headHash, exportLine, isDryRun: options.isDryRun })
    report.people.write(`${lines.join('\n')}\n`)
  }
  for (const job of jobs) reportJobError(context, job)
  const below = jobs.filter(isBelowStored)
  if (exitCode === 0 && below.length > 0) {
    const words = [...new Set(below.map(job => lowerFirst(outcomeWords(job, report.messages))))].join(', ')
    report.notice(report.texts.belowStored(below.length, jobs.length, words))
  }
  report.json({
    type: 'summary',
    counts: countVerdicts(jobs),
    notProven: listNotProven(jobs, options.isDryRun),
    headHash,
    exitCode,
  })
  return { exitCode, jobs, headHash }
}

/** A failed job's error as the one line that every other error is, so that a log of stderr alone tells it. */
function reportJobError({ report }: CommandContext, job: JobSnapshot): void {
  if (job.state !== 'failed' || job.error === null) return
  const { message } = job.error
  const code = isErrorCode(job.error.code) ? job.error.code : 'internal.unexpected'
  const wanted = code === 'job.decision-needed' ? job.error.details['accept'] : undefined
  const hint = typeof wanted === 'string' ? report.texts.acceptWith(stripControl(wanted, 80)) : undefined
  const details = { ...job.error.details, target: job.target }
  report.notice(errorLine({ code, message, details }, hint ?? report.messages.errors[code].hint, report.messages))
}

async function findHeadHash(
  context: CommandContext,
  session: WorkerSession,
  follower: JobFollower,
): Promise<string | null> {
  const jobs = follower.snapshots()
  if (jobs.length === 0) return null
  const deadline = Promise.withResolvers<undefined>()
  const cancelDeadline = context.host.timers.after(SEAL_DEADLINE_MS, () => {
    deadline.resolve(undefined)
  })
  await Promise.race([follower.sealed(), deadline.promise, session.died.catch(() => undefined)])
  cancelDeadline()
  const told = follower.headHash()
  if (told !== null) return told
  try {
    const practice = jobs.some(job => job.simulated)
    const filter = { jobIds: jobs.map(job => job.jobId), ...(practice ? { practice } : {}) }
    return (await session.client.call('log.list', filter)).headHash
  } catch {
    // The jobs have ended as they did; a head that cannot be read now is shown by `log verify` later.
    return null
  }
}
