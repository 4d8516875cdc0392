/** Runs one command line for a host: parses it, gives the command what it needs, and ends all that it started. */
import { asFlashproofError, FlashproofError, hasErrorCode } from '../shared/errors.ts'
import type { CommandContext } from './command-context.ts'
import { findHome } from '../host/home.ts'
import type { CliHost } from './host.ts'
import { watchForInterruption } from './interruption.ts'
import { chooseLanguage } from './language.ts'
import type { ParsedCommand } from './parsed-command.ts'
import { parseCommandLine } from './program.ts'
import type { Report } from './report.ts'
import { createReport } from './report.ts'

export { namesCommand } from './program.ts'

interface Resource {
  close(): Promise<void>
  kill(): void
}

/** Workers are ended before the virtual devices that they talk to. */
interface Resources {
  readonly sessions: Set<Resource>
  readonly others: Set<Resource>
}

function allOf(resources: Resources): Resource[] {
  return [...resources.sessions, ...resources.others]
}

/**
 * Runs the words after the program's name. Never throws; errors are reported.
 * @returns the exit code: 0, 1, 2 or 130
 */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  const language = chooseLanguage(host.env)
  let command: ParsedCommand
  try {
    command = parseCommandLine(argv)
  } catch (thrown) {
    return createReport(host, language, argv.includes('--json')).error(thrown)
  }
  const report = createReport(host, language, 'isJson' in command && command.isJson)
  const interruption = watchForInterruption(host)
  const resources: Resources = { sessions: new Set<Resource>(), others: new Set<Resource>() }
  const context: CommandContext = {
    host,
    report,
    interruption,
    home: findHome(host.env),
    async openSession(home = context.home) {
      const { openWorkerSession } = await import('./worker-session.ts')
      const session = await openWorkerSession(host, home)
      resources.sessions.add(session)
      return session
    },
    defer(resource) {
      resources.others.add(resource)
    },
  }
  const finished = runToEnd(context, command, resources)
  const isForced = interruption.isForced.then(() => {
    for (const resource of allOf(resources)) resource.kill()
    return 130
  })
  try {
    return await withWholeOutput(context, await Promise.race([finished, isForced]))
  } finally {
    interruption.dispose()
  }
}

/** Results that could not be written are no success, however well the work itself went. */
async function withWholeOutput({ host, report }: CommandContext, exitCode: number): Promise<number> {
  await host.stdout.flushed()
  const systemCode = host.stdout.failure()
  if (systemCode === null) return exitCode
  const code = systemCode === 'ENOSPC' || systemCode === 'EDQUOT' ? 'file.disk-full' : 'file.not-writable'
  const problem = `standard output could not be written (${systemCode}), so what it should hold is incomplete`
  report.error(new FlashproofError(code, problem, { systemCode }))
  return exitCode === 0 ? 1 : exitCode
}

async function runToEnd(context: CommandContext, command: ParsedCommand, resources: Resources): Promise<number> {
  try {
    return await runCommand(context, command)
  } catch (thrown) {
    return reportFailure(context.report, thrown, context.interruption.signal)
  } finally {
    for (const resource of allOf(resources)) {
      await resource.close().catch((thrown: unknown) => context.report.error(thrown))
    }
  }
}

/** What a Ctrl-C made fail is a cancellation, whatever it looks like from inside. */
function reportFailure(report: Report, thrown: unknown, signal: AbortSignal): number {
  if (signal.aborted && (thrown === signal.reason || hasErrorCode(thrown, 'call.aborted', 'worker.exited'))) return 130
  const error = asFlashproofError(thrown)
  return report.error(error, error.code === 'worker.exited' ? { hint: report.texts.resumeHint } : {})
}

/** Each command is loaded when it runs: the start of the others does not wait for it. */
async function runCommand(context: CommandContext, command: ParsedCommand): Promise<number> {
  switch (command.kind) {
    case 'help': {
      const { renderHelp } = await import('./help.ts')
      context.host.stdout.write(renderHelp(command.topic))
      return 0
    }
    case 'version':
      context.host.stdout.write(`flashproof ${context.host.version}\n`)
      return 0
    case 'devices':
      return await (await import('./commands/devices.ts')).runDevices(context, command)
    case 'inspect':
      return await (await import('./commands/inspect.ts')).runInspect(context, command)
    case 'convert':
      return await (await import('./commands/convert.ts')).runConvert(context, command)
    case 'flash':
      return await (await import('./commands/flash.ts')).runFlash(context, command)
    case 'resume':
      return await (await import('./commands/resume.ts')).runResume(context, command)
    case 'monitor':
      return await (await import('./commands/monitor.ts')).runMonitor(context, command)
    case 'log list':
      return await (await import('./commands/log.ts')).runLogList(context, command.filter)
    case 'log show':
      return await (await import('./commands/log.ts')).runLogShow(context, command.jobId)
    case 'log export':
      return await (await import('./commands/log.ts')).runLogExport(context, command)
    case 'log verify':
      return await (await import('./commands/log.ts')).runLogVerify(context, command.exportPath, command.isPractice)
    case 'simulate':
      return await (await import('./commands/simulate.ts')).runSimulate(context, command.devices)
    case 'serve':
      return await (await import('./commands/serve.ts')).runServe(context, command)
    case 'demo':
      return await (await import('./commands/demo.ts')).runDemo(context)
    case 'not-in-this-version':
      return context.report.error(notInThisVersion(command.name))
  }
}

function notInThisVersion(name: string): FlashproofError {
  return new FlashproofError('usage.unknown-command', `“${name}” is not in this version`, { command: name })
}
