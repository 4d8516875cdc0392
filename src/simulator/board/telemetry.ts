/** What `GET /telemetry` of a virtual ESP32 answers. */
import { otherSlot } from './board-state.ts'
import type { VirtualBoard } from './board.ts'
import type { JsonValue } from '../python-json.ts'
import type { Random } from '../random.ts'

export function describeTelemetry(
  board: VirtualBoard,
  space: { totalBytes: number; usedBytes: number },
  random: Random,
): { readonly [key: string]: JsonValue } {
  const { id, mac, chip, board: boardName } = board.identity
  const { state, heap, faults } = board
  const app = board.runningApp
  return {
    device: { id, mac, chip, board: boardName },
    uptime_ms: board.uptimeMs,
    boot_count: state.bootCount,
    reset_reason: state.resetReason,
    heap: {
      total: heap.totalBytes,
      free: heap.freeBytes,
      min_free: heap.minimumFreeBytes,
      largest_block: heap.largestBlockBytes,
    },
    flash: { total: space.totalBytes, used: space.usedBytes },
    // Firmware built without a descriptor can tell nothing about itself.
    ...(app === null
      ? {}
      : { app: { name: faults.disguise(app.name), version: faults.disguise(app.version), elf_sha256: app.elfSha256 } }),
    ota: {
      running: `ota_${String(state.activeSlot)}`,
      next: `ota_${String(otherSlot(state.activeSlot))}`,
      state: state.otaState,
    },
    rssi: -50 - random.integer(12),
  }
}
