/** Finds out by which of its adapters this computer would send to a network. Sends nothing. */
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'

/** Where nobody listens; a connected UDP socket only looks the route up. */
const DISCARD_PORT = 9

export type FindRoute = (network: { readonly address: string; readonly netmask: string }) => Promise<string | null>

/** The name and address of another adapter that owns the route to this network; null when its own adapter does. */
export const findForeignRoute: FindRoute = async ({ address, netmask }) => {
  const local = await localAddressTowards(neighbour(address, netmask))
  // No route at all shows as a fault of sending.
  if (local === null || local === address) return null
  const owner = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some(one => one.address === local),
  )
  return owner === undefined ? null : `${owner[0]} (${local})`
}

function localAddressTowards(peer: string): Promise<string | null> {
  return new Promise(resolve => {
    const socket = createSocket('udp4')
    const end = (address: string | null): void => {
      socket.removeAllListeners()
      socket.on('error', () => undefined)
      socket.close()
      resolve(address)
    }
    socket.once('error', () => {
      end(null)
    })
    socket.connect(DISCARD_PORT, peer, (fault?: Error) => {
      end(fault === undefined ? socket.address().address : null)
    })
  })
}

/** Another address of the same network: the first one, or the second where this computer has the first. */
function neighbour(address: string, netmask: string): string {
  const mask = numberOf(netmask)
  const own = numberOf(address)
  const first = ((own & mask) | 1) >>> 0
  return textOf(first === own ? ((own & mask) | 2) >>> 0 : first)
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0)
}

function textOf(number: number): string {
  return [24, 16, 8, 0].map(shift => String((number >>> shift) & 0xff)).join('.')
}
