/** Runs curl beside a virtual device of the same process, without any proxy of this computer. */
import { spawn } from 'node:child_process'

export interface CurlAnswer {
  readonly exitCode: number | null
  /** HTTP status; 0 when no answer came. */
  readonly status: number
  readonly text: string
  /** The parsed body; undefined when it is not JSON. */
  readonly json: Record<string, unknown> | undefined
}

/** @param curl its path, as `requireTool` finds it; @param input what `@-` in an argument reads */
export function runCurl(curl: string, curlArguments: readonly string[], input?: Uint8Array): Promise<CurlAnswer> {
  const fixed = ['--silent', '--noproxy', '*', '--max-time', '20', '--write-out', '\n%{http_code}']
  return new Promise((resolve, reject) => {
    const child = spawn(curl, [...fixed, ...curlArguments], { stdio: ['pipe', 'pipe', 'inherit'] })
    const pieces: Buffer[] = []
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
    child.on('error', reject)
    child.on('close', exitCode => {
      const printed = Buffer.concat(pieces).toString()
      const lineEnd = printed.lastIndexOf('\n')
      const text = printed.slice(0, lineEnd)
      resolve({ exitCode, status: Number(printed.slice(lineEnd + 1)), text, json: parse(text) })
    })
    // A curl that needs no input may be gone before it is written.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    // Tests look at single fields; a body that is no object has none.
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
