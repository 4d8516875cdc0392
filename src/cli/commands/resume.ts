/** `flashproof resume`: goes on with stopped jobs where each stopped. */
import type { JobSnapshot } from '../../shared/contract/index.ts'
import { runBatch } from '../batch-run.ts'
import { canAskPerson } from '../decisions.ts'
import type { CommandContext } from '../command-context.ts'
import type { ResumeCommand } from '../parsed-command.ts'
import { resolveSecrets } from '../secrets.ts'
import type { WorkerSession } from '../worker-session.ts'

export async function runResume(context: CommandContext, command: ResumeCommand): Promise<number> {
  const { report, host } = context
  const secrets = await resolveSecrets(context, command.secrets)
  const session = await context.openSession()
  const before = await listJobs(session)
  const { jobIds } = await session.client.call('job.resume', {
    acceptedBy: host.userName,
    interactive: canAskPerson(context),
    ...(command.jobIds.length === 0 ? {} : { jobIds: [...command.jobIds] }),
    ...(command.accept.length === 0 ? {} : { accept: [...command.accept] }),
    ...(Object.keys(secrets).length === 0 ? {} : { secrets }),
  })
  if (jobIds.length === 0) {
    // A worker outlives the command that started it by a moment: what it holds is not ours to go on with yet.
    const elsewhere = before.filter(isLive).length
    if (elsewhere > 0) {
      report.notice(report.texts.runsElsewhere(elsewhere))
      report.json({ type: 'summary', counts: {}, notProven: [], headHash: null, exitCode: EXIT_RUNS_ELSEWHERE })
      return EXIT_RUNS_ELSEWHERE
    }
    report.notice(report.texts.nothingToResume)
    report.json({ type: 'summary', counts: {}, notProven: [], headHash: null, exitCode: 0 })
    return 0
  }
  const { exitCode } = await runBatch(context, session, {
    isVerbose: command.isVerbose,
    isDryRun: false,
    start: async () => ({
      jobIds,
      staleRevisions: new Map(before.map(job => [job.jobId, job.revision])),
      current: await listJobs(session),
    }),
  })
  return exitCode
}

/** As for a device that somebody else holds. */
const EXIT_RUNS_ELSEWHERE = 2

function isLive({ state }: JobSnapshot): boolean {
  return !['finished', 'failed', 'cancelled', 'interrupted'].includes(state)
}

async function listJobs(session: WorkerSession): Promise<readonly JobSnapshot[]> {
  return (await session.client.call('job.list', { limit: 10_000 })).jobs
}
