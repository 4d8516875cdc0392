/** Runs the `flashproof` command inside the app, without a window: its background process is Electron's utility process. */
import type { EngineProcesses } from './engine-processes.ts'

/** Says that the words are a command, whatever they look like. */
export const COMMAND_SWITCH = '--cli'

/**
 * Finds the words of a command: those after `--cli`, or all when the first one names a command.
 * @returns null when a window is wanted
 */
export async function findCommand(words: readonly string[]): Promise<readonly string[] | null> {
  const place = words.indexOf(COMMAND_SWITCH)
  if (place >= 0) return words.slice(place + 1)
  const first = words[0]
  // Most starts have no words: they need not load the command line to find that out.
  if (first === undefined || !/^[a-z]+$/.test(first)) return null
  const { namesCommand } = await import('../cli/run.ts')
  return namesCommand(first) ? words : null
}

/** @returns the exit code */
export async function runCommand(
  words: readonly string[],
  options: { readonly processes: EngineProcesses; readonly version: string },
): Promise<number> {
  const [{ runCli }, { createTerminalHost }] = await Promise.all([
    import('../cli/run.ts'),
    import('../cli/terminal-host.ts'),
  ])
  const { processes, version } = options
  const command = ['flashproof', ...words.slice(0, 1)].join(' ')
  const host = {
    ...createTerminalHost(version),
    openWorker: ({ home }: { readonly home: string }) => processes.spawnWorker({ home, command }),
    startSimulator: processes.startSimulator,
    makeDemoFirmware: processes.makeDemoFirmware,
  }
  const exitCode = await runCli(words, host)
  await Promise.all([host.stdout.flushed(), host.stderr.flushed()])
  return exitCode
}
