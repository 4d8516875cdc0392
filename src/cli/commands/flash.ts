/** `flashproof flash`: one firmware to one or many devices. */
import { resolve } from 'node:path'
import type { RequestOf } from '../../shared/contract/index.ts'
import { runBatch } from '../batch-run.ts'
import { canAskPerson } from '../decisions.ts'
import type { CommandContext } from '../command-context.ts'
import type { FlashSettings } from '../flash-order.ts'
import { makeFlashSettings } from '../flash-order.ts'
import type { FlashCommand } from '../parsed-command.ts'
import { readRecipe } from '../recipe.ts'
import { resolveSecrets } from '../secrets.ts'
import type { WorkerSession } from '../worker-session.ts'

export async function runFlash(context: CommandContext, command: FlashCommand): Promise<number> {
  const { report, host } = context
  const recipe = command.recipe === undefined ? null : await readRecipe(command.recipe)
  const secrets = await resolveSecrets(context, [...(recipe?.secrets ?? []), ...command.secrets])
  const settings = makeFlashSettings(command, recipe, secrets, {
    acceptedBy: host.userName,
    interactive: canAskPerson(context),
  })
  const session = await context.openSession()
  const { exitCode } = await runBatch(context, session, {
    isVerbose: command.isVerbose,
    isDryRun: command.isDryRun,
    start: () => startFlash(context, session, openRequest(command), settings),
    exportLine: jobs => {
      const [first] = jobs
      if (first === undefined || command.isDryRun) return Promise.resolve(null)
      const practice = first.simulated ? ' --practice' : ''
      const words = `flashproof log export --batch ${first.batchId}${practice} --format html --out report.html`
      return Promise.resolve(report.texts.exportWith(words))
    },
  })
  return exitCode
}

function openRequest(command: FlashCommand): RequestOf<'firmware.open'> {
  return {
    path: resolve(command.file),
    ...(command.variant === undefined ? {} : { variant: command.variant }),
    ...(command.accept.length === 0 ? {} : { accept: [...command.accept] }),
  }
}

/** Opens the firmware and starts the jobs; a Ctrl-C before the start ends it here, later ones cancel the jobs. */
export async function startFlash(
  context: CommandContext,
  session: WorkerSession,
  request: RequestOf<'firmware.open'>,
  settings: FlashSettings,
): Promise<Awaited<ReturnType<Parameters<typeof runBatch>[2]['start']>>> {
  const { signal } = context.interruption
  const firmware = await session.client.call('firmware.open', request, { signal })
  signal.throwIfAborted()
  const batch = await session.client.call('job.start', { ...settings, firmwareId: firmware.firmwareId })
  const { jobs } = await session.client.call('job.list', { batchId: batch.batchId, limit: 10_000 })
  return { jobIds: batch.jobIds, warnings: batch.warnings, current: jobs }
}
