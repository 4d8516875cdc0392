/** Finds the folder that holds all state. */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { FlashproofError } from '../shared/errors.ts'

/**
 * FLASHPROOF_HOME, else the platform's user-data folder: the same rule as the worker's, which is in another layer; a test
 * compares the two.
 */
export function findHome(
  env: Readonly<Record<string, string | undefined>>,
  platform: string = process.platform,
): string {
  const named = env['FLASHPROOF_HOME']
  if (named !== undefined && named !== '') return resolve(named)
  if (platform === 'win32') return join(env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), 'Flashproof')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Flashproof')
  const configured = env['XDG_DATA_HOME']
  const base = configured?.startsWith('/') === true ? configured : join(homedir(), '.local', 'share')
  return join(base, 'flashproof')
}

/**
 * Creates the folder for this user alone where it is missing.
 * @throws {FlashproofError} file.not-writable when nothing can be kept there: the engine could only crash
 */
export function assertHomeWritable(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 })
    accessSync(home, constants.W_OK)
  } catch (cause) {
    throw new FlashproofError(
      'file.not-writable',
      `the data folder ${home} cannot be written`,
      { path: home },
      { cause },
    )
  }
}
