/** A pseudo-terminal in front of a TCP port, by socat: what programs want that can open nothing but a device file. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const START_TRIES = 400
const START_PAUSE_MS = 10

/** Folders that a process which just ends would leave behind. */
const folders = new Set<string>()
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export class PtyBridge {
  readonly #folder = mkdtempSync(join(tmpdir(), 'flashproof-pty-'))
  #socat: ChildProcess | null = null
  /** Held open, so that a client that closes the terminal does not end it. */
  #terminal: number | null = null

  constructor() {
    folders.add(this.#folder)
  }

  /** The device file; the same after each `open`. */
  get path(): string {
    return join(this.#folder, 'port')
  }

  /** @throws {Error} when socat is not installed or makes no terminal within some seconds */
  async open(tcpAddress: string): Promise<void> {
    const socat = spawn('socat', [`pty,raw,echo=0,link=${this.path}`, `tcp:${tcpAddress},nodelay`], {
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    this.#socat = socat
    const failed = new Promise<never>((_resolve, reject) => {
      socat.on('error', error => {
        reject(new Error(`the pseudo-terminal needs the program socat: ${error.message}`))
      })
      socat.on('exit', () => {
        reject(new Error('socat makes no pseudo-terminal'))
      })
    })
    // It ends later too, when nobody waits for it any more.
    failed.catch(() => undefined)
    await Promise.race([failed, this.#appearance()])
    this.#terminal = openSync(this.path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
  }

  /** Whoever has the terminal open sees it hung up. */
  async shut(): Promise<void> {
    const socat = this.#socat
    this.#socat = null
    if (this.#terminal !== null) closeSync(this.#terminal)
    this.#terminal = null
    if (socat?.exitCode === null && socat.signalCode === null) {
      const ended = once(socat, 'exit')
      // SIGTERM, so that it takes its link away.
      if (socat.kill('SIGTERM')) await ended
    }
    rmSync(this.path, { force: true })
  }

  async #appearance(): Promise<void> {
    for (let attempt = 0; statSync(this.path, { throwIfNoEntry: false }) === undefined; attempt++) {
      if (attempt >= START_TRIES) throw new Error('socat makes no pseudo-terminal')
      await new Promise(resolve => setTimeout(resolve, START_PAUSE_MS))
    }
  }

  /** For good. */
  remove(): void {
    folders.delete(this.#folder)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
