/** What the protocols tell about finding their boards, as the sources of devices and a search take it. */
import type { AnnouncementReader } from '../discovery/announcement.ts'
import type { SearchPort } from '../discovery/scan.ts'
import { evidenceLevels } from '../../shared/contract/models.ts'
import type { TransferProtocol } from './transfer-protocol.ts'

export function announcementReaders(protocols: readonly TransferProtocol[]): AnnouncementReader[] {
  return protocols.map(protocol => ({
    protocol: protocol.descriptor.id,
    rank: rankOf(protocol),
    read: service => protocol.readAnnouncement?.(service) ?? null,
  }))
}

/** What it always reaches counts before what only some devices reach. */
function rankOf({ descriptor: { reach } }: TransferProtocol): number {
  const highest = (answer: 'yes' | 'probe'): number =>
    evidenceLevels.findLastIndex(level => reach[level] === answer) + 1
  return highest('yes') * evidenceLevels.length + highest('probe')
}

/** Where boards of these protocols listen, each port once. */
export function searchPorts(protocols: readonly TransferProtocol[]): SearchPort[] {
  const ports = protocols.flatMap(({ searchPorts: own, descriptor }): readonly SearchPort[] => {
    if (own !== undefined) return own
    return descriptor.endpoints.includes('http') ? [{ scheme: 'http', port: 80 }] : []
  })
  return [...new Map(ports.map(place => [place.port, place])).values()]
}
