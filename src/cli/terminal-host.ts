/** The command line's host in a Node process: its standard streams, its signals, its clock. */
import { createInterface } from 'node:readline'
import { userInfo } from 'node:os'
import { basename } from 'node:path'
import type { CliHost, StopSignal, TextInput, TextOutput } from './host.ts'
import { isUnicodeLocale } from './language.ts'

const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24

export function createTerminalHost(version: string): CliHost {
  return {
    openWorker: async ({ home }) =>
      (await import('../host/worker-process.ts')).forkWorker({ home, env: { FLASHPROOF_COMMAND: commandInBrief() } }),
    startSimulator: async options => (await import('../host/simulator-process.ts')).forkSimulator(options),
    makeDemoFirmware: async options => (await import('../host/simulator-process.ts')).makeDemoFirmware(options),
    stdout: adaptOutput(process.stdout),
    stderr: adaptOutput(process.stderr),
    stdin: adaptInput(),
    env: process.env,
    onSignal: listenForSignals,
    timers: {
      nowMs: () => Date.now(),
      after(delayMs, callback) {
        const timer = setTimeout(callback, delayMs)
        return () => {
          clearTimeout(timer)
        }
      },
    },
    version,
    isUnicode: isUnicodeLocale(process.env, process.platform),
    userName: readUserName(),
  }
}

/** What another user of the same board is told: the words before the first option, without folders. */
function commandInBrief(): string {
  const words = process.argv.slice(2)
  const firstOption = words.findIndex(word => word.startsWith('-'))
  const named = firstOption < 0 ? words : words.slice(0, firstOption)
  return ['flashproof', ...named.slice(0, 3).map(word => basename(word))].join(' ')
}

function adaptOutput(stream: NodeJS.WriteStream): TextOutput {
  let isClosed = false
  let failure: string | null = null
  const listeners = new Set<() => void>()
  // A reader that went away (`… | head`) is no fault: the rest is not written, and the work goes on or ends in order.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!isClosed) failure = writeFault(error)
    isClosed = true
    for (const listener of listeners) listener()
    listeners.clear()
  })
  return {
    // For a stream that is no terminal Node leaves these fields out, whatever the types say.
    isTerminal: Boolean(stream.isTTY),
    write(chunk) {
      if (!isClosed) stream.write(chunk)
    },
    flushed: () =>
      new Promise(resolve => {
        if (isClosed || stream.writableLength === 0) resolve()
        else
          stream.write('', () => {
            resolve()
          })
      }),
    columns: () => stream.columns || DEFAULT_COLUMNS,
    rows: () => stream.rows || DEFAULT_ROWS,
    onClosed(listener) {
      if (isClosed) listener()
      else listeners.add(listener)
    },
    // A file's fault is known at once, and told as an event only in the next turn.
    failure: () => failure ?? writeFault(stream.errored),
  }
}

function writeFault(error: NodeJS.ErrnoException | null): string | null {
  return error === null || error.code === 'EPIPE' ? null : (error.code ?? error.message)
}

function adaptInput(): TextInput {
  const { stdin } = process
  return {
    isTerminal: Boolean(stdin.isTTY),
    async readLine({ isHidden, signal }) {
      if (signal.aborted) return null
      return isHidden && stdin.isTTY ? await readHiddenLine(signal) : await readPlainLine(signal)
    },
    async *lines(signal) {
      if (signal.aborted) return
      const reader = createInterface({ input: stdin, terminal: false })
      const stop = (): void => {
        reader.close()
        stdin.pause()
      }
      signal.addEventListener('abort', stop, { once: true })
      try {
        yield* reader
      } finally {
        signal.removeEventListener('abort', stop)
        stop()
      }
    },
  }
}

/** The terminal stays in line mode, so that Ctrl-C keeps raising its signal. */
function readPlainLine(signal: AbortSignal): Promise<string | null> {
  return new Promise(resolve => {
    const reader = createInterface({ input: process.stdin, terminal: false })
    const end = (line: string | null): void => {
      // First, because closing the reader says “closed” at once, which would end it without the line.
      resolve(line)
      signal.removeEventListener('abort', onAbort)
      reader.close()
      process.stdin.pause()
    }
    const onAbort = (): void => {
      end(null)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    reader.once('line', end)
    reader.once('close', onAbort)
  })
}

/** Reads with echo off; raw mode brings Ctrl-C as a character, which is turned back into its signal. */
function readHiddenLine(signal: AbortSignal): Promise<string | null> {
  const { stdin, stderr } = process
  return new Promise(resolve => {
    let line = ''
    const end = (result: string | null): void => {
      signal.removeEventListener('abort', onAbort)
      stdin.off('data', onData)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      resolve(result)
    }
    const onAbort = (): void => {
      end(null)
    }
    const onData = (text: string): void => {
      for (const character of text) {
        if (character === '\u0003') {
          process.kill(process.pid, 'SIGINT')
          return
        }
        if (character === '\r' || character === '\n' || character === '\u0004') {
          end(line)
          return
        }
        line = character === '\u007f' ? line.slice(0, -1) : line + character
      }
    }
    signal.addEventListener('abort', onAbort, { once: true })
    stdin.setRawMode(true)
    stdin.setEncoding('utf8')
    stdin.on('data', onData)
    stdin.resume()
  })
}

function listenForSignals(listener: (signal: StopSignal) => void): () => void {
  const onInterrupt = (): void => {
    listener('SIGINT')
  }
  const onTerminate = (): void => {
    listener('SIGTERM')
  }
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onTerminate)
  process.on('SIGHUP', onTerminate)
  return () => {
    process.off('SIGINT', onInterrupt)
    process.off('SIGTERM', onTerminate)
    process.off('SIGHUP', onTerminate)
  }
}

function readUserName(): string {
  try {
    return userInfo().username
  } catch {
    // An account without an entry in the password file has no name.
    return process.env['USER'] ?? process.env['USERNAME'] ?? 'unknown'
  }
}
