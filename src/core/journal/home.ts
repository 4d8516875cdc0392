/** Where all state of Flashproof lives on this computer. */
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { FlashproofError } from '../../shared/errors.ts'

/**
 * The folder that `FLASHPROOF_HOME` names, else the platform's user-data folder; created for this user alone (0700).
 * @throws file.not-writable when it cannot be created.
 */
export function resolveHome(env: NodeJS.ProcessEnv): string {
  const named = env['FLASHPROOF_HOME']
  const home = named !== undefined && named !== '' ? resolve(named) : userDataFolder(env)
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new FlashproofError(
      'file.not-writable',
      `The folder ${home} cannot be created`,
      { path: home },
      { cause: error },
    )
  }
  return home
}

function userDataFolder(env: NodeJS.ProcessEnv): string {
  if (process.platform === 'win32') return join(env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), 'Flashproof')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Flashproof')
  const configured = env['XDG_DATA_HOME']
  // The XDG base directory specification: a relative path is invalid and is to be ignored.
  const base = configured?.startsWith('/') === true ? configured : join(homedir(), '.local', 'share')
  return join(base, 'flashproof')
}
