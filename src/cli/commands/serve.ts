/** `flashproof serve`: the workstation in a browser on this computer, until stopped. */
import { assertHomeWritable } from '../../host/home.ts'
import { createTiming } from '../../shared/rpc/timing.ts'
import { preparePageFolder } from '../../serve/page-folder.ts'
import { startBrowserMode, type BrowserMode } from '../../serve/browser-mode.ts'
import type { CommandContext } from '../command-context.ts'
import { whenAborted } from '../interruption.ts'
import { nameOf } from '../job-words.ts'
import type { ServeCommand } from '../parsed-command.ts'

const MOST_NAMED = 8

/** Ends with 0 on Ctrl-C: stopping is how it ends. */
export async function runServe(context: CommandContext, command: ServeCommand): Promise<number> {
  const { host, report, interruption, home } = context
  const { texts } = report
  assertHomeWritable(home)
  const pageFolder = await preparePageFolder(() => {
    report.notice(texts.buildsPage)
  }, interruption.signal)
  // With virtual boards nothing leaves this computer, unless somebody wants both.
  if (command.isSimulating) process.env['FLASHPROOF_DISCOVERY'] ??= 'off'
  const workers = new Set<{ kill(): void }>()
  const mode = await startBrowserMode({
    home,
    pageFolder,
    port: command.port ?? 0,
    timing: createTiming(() => performance.now()),
    about: {
      version: host.version,
      platform: process.platform,
      locale: report.language === 'vi' ? 'vi-VN' : Intl.DateTimeFormat().resolvedOptions().locale,
    },
    openWorker: async () => {
      const worker = await host.openWorker({ home })
      workers.clear()
      workers.add(worker)
      return worker
    },
    startSimulator: async options => await host.startSimulator(options),
    makeDemoFirmware: async options => {
      await host.makeDemoFirmware(options)
    },
    isPractising: command.isSimulating,
    onAddress: createAddressTeller(context),
  })
  context.defer({
    close: () => stopAndName(context, mode),
    kill: () => {
      for (const worker of workers) worker.kill()
    },
  })
  await whenAborted(interruption.signal)
  report.notice(texts.stopping)
  return 0
}

/** The first address is the command's result; later ones are told beside it. */
function createAddressTeller({ report }: CommandContext): (url: string) => void {
  let isFirst = true
  return url => {
    report.json({ type: isFirst ? 'serving' : 'next-address', url })
    if (isFirst) report.result(report.texts.servingAt(url))
    else if (!report.isJson) report.notice(report.texts.nextTabAt(url))
    isFirst = false
  }
}

async function stopAndName({ report }: CommandContext, mode: BrowserMode): Promise<void> {
  const live = mode.liveJobs()
  await mode.stop()
  if (live.length === 0) return
  const named = live.slice(0, MOST_NAMED).map(nameOf).join(', ')
  const rest = live.length > MOST_NAMED ? `, ${report.texts.more(live.length - MOST_NAMED)}` : ''
  report.notice(report.texts.pausedJobs(`${named}${rest}`))
  for (const job of live) report.json({ type: 'paused', jobId: job.jobId, target: job.target })
}
