/** What Tasmota announces where its option SetOption55 is on (support_network.ino). */
import type { AnnouncedEndpoint, Announcement } from '../../discovery/announcement.ts'

export function readTasmotaAnnouncement({ type, port, txt }: Announcement): AnnouncedEndpoint | null {
  const isTasmota = type === '_http._tcp' && txt.get('devicetype')?.toLowerCase() === 'tasmota'
  return isTasmota ? { scheme: 'http', port } : null
}
