/**
 * Finds the programs that others wrote (objcopy, srec_cat, …) for tests that compare with them. A missing one skips the
 * comparison with one printed line; with FLASHPROOF_REQUIRE_TOOLS set it fails the test.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const found = new Map<string, string | null>()

/**
 * Finds a program on the PATH.
 * @returns its path, or null when it is missing and may be
 * @throws {Error} when it is missing and FLASHPROOF_REQUIRE_TOOLS is set
 */
export function requireTool(name: string): string | null {
  let path = found.get(name)
  if (path === undefined) {
    path = findOnPath(name)
    found.set(name, path)
    if (path === null) console.info(`${name} is not installed: comparisons with it are skipped`)
  }
  if (path === null && process.env['FLASHPROOF_REQUIRE_TOOLS']) {
    throw new Error(`${name} is missing, and FLASHPROOF_REQUIRE_TOOLS demands it`)
  }
  return path
}

export interface ToolRun {
  readonly exitCode: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs a program to its end, at most 30 seconds. */
export function runTool(path: string, commandArguments: readonly string[], input?: Uint8Array): ToolRun {
  const run = spawnSync(path, commandArguments, {
    timeout: 30_000,
    maxBuffer: 256 * 1024 * 1024,
    ...(input && { input }),
  })
  return { exitCode: run.status, stdout: run.stdout, stderr: run.stderr.toString('utf8') }
}

function findOnPath(name: string): string | null {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd', ''] : ['']
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const suffix of suffixes) {
      const candidate = join(folder, name + suffix)
      try {
        accessSync(candidate, constants.X_OK)
        return candidate
      } catch {
        // not here
      }
    }
  }
  return null
}
