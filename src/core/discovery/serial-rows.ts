/**
 * Keeps the rows of serial ports steady: a board that restarts leaves the bus for a moment, one with a bad cable comes and
 * goes. Pure but for what it keeps.
 */
import type { DeviceEntry } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'

/** A board that restarts keeps its row that long, marked as away; so does one that is followed to another path. */
export const REENUMERATION_MS = 10_000
/** Up and down so often within ten seconds is no restart. */
const UNSTABLE_LOSSES = 3
const UNSTABLE_MS = 10_000

interface Row {
  readonly entry: DeviceEntry
  readonly awaySinceMs: number | null
  /** When it went, the last ten seconds. */
  readonly lossesMs: readonly number[]
  /** How the row looks while it is unstable. */
  readonly unstable: DeviceEntry | null
}

export class SerialRows {
  #rows = new Map<string, Row>()

  /** Takes in what is there now. @param nowMs monotonic */
  take(present: readonly DeviceEntry[], nowMs: number): void {
    const rows = new Map<string, Row>()
    const targets = new Set(present.map(entry => entry.target))
    for (const [key, row] of this.#rows) {
      const lossesMs = row.lossesMs.filter(lostMs => nowMs - lostMs < UNSTABLE_MS)
      if (present.some(entry => entry.key === key)) {
        rows.set(key, { ...row, lossesMs })
        continue
      }
      const awaySinceMs = row.awaySinceMs ?? nowMs
      // Its path belongs to another board now.
      if (targets.has(row.entry.target) || nowMs - awaySinceMs >= REENUMERATION_MS) continue
      const losses = row.awaySinceMs === null ? [...lossesMs, nowMs] : lossesMs
      rows.set(key, settle({ ...row, entry: { ...row.entry, present: false }, awaySinceMs, lossesMs: losses }))
    }
    for (const entry of present) {
      const known = rows.get(entry.key)
      const kept = { lossesMs: known?.lossesMs ?? [], unstable: known?.unstable ?? null }
      rows.set(entry.key, settle({ entry, awaySinceMs: null, ...kept }))
    }
    this.#rows = rows
  }

  /** A row that comes and goes looks the same all the while. */
  entries(): DeviceEntry[] {
    return [...this.#rows.values()].map(({ entry, unstable }) => unstable ?? entry)
  }

  /** Whether a port has been there since it was last told of. */
  isPresent(key: string): boolean {
    return this.#rows.get(key)?.awaySinceMs === null
  }
}

function settle(row: Row): Row {
  if (row.lossesMs.length < UNSTABLE_LOSSES) return { ...row, unstable: null }
  if (row.unstable !== null) return row
  return { ...row, unstable: { ...row.entry, present: false, notes: [unstableText, ...(row.entry.notes ?? [])] } }
}

export const unstableText: LocalText = {
  en: 'Up and down again and again: a bad cable or hub, or a board that restarts all the time. Change the cable, plug it in without a hub.',
  vi: 'Kết nối chập chờn liên tục: cáp hoặc hub hỏng, hoặc bo mạch cứ khởi động lại. Hãy đổi cáp và cắm trực tiếp, không qua hub.',
}
