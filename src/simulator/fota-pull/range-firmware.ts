/**
 * Firmware that pulls one plain image from a URL, in the style of `esp_https_ota`: HEAD for its length, then ranges of it, or
 * one GET without ranges; restarts into it and reports nothing.
 */
import type { VirtualBoard } from '../board/board.ts'
import { UpdateObject } from '../board/update.ts'
import type { RequestPoint } from '../faults/fault-hooks.ts'
import type { Firmware } from './pull-firmware.ts'
import type { PullFaultHooks, PullStep } from './pull-faults.ts'
import { NoAnswer, type PullAnswer, type PullLink } from './pull-link.ts'

export interface RangeSettings {
  readonly path: string
  /** Bytes of one range; 0 asks for all at once, without a Range header. */
  readonly rangeBytes: number
  /** How it learns the length: by HEAD, or by asking for the first byte alone. */
  readonly lengthBy: 'head' | 'first-byte'
  readonly pollMs: number
  readonly tries: number
  readonly retryMs: number
  readonly chunkPauseMs: number
  readonly rebootDelayMs: number
}

const lengthPoint: RequestPoint = { kind: 'other', chunk: null, target: null }

export class RangeFirmware implements Firmware {
  readonly update: UpdateObject
  readonly #board: VirtualBoard
  readonly #link: PullLink
  readonly #settings: RangeSettings
  /** First bytes of an image that it has tried: not pulled again while the same server goes on offering it. */
  #tried: Uint8Array | null

  constructor(board: VirtualBoard, link: PullLink, settings: RangeSettings) {
    this.#board = board
    this.#link = link
    this.#settings = settings
    this.update = new UpdateObject(board)
    this.#tried = this.update.stored()
  }

  async run(): Promise<void> {
    if (this.#hooks().some(({ neverAsks }) => neverAsks === true)) return
    for (;;) {
      try {
        if (await this.#pull()) {
          await this.#board.pause(this.#settings.rebootDelayMs)
          void this.#board.reboot()
          return
        }
      } catch (thrown) {
        this.update.abort()
        if (!(thrown instanceof NoAnswer)) throw thrown
        if (thrown.isRefused) this.#tried = this.#board.activeImage()
      }
      await this.#board.pause(this.#settings.pollMs)
    }
  }

  /** @returns whether a new image is in place */
  async #pull(): Promise<boolean> {
    const { rangeBytes } = this.#settings
    const sizeBytes = await this.#askLength()
    if (sizeBytes === 0) return false
    const stepBytes = rangeBytes === 0 ? sizeBytes : rangeBytes
    const count = Math.ceil(sizeBytes / stepBytes)
    const inOrder = Array.from({ length: count }, (_, chunk): PullStep => ({ action: 'write', chunk }))
    const steps = this.#hooks().reduce<readonly PullStep[]>((plan, hooks) => hooks.plan?.(plan) ?? plan, inOrder)
    for (const [index, step] of steps.entries()) {
      if (step.action === 'stall') await new Promise(() => undefined)
      else {
        const bytes = await this.#fetch(step.chunk, stepBytes, sizeBytes, step.action === 'write')
        if (index === 0 && !this.#begin(bytes)) return false
        if (step.action === 'write' && this.update.write(bytes) !== bytes.length) return this.#giveUp()
        if (this.update.busyMs >= 1) await this.#board.pause(this.update.busyMs)
      }
      if (this.#settings.chunkPauseMs > 0) await this.#board.pause(this.#settings.chunkPauseMs)
    }
    return this.update.end(true)
  }

  /** @returns 0 when there is no image */
  async #askLength(): Promise<number> {
    const { path, lengthBy } = this.#settings
    if (lengthBy === 'head') {
      const { status, headers } = await this.#link.ask({ method: 'HEAD', path, point: lengthPoint })
      return status === 200 ? Number(headers['content-length'] ?? 0) : 0
    }
    const first = { Range: 'bytes=0-0' }
    const { status, headers } = await this.#link.ask({ method: 'GET', path, point: lengthPoint, headers: first })
    const [, total] = /^bytes 0-0\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
    return status === 206 && total !== undefined ? Number(total) : 0
  }

  /** Looks at the head of the image before it erases anything: what it runs, or has tried, is not written again. */
  #begin(first: Uint8Array): boolean {
    const known = [this.#board.activeImage(), this.#tried]
    if (known.some(image => image !== null && Buffer.compare(image.subarray(0, first.length), first) === 0))
      return false
    return this.update.begin(null)
  }

  #giveUp(): false {
    this.update.abort()
    return false
  }

  async #fetch(chunk: number, stepBytes: number, sizeBytes: number, isNeeded: boolean): Promise<Uint8Array> {
    const first = chunk * stepBytes
    // Behind the end it asks for a whole range, which there is none of.
    const end = first + stepBytes
    const last = (first < sizeBytes ? Math.min(end, sizeBytes) : end) - 1
    let problem = new NoAnswer('no answer')
    for (let attempt = 0; attempt < this.#settings.tries; attempt++) {
      if (attempt > 0) await this.#board.pause(this.#settings.retryMs)
      try {
        const answer = await this.#askRange(chunk, first, last)
        const isAnswered = isWhole(answer, first, last, sizeBytes, this.#settings.rangeBytes > 0)
        if (isAnswered || !isNeeded) return answer.body
        problem = new NoAnswer(`status=${String(answer.status)}`)
      } catch (thrown) {
        if (!(thrown instanceof NoAnswer)) throw thrown
        problem = thrown
      }
    }
    throw problem
  }

  #askRange(chunk: number, first: number, last: number): Promise<PullAnswer> {
    const { path, rangeBytes } = this.#settings
    const headers = { Range: `bytes=${String(first)}-${String(last)}` }
    const point: RequestPoint = { kind: 'chunk', chunk, target: null }
    return this.#link.ask({ method: 'GET', path, point, ...(rangeBytes === 0 ? {} : { headers }) })
  }

  #hooks(): PullFaultHooks[] {
    return this.#board.faults.all.flatMap(({ fotaPull }) => (fotaPull === undefined ? [] : [fotaPull]))
  }
}

/** Whether the answer is the range that was asked for, by what its head says and by its length. */
function isWhole(
  { status, headers, body }: PullAnswer,
  first: number,
  last: number,
  sizeBytes: number,
  isRange: boolean,
): boolean {
  if (body.length !== last - first + 1) return false
  if (!isRange) return status === 200
  return status === 206 && headers['content-range'] === `bytes ${String(first)}-${String(last)}/${String(sizeBytes)}`
}
