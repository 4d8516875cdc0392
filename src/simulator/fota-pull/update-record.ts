/** What a pulling device keeps in flash over a restart: which update it restarted for, and what it still has to report. */
import type { SlotIndex } from '../board/board-state.ts'
import type { FlashStorage } from '../board/flash-storage.ts'

export interface UpdateRecord {
  /** Version of the manifest. */
  readonly version: string
  /** The slot that ran before. */
  readonly fromSlot: SlotIndex
  /** What is to be said after the boot; null when it was said. */
  readonly unreported: 'outcome' | null
  /** Boots of the new firmware that did not last. */
  readonly failedBoots: number
  /** Why it went back to what it ran before; null when it did not. */
  readonly rollbackReason: string | null
}

const FILE = 'fota.json'

export function loadUpdateRecord(flash: FlashStorage): UpdateRecord | null {
  const bytes = flash.read(FILE)
  // Written by saveUpdateRecord alone, into a folder of ours.
  return bytes === null ? null : (JSON.parse(new TextDecoder().decode(bytes)) as UpdateRecord)
}

export function saveUpdateRecord(flash: FlashStorage, record: UpdateRecord): void {
  flash.write(FILE, new TextEncoder().encode(JSON.stringify(record)))
}
