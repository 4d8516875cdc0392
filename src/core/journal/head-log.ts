/**
 * The heads of the chain in a plain text file beside the database, one line a record: a table whose tail was cut no
 * longer agrees with it. Lines are only ever appended.
 */
import { appendFileSync, closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'

export interface Head {
  readonly sequence: number
  readonly hash: string
  readonly signature: string | null
}

/** `journal.sqlite` -> `journal.heads`. */
export function headLogPath(databasePath: string): string {
  return databasePath.replace(/\.sqlite$/, '.heads')
}

/** Appends heads in one write, so that lines of several processes never mix. */
export function appendHeads(path: string, heads: readonly Head[]): void {
  if (heads.length === 0) return
  const text = heads.map(head => `${String(head.sequence)} ${head.hash} ${head.signature ?? '-'}\n`).join('')
  appendFileSync(path, text, { mode: 0o600 })
}

const LINE = /^([1-9][0-9]*) ([0-9a-f]{64}) (-|[0-9a-f]{128})$/

/** Reads every head; `damagedLines` counts lines that hold none. A last line without its line feed was cut by a crash. */
export function readHeads(path: string): { readonly heads: Head[]; readonly damagedLines: number } {
  if (!existsSync(path)) return { heads: [], damagedLines: 0 }
  const lines = readFileSync(path, 'latin1').split('\n')
  lines.pop()
  const heads: Head[] = []
  let damagedLines = 0
  for (const line of lines) {
    const head = parseHead(line)
    if (head === null) damagedLines++
    else heads.push(head)
  }
  return { heads, damagedLines }
}

function parseHead(line: string): Head | null {
  const [, sequence, hash, signature] = LINE.exec(line) ?? []
  if (sequence === undefined || hash === undefined || signature === undefined) return null
  return { sequence: Number(sequence), hash, signature: signature === '-' ? null : signature }
}

const TAIL_BYTES = 4_096

/** The highest sequence number among the last lines; 0 for an empty or missing file. Reads only the file's end. */
export function lastLoggedSequence(path: string): number {
  if (!existsSync(path)) return 0
  const file = openSync(path, 'r')
  try {
    const sizeBytes = fstatSync(file).size
    const tail = Buffer.alloc(Math.min(TAIL_BYTES, sizeBytes))
    readSync(file, tail, 0, tail.length, sizeBytes - tail.length)
    const sequences = tail
      .toString('latin1')
      .split('\n')
      .map(line => parseHead(line)?.sequence ?? 0)
    return Math.max(0, ...sequences)
  } finally {
    closeSync(file)
  }
}
