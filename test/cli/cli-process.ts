/** Runs the command line as a process of its own, as a person or a script does. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface CliResult {
  readonly exitCode: number | null
  readonly out: string
  readonly err: string
}

export interface RunningCli {
  readonly result: Promise<CliResult>
  /** Resolves when stdout and stderr together match. */
  readonly until: (pattern: RegExp) => Promise<void>
  /** What stdout held until now. */
  readonly output: () => string
  readonly signal: (name: NodeJS.Signals) => void
  readonly pid: number
}

export const entryPath = fileURLToPath(new URL('../../src/cli/index.ts', import.meta.url))
export const simulatorPath = fileURLToPath(new URL('../../src/simulator/index.ts', import.meta.url))

/** Starts the command line with its state in `home`; nothing of this account's own settings reaches it. */
export function startCli(
  argv: readonly string[],
  options: {
    readonly home: string
    readonly env?: Readonly<Record<string, string>>
    readonly cwd?: string
    /** What it finds on its standard input; nothing unless given. */
    readonly input?: string
  },
): RunningCli {
  const child = spawn(process.execPath, [entryPath, ...argv], {
    // No test sends anything to the network of this computer.
    env: {
      PATH: process.env['PATH'],
      LANG: 'C.UTF-8',
      FLASHPROOF_HOME: options.home,
      FLASHPROOF_DISCOVERY: 'off',
      ...options.env,
    },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  let out = ''
  let err = ''
  const watchers = new Set<() => void>()
  const changed = (): void => {
    for (const watcher of [...watchers]) watcher()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    changed()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    changed()
  })
  const closed = once(child, 'close').then(() => {
    changed()
    return { exitCode: child.exitCode, out, err }
  })
  return {
    result: closed,
    until: pattern =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (pattern.test(out + err)) {
            watchers.delete(check)
            resolve()
          } else if (child.exitCode !== null) {
            watchers.delete(check)
            reject(new Error(`ended with ${String(child.exitCode)} before ${String(pattern)}:\n${out}\n${err}`))
          }
        }
        watchers.add(check)
        check()
      }),
    output: () => out,
    signal: name => {
      child.kill(name)
    },
    pid: child.pid ?? -1,
  }
}

export function runCliProcess(
  argv: readonly string[],
  options: { readonly home: string; readonly env?: Readonly<Record<string, string>>; readonly cwd?: string },
): Promise<CliResult> {
  return startCli(argv, options).result
}

/** Has the simulator write a valid ESP32 image. */
export async function makeFirmware(path: string, sizeBytes: number): Promise<void> {
  const words = ['--make-firmware', path, '--size', String(sizeBytes), '--version', '2.1.4']
  const child = spawn(process.execPath, [simulatorPath, ...words], { stdio: 'ignore' })
  await once(child, 'close')
  if (child.exitCode !== 0) throw new Error('the simulator made no firmware')
}

/** Starts virtual devices and gives their targets. End it with `signal('SIGTERM')`. */
export async function startDevices(
  spec: string,
  home: string,
): Promise<{ readonly process: RunningCli; readonly targets: readonly string[] }> {
  const simulator = startCli(['simulate', '--devices', spec, '--json'], { home })
  await simulator.until(/"type":"ready"/)
  const targets = [...simulator.output().matchAll(/"target":"([^"]+)"/g)].flatMap(match => match[1] ?? [])
  return { process: simulator, targets }
}
