/** Reads a TCP connection as firmware does: so many bytes at most, and no longer than so many milliseconds. */
import type { Socket } from 'node:net'
import type { VirtualBoard } from './board.ts'

export class SocketReader {
  readonly #socket: Socket
  readonly #board: VirtualBoard
  readonly #pieces: Buffer[] = []
  #isEnded = false
  #wake: () => void = () => undefined

  constructor(socket: Socket, board: VirtualBoard) {
    this.#socket = socket
    this.#board = board
    socket.on('data', piece => {
      this.#pieces.push(piece)
      // A board has a receive window of a few KiB; what it has not read yet stays with the sender.
      socket.pause()
      this.#wake()
    })
    const end = (): void => {
      this.#isEnded = true
      this.#wake()
    }
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
  }

  /** @returns what is there, at most `maximumBytes`; `timeout` when nothing came, `ended` when nothing will */
  async read(maximumBytes: number, timeoutMs: number): Promise<Buffer | 'timeout' | 'ended'> {
    if (this.#pieces.length === 0 && !this.#isEnded) await this.#arrival(timeoutMs)
    const [first] = this.#pieces
    if (first === undefined) return this.#isEnded ? 'ended' : 'timeout'
    const taken = first.subarray(0, maximumBytes)
    if (taken.length < first.length) this.#pieces[0] = first.subarray(maximumBytes)
    else this.#pieces.shift()
    if (this.#pieces.length === 0) this.#socket.resume()
    return taken
  }

  #arrival(timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      const takeBack = this.#board.later(timeoutMs, resolve)
      this.#wake = () => {
        takeBack()
        resolve()
      }
    })
  }
}
