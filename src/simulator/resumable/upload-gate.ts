/** Lets uploads in: all of them on a server with plenty of memory, one at a time where the body must fit a small heap. */
import type { VirtualBoard } from '../board/board.ts'
import type { HeapBlock } from '../board/heap.ts'
import { textReply } from '../board/http-front.ts'
import type { Reply } from '../faults/fault-hooks.ts'

export type Admission =
  { readonly kind: 'admitted'; leave(afterMs: number): void } | { readonly kind: 'refused'; readonly reply: Reply }

export class UploadGate {
  readonly #board: VirtualBoard
  readonly #isSmall: boolean
  #underWay = 0
  #peak = 0

  constructor(board: VirtualBoard, isSmall: boolean) {
    this.#board = board
    this.#isSmall = isSmall
  }

  /** The most uploads that were under way at once. */
  get peak(): number {
    return this.#peak
  }

  enter(bodyBytes: number): Admission {
    const { heap } = this.#board
    let block: HeapBlock | null = null
    if (this.#isSmall) {
      if (this.#underWay > 0) return { kind: 'refused', reply: textReply(503, 'busy', 'text/plain') }
      block = heap.take(bodyBytes)
      if (block === null) return { kind: 'refused', reply: textReply(413, 'chunk too large', 'text/plain') }
    }
    this.#underWay++
    this.#peak = Math.max(this.#peak, this.#underWay)
    let isIn = true
    return {
      kind: 'admitted',
      leave: afterMs => {
        if (!isIn) return
        isIn = false
        const free = (): void => {
          this.#underWay--
          if (block !== null) heap.release(block)
        }
        if (this.#isSmall && afterMs >= 1) this.#board.later(afterMs, free)
        else free()
      },
    }
  }
}
