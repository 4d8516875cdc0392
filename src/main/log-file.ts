/** The desktop app's log: one line an entry, in a few files of limited size. Secrets are never given to it. */
import { appendFileSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { stripControl } from '../shared/units.ts'

export interface LogFile {
  /** Writes one line. A log that cannot be written must not end the program: errors are dropped. */
  write(level: LogLevel, text: string): void
}

export type LogLevel = 'info' | 'warning' | 'error'

export interface LogFileOptions {
  /** Made when it is not there. */
  readonly folder: string
  readonly now: () => Date
  /** A file that reached this size is put aside; 1 MiB where not given. */
  readonly fileBytes?: number
  /** How many files there are, the one that is written included; 5 where not given. */
  readonly files?: number
}

const MAX_LINE_CHARACTERS = 8_000

/** Writes to `flashproof.log`; older files are `flashproof.1.log`, `flashproof.2.log`, … */
export function createLogFile({ folder, now, fileBytes = 1024 * 1024, files = 5 }: LogFileOptions): LogFile {
  const pathOf = (age: number): string => join(folder, age === 0 ? 'flashproof.log' : `flashproof.${String(age)}.log`)
  let writtenBytes: number | null = null

  const rotate = (): void => {
    rmSync(pathOf(files - 1), { force: true })
    for (let age = files - 2; age >= 0; age--) {
      // A file in between may be missing: somebody tidied up.
      if (sizeOf(pathOf(age)) !== null) renameSync(pathOf(age), pathOf(age + 1))
    }
    writtenBytes = 0
  }

  return {
    write(level, text) {
      const line = `${now().toISOString()} ${level.padEnd(7)} ${oneLine(text)}\n`
      const lineBytes = Buffer.byteLength(line)
      try {
        if (writtenBytes === null) {
          mkdirSync(folder, { recursive: true, mode: 0o700 })
          writtenBytes = sizeOf(pathOf(0)) ?? 0
        }
        if (writtenBytes > 0 && writtenBytes + lineBytes > fileBytes) rotate()
        appendFileSync(pathOf(0), line, { mode: 0o600 })
        writtenBytes += lineBytes
      } catch {
        // Asked anew at the next line: the disk may have room again.
        writtenBytes = null
      }
    },
  }
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null
}

/** An error's lines stay readable as one; what a device said cannot pretend to be another line. */
function oneLine(text: string): string {
  return stripControl(text.replaceAll(/\r?\n\s*/g, ' | '), MAX_LINE_CHARACTERS)
}
