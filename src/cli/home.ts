/** Finds the folder that holds all state. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** FLASHPROOF_HOME, else the same per-user folder that the desktop app uses on this platform. */
export function findHome(
  env: Readonly<Record<string, string | undefined>>,
  platform: string = process.platform,
): string {
  const given = env['FLASHPROOF_HOME']
  if (given !== undefined && given !== '') return resolve(given)
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'flashproof')
  if (platform === 'win32') return join(env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), 'flashproof')
  const configured = env['XDG_CONFIG_HOME']
  return join(configured === undefined || configured === '' ? join(homedir(), '.config') : configured, 'flashproof')
}
