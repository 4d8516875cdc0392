/** Finds the address of this computer that a target names: the server listens there and nowhere else. */
import { isIP } from 'node:net'
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'
import { FlashproofError } from '../../../shared/errors.ts'

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>

/**
 * @param name an interface's name, or one of the addresses of this computer; may be percent-encoded
 * @returns an address to bind to; of an interface with several the first of IPv4, else of IPv6, a link-local one with its
 *   zone
 * @throws {FlashproofError} target.invalid naming the interfaces that there are
 */
export function localAddress(name: string, interfaces: Interfaces = networkInterfaces()): string {
  const wanted = decoded(name).replace(/^\[|\]$/g, '')
  const places = Object.entries(interfaces).flatMap(([place, addresses = []]) =>
    addresses.map(info => ({ place, ...info, bound: withZone(place, info) })),
  )
  if (isIP(wanted.replace(/%.*$/, '')) !== 0) {
    const own = places.find(({ address, bound }) => same(address, wanted) || same(bound, wanted))
    if (own !== undefined) return own.bound
    // The whole of 127.0.0.0/8 is this computer's, although only one address of it is listed.
    if (/^127\.\d+\.\d+\.\d+$/.test(wanted)) return wanted
    throw unknownPlace(wanted, 'is no address of this PC', interfaces)
  }
  const ofInterface = places.filter(({ place }) => same(place, wanted))
  const found =
    ofInterface.find(({ family }) => family === 'IPv4') ??
    ofInterface.find(({ address }) => !address.toLowerCase().startsWith('fe80:')) ??
    ofInterface[0]
  if (found !== undefined) return found.bound
  throw unknownPlace(wanted, 'is no network interface of this PC, or has no address', interfaces)
}

/** Writes an address as it stands in a URL. */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address.replace('%', '%25')}]` : address
}

/** An IPv4 address that came over an IPv6 socket, as itself. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
}

function withZone(place: string, info: NetworkInterfaceInfo): string {
  const { address } = info
  if (info.family !== 'IPv6' || !address.toLowerCase().startsWith('fe80:')) return address
  return `${address}%${process.platform === 'win32' ? String(info.scopeid) : place}`
}

function unknownPlace(name: string, what: string, interfaces: Interfaces): FlashproofError {
  const known = Object.entries(interfaces).map(
    ([place, addresses = []]) => `${place} (${addresses.map(({ address }) => address).join(', ')})`,
  )
  return new FlashproofError('target.invalid', `“${name}” ${what}; there are ${known.join('; ')}`, {
    interface: name,
    known,
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function same(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}
