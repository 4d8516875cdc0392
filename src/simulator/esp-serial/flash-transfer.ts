/** One image on its way into flash, plain or as a zlib stream, as `FLASH_BEGIN` and `FLASH_DEFL_BEGIN` announce it. */
import { createInflate, type Inflate } from 'node:zlib'
import type { FlashWork } from './flash-work.ts'
import type { NorFlash } from './nor-flash.ts'

/** `differs`: what was read back is not what was programmed. */
export type WriteOutcome = 'written' | 'differs' | 'too-much' | 'broken-stream'

export interface TransferPlan {
  readonly offset: number
  /** More than this is not written: padding of the last block is dropped, a stream that goes on is an error. */
  readonly limitBytes: number
  readonly isCompressed: boolean
  /** Whether sectors are erased as data reaches them; else they were erased before. */
  readonly erasesAsItGoes: boolean
}

export class FlashTransfer {
  readonly plan: TransferPlan
  readonly #work: FlashWork
  readonly #flash: NorFlash
  readonly #inflate: Inflate | null
  readonly #inflated: Uint8Array[] = []
  /** The sector that was erased last: bytes come in order. */
  #erasedUpTo = -1
  #writtenBytes = 0
  #isBroken = false
  #onBroken: () => void = () => undefined

  constructor(plan: TransferPlan, { work, flash }: { readonly work: FlashWork; readonly flash: NorFlash }) {
    this.plan = plan
    this.#work = work
    this.#flash = flash
    this.#inflate = plan.isCompressed ? createInflate() : null
    this.#inflate?.on('data', (bytes: Uint8Array) => {
      this.#inflated.push(bytes)
    })
    this.#inflate?.on('error', () => {
      this.#isBroken = true
      // Whoever waits for a block of a broken stream is not called back.
      this.#onBroken()
    })
  }

  get isComplete(): boolean {
    return this.#writtenBytes >= this.plan.limitBytes
  }

  /** Writes what a block holds; done when it is in the flash. */
  write(block: Uint8Array): WriteOutcome | Promise<WriteOutcome> {
    return this.#inflate === null ? this.#program(block) : this.#inflateAndProgram(this.#inflate, block)
  }

  /** Frees what the stream holds. */
  end(): void {
    this.#inflate?.destroy()
  }

  async #inflateAndProgram(inflate: Inflate, block: Uint8Array): Promise<WriteOutcome> {
    if (this.#wasBroken()) return 'broken-stream'
    await new Promise<void>(resolve => {
      this.#onBroken = resolve
      inflate.write(block, () => {
        resolve()
      })
    })
    // What the last step of the stream gave is handed over in the next turn.
    await new Promise<void>(resolve => setImmediate(resolve))
    const bytes = Buffer.concat(this.#inflated.splice(0))
    const isTooMuch = this.#writtenBytes + bytes.length > this.plan.limitBytes
    const outcome = await this.#program(bytes)
    if (this.#wasBroken()) return 'broken-stream'
    return isTooMuch ? 'too-much' : outcome
  }

  #wasBroken(): boolean {
    return this.#isBroken
  }

  #program(bytes: Uint8Array): WriteOutcome | Promise<WriteOutcome> {
    const taken = bytes.subarray(0, Math.max(0, this.plan.limitBytes - this.#writtenBytes))
    // Padding, or the last block once more.
    if (taken.length === 0) return 'written'
    const at = this.plan.offset + this.#writtenBytes
    this.#writtenBytes += taken.length
    const done = this.#work.program(at, taken, sector => {
      const mustErase = this.plan.erasesAsItGoes && sector > this.#erasedUpTo
      if (mustErase) this.#erasedUpTo = sector
      return mustErase
    })
    const readBack = (): WriteOutcome =>
      Buffer.compare(this.#flash.view(at, taken.length), taken) === 0 ? 'written' : 'differs'
    return done === null ? readBack() : done.then(readBack)
  }
}
