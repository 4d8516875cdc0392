/** What the protocols read from announcements, as the sources of devices take it. */
import type { AnnouncementReader } from '../discovery/announcement.ts'
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
