/** The network interfaces of this computer on which boards can be. */
import { readFileSync } from 'node:fs'
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'
import type { InterfaceAddress } from './mdns-interface.ts'

/** Linux, include/uapi/linux/if.h */
const IFF_MULTICAST = 0x1000

/** Without the computer's own loop, and without links to a single other end, on which no board can be. */
export function listInterfaces(): InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) => {
    const place = interfaceOf(name, addresses)
    if (place === null) return []
    return [refusesMulticast(name) ? { ...place, refusal: new Error('it is turned off for this adapter') } : place]
  })
}

/** @returns null where no board can be */
export function interfaceOf(name: string, addresses: readonly NetworkInterfaceInfo[]): InterfaceAddress | null {
  const outside = addresses.filter(({ internal }) => !internal)
  const ipv4 = outside.find(({ family, netmask }) => family === 'IPv4' && netmask !== '255.255.255.255')
  const linkLocal = outside.find(({ family, address }) => family === 'IPv6' && address.startsWith('fe80:'))
  // A link to a single other end has no neighbours over IPv6 either.
  const isPointToPoint = ipv4 === undefined && outside.some(({ family }) => family === 'IPv4')
  const zone = linkLocal === undefined || isPointToPoint ? null : zoneOf(name, linkLocal)
  if (ipv4 === undefined && zone === null) return null
  return {
    name,
    address: ipv4?.address ?? null,
    netmask: ipv4?.netmask ?? null,
    zone,
    isUnconfigured: outside.every(({ family, address }) => family === 'IPv6' && address.startsWith('fe80:')),
  }
}

/** Windows numbers its interfaces, the others name them. */
function zoneOf(name: string, info: NetworkInterfaceInfo): string {
  return process.platform === 'win32' && info.family === 'IPv6' ? String(info.scopeid) : name
}

/** Linux alone says beforehand; joining the group succeeds there all the same, and nothing ever comes. */
function refusesMulticast(name: string): boolean {
  if (process.platform !== 'linux') return false
  try {
    return (Number(readFileSync(`/sys/class/net/${name}/flags`, 'latin1')) & IFF_MULTICAST) === 0
  } catch {
    return false
  }
}
