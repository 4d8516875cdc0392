/** What a virtual board keeps in flash about itself: slots, boots, the unfinished session, what was stored. */
import type { AppDescription } from './esp-image.ts'
import type { FlashStorage } from './flash-storage.ts'

export type SlotIndex = 0 | 1
export type ResetReason = 'power-on' | 'software' | 'panic'

export interface UploadSession {
  readonly target: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly chunkBytes: number
}

export interface StoredUpload {
  readonly sizeBytes: number
  /** What the client declared; null for an upload without a session. */
  readonly sha256: string | null
  readonly chunkBytes: number | null
  /** The slot that holds the content; null when it is a file. */
  readonly slot: SlotIndex | null
}

export interface SlotContent {
  readonly sizeBytes: number
  readonly app: AppDescription | null
}

export interface BoardState {
  version: 1
  bootCount: number
  resetReason: ResetReason
  activeSlot: SlotIndex
  slots: [SlotContent | null, SlotContent | null]
  /** The slot to try at the next boot. */
  pendingSlot: SlotIndex | null
  otaState: 'valid' | 'pending_verify'
  /** Why the bootloader refused the last new image; null when it did not. */
  refusedImage: string | null
  session: UploadSession | null
  stored: Record<string, StoredUpload>
}

const STATE_FILE = 'state.json'
const STATE_VERSION = 1

/** Reads the state of an earlier run; null for a board that was never switched on. */
export function loadBoardState(flash: FlashStorage): BoardState | null {
  const bytes = flash.read(STATE_FILE)
  if (bytes === null) return null
  // Written by saveBoardState alone, into a folder of ours; the version tells other shapes apart.
  const state = JSON.parse(new TextDecoder().decode(bytes)) as Omit<BoardState, 'version'> & { version: number }
  if (state.version !== STATE_VERSION) return null
  return { ...state, version: STATE_VERSION, stored: Object.assign(noUploads(), state.stored) }
}

export function saveBoardState(flash: FlashStorage, state: BoardState): void {
  flash.write(STATE_FILE, new TextEncoder().encode(JSON.stringify(state)))
}

export function newBoardState(): BoardState {
  return {
    version: STATE_VERSION,
    bootCount: 0,
    resetReason: 'power-on',
    activeSlot: 0,
    slots: [null, null],
    pendingSlot: null,
    otaState: 'valid',
    refusedImage: null,
    session: null,
    stored: noUploads(),
  }
}

// Without a prototype: a target may be called `__proto__`.
function noUploads(): Record<string, StoredUpload> {
  return Object.create(null) as Record<string, StoredUpload>
}

export function slotFile(slot: SlotIndex): string {
  return `ota_${String(slot)}.bin`
}

export function otherSlot(slot: SlotIndex): SlotIndex {
  return slot === 0 ? 1 : 0
}
