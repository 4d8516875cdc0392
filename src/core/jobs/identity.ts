/** Who a board is, and whether it is still the same one. Pure. */
import type { DeviceIdentity } from '../../shared/contract/models.ts'

/** A key that names the board across restarts, for locks: MAC, else id, else chip with USB serial; null where it tells none. */
export function identityKey(identity: DeviceIdentity | null): string | null {
  if (identity === null) return null
  if (identity.mac !== undefined) return `mac:${identity.mac.toLowerCase()}`
  if (identity.id !== undefined) return `id:${identity.id}`
  if (identity.usbSerial !== undefined) return `usb:${identity.chip ?? ''}:${identity.usbSerial}`
  return null
}

/**
 * Compares two identities by the strongest thing that both tell.
 * @returns `unknown` where they share nothing to compare
 */
export function compareIdentity(earlier: DeviceIdentity, now: DeviceIdentity): 'same' | 'other' | 'unknown' {
  const fields = ['mac', 'id', 'usbSerial', 'chip', 'board'] as const
  for (const field of fields) {
    const before = earlier[field]?.toLowerCase()
    const after = now[field]?.toLowerCase()
    if (before !== undefined && after !== undefined) return before === after ? 'same' : 'other'
  }
  return 'unknown'
}
