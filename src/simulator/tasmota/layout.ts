/**
 * Which program of a Tasmota device runs: with two slots always the application; with the safeboot layout the small program
 * that replaces the one application, or the application.
 */
import type { SlotIndex } from '../board/board-state.ts'
import type { VirtualBoard } from '../board/board.ts'

interface LayoutState {
  readonly program: 'app' | 'safeboot'
  /** The slot whose application was written and is to be started. */
  readonly awaits: SlotIndex | null
  /** The slot whose application runs; another one means that the bootloader went back, to safeboot. */
  readonly appSlot: SlotIndex
  /** What safeboot is to fetch by itself once it runs. */
  readonly fetchesUrl: string | null
}

const FILE = 'tasmota.json'

/** Lives in flash. */
export class TasmotaLayout {
  readonly #board: VirtualBoard
  readonly hasSafeboot: boolean

  constructor(board: VirtualBoard, hasSafeboot: boolean) {
    this.#board = board
    this.hasSafeboot = hasSafeboot
  }

  get runsSafeboot(): boolean {
    return this.hasSafeboot && this.#read().program === 'safeboot'
  }

  /** Whether an application can be written: never over the one that runs. */
  get takesApplication(): boolean {
    return !this.hasSafeboot || this.runsSafeboot
  }

  /** What safeboot was told to fetch; null when nothing. Asked once. */
  takeUrl(): string | null {
    const state = this.#read()
    if (state.fetchesUrl !== null) this.#write({ ...state, fetchesUrl: null })
    return state.fetchesUrl
  }

  /** From the next restart on safeboot runs. */
  switchToSafeboot(fetchesUrl: string | null): void {
    this.#write({ ...this.#read(), program: 'safeboot', fetchesUrl })
  }

  /** An application was written: it is started at the next restart. */
  applicationWritten(): void {
    if (this.hasSafeboot) this.#write({ ...this.#read(), awaits: this.#board.state.pendingSlot })
  }

  /** Finds out at a boot what became of a written application. */
  settle(): void {
    if (!this.hasSafeboot) return
    const state = this.#read()
    const { activeSlot } = this.#board.state
    if (state.awaits !== null) {
      const isStarted = activeSlot === state.awaits
      this.#write({ ...state, awaits: null, appSlot: activeSlot, program: isStarted ? 'app' : 'safeboot' })
    } else if (state.appSlot !== activeSlot) this.#write({ ...state, appSlot: activeSlot, program: 'safeboot' })
  }

  #read(): LayoutState {
    const bytes = this.#board.flash.read(FILE)
    if (bytes === null) {
      return { program: 'app', awaits: null, appSlot: this.#board.state.activeSlot, fetchesUrl: null }
    }
    // Written below and by nobody else.
    return JSON.parse(new TextDecoder().decode(bytes)) as LayoutState
  }

  #write(state: LayoutState): void {
    this.#board.flash.write(FILE, new TextEncoder().encode(JSON.stringify(state)))
  }
}
