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

/** Each names one board alone; the first that both tell decides. */
const namingFields = ['mac', 'id', 'usbSerial'] as const
/** What many boards share: a difference shows another board, equality shows little. */
const describingFields = ['chip', 'board'] as const

/**
 * Compares two identities by the strongest thing that both tell.
 * @returns `unknown` where they share nothing to compare
 */
export function compareIdentity(earlier: DeviceIdentity, now: DeviceIdentity): 'same' | 'other' | 'unknown' {
  for (const field of namingFields) {
    const isSame = isEqual(earlier[field], now[field])
    if (isSame !== null) return isSame ? 'same' : 'other'
  }
  const described = describingFields.map(field => isEqual(earlier[field], now[field]))
  if (described.includes(false)) return 'other'
  return described.includes(true) ? 'same' : 'unknown'
}

/** Null where one of them tells nothing. */
function isEqual(earlier: string | undefined, now: string | undefined): boolean | null {
  return earlier === undefined || now === undefined ? null : earlier.toLowerCase() === now.toLowerCase()
}
