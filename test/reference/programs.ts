/** Runs programs that others wrote beside virtual devices of this process, which `spawnSync` would keep from answering. */
import { spawn } from 'node:child_process'

export interface ProgramRun {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program to its end.
 * @param folder where it runs
 */
export function runProgram(
  path: string,
  commandArguments: readonly string[],
  options: { readonly folder?: string; readonly timeoutMs?: number } = {},
): Promise<ProgramRun> {
  const child = spawn(path, commandArguments, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 30_000,
    ...(options.folder !== undefined && { cwd: options.folder }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString('latin1')))
  child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString('latin1')))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', exitCode => {
      resolve({ exitCode, stdout, stderr })
    })
  })
}
