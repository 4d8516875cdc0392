/** What ArduinoOTA announces: its UDP port, and whether it wants a password (ArduinoOTA.cpp, ESPmDNS enableArduino). */
import type { AnnouncedEndpoint, Announcement } from '../../discovery/announcement.ts'

export function readArduinoAnnouncement({ type, port, txt }: Announcement): AnnouncedEndpoint | null {
  if (type !== '_arduino._tcp') return null
  const endpoint = { scheme: 'udp', port } as const
  if (txt.get('auth_upload')?.toLowerCase() !== 'yes') return endpoint
  return { ...endpoint, notes: [{ en: 'Updates want a password.', vi: 'Cập nhật cần mật khẩu.' }] }
}
