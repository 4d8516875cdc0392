/** Reads the range of addresses that a person wants searched, and refuses what is not theirs to search. */
import { FlashproofError } from '../../shared/errors.ts'

/** A /20. */
export const MAXIMUM_HOSTS = 4_096

export interface ScanRange {
  /** As it was written. */
  readonly text: string
  readonly addresses: readonly string[]
}

/** Networks at home, in a workshop, on this computer itself (RFC 1918, 3927, 1122). */
const PRIVATE_NETWORKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '127.0.0.0/8']

/**
 * @param text `192.168.4.0/24`, or one address
 * @param options.ownNetworks of this computer's interfaces, as `ADDRESS/PREFIX`
 * @param options.isPublicAllowed whether a person said that addresses on the internet are meant
 * @throws {FlashproofError} scan.range-invalid, scan.range-too-large, scan.range-public
 */
export function parseScanRange(
  text: string,
  options: { readonly ownNetworks: readonly string[]; readonly isPublicAllowed: boolean },
): ScanRange {
  const network = parseNetwork(text.trim())
  if (network === null) {
    const why = `“${text}” is not a range of IPv4 addresses`
    throw new FlashproofError('scan.range-invalid', why, { range: text })
  }
  const { first, last } = network
  const count = last - first + 1
  if (count > MAXIMUM_HOSTS) {
    const why = `${text} holds ${String(count)} addresses; at most ${String(MAXIMUM_HOSTS)} (a /20) are searched at once`
    throw new FlashproofError('scan.range-too-large', why, { range: text, count, maximum: MAXIMUM_HOSTS })
  }
  const allowed = [...PRIVATE_NETWORKS, ...options.ownNetworks].flatMap(own => parseNetwork(own) ?? [])
  const isOwn = allowed.some(own => own.first <= first && last <= own.last)
  if (!isOwn && !options.isPublicAllowed) {
    const why = `${text} is neither a private range nor a network of this computer`
    throw new FlashproofError('scan.range-public', why, { range: text })
  }
  // The first address of a network means the network itself, the last one everybody on it.
  const edge = count > 2 ? 1 : 0
  const addresses = Array.from({ length: count - 2 * edge }, (_, index) => textOf(first + edge + index))
  return { text: text.trim(), addresses }
}

/** The networks of this computer's own interfaces. */
export function ownNetworks(
  interfaces: readonly { readonly address: string | null; readonly netmask: string | null }[],
): string[] {
  return interfaces.flatMap(({ address, netmask }) => {
    if (address === null || netmask === null) return []
    const mask = numberOf(netmask)
    return mask === null ? [] : [`${address}/${String(mask.toString(2).replaceAll('0', '').length)}`]
  })
}

function parseNetwork(text: string): { readonly first: number; readonly last: number } | null {
  const [, address, prefixText = '32'] = /^(\d{1,3}(?:\.\d{1,3}){3})(?:\/(\d{1,2}))?$/.exec(text) ?? []
  const number = address === undefined ? null : numberOf(address)
  const prefix = Number(prefixText)
  if (number === null || prefix > 32) return null
  const size = 2 ** (32 - prefix)
  const first = Math.floor(number / size) * size
  return { first, last: first + size - 1 }
}

function numberOf(address: string): number | null {
  const parts = address.split('.').map(Number)
  return parts.some(part => part > 255) ? null : parts.reduce((sum, part) => sum * 256 + part, 0)
}

function textOf(number: number): string {
  return [24, 16, 8, 0].map(shift => String(Math.floor(number / 2 ** shift) % 256)).join('.')
}
