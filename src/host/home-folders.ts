/** Where the hosts of pages keep what is theirs, under FLASHPROOF_HOME. */
import { join } from 'node:path'

export interface HomeFolders {
  /** Files that are being made for a person; emptied when the host stops. */
  readonly temporary: string
  /** Firmware that came from a browser, one folder a file. */
  readonly uploads: string
  /** What the virtual boards keep: their flash, and the firmware to practise with. */
  readonly practice: string
  /** The host's log files, `*.log`; support bundles hold their ends. */
  readonly logs: string
}

export function homeFoldersOf(home: string): HomeFolders {
  return {
    temporary: join(home, 'temporary'),
    uploads: join(home, 'uploads'),
    practice: join(home, 'practice'),
    logs: join(home, 'logs'),
  }
}
