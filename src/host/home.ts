/** Finds the folder that holds all state. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

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
