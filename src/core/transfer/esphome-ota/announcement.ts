/** What ESPHome's announcement of its native API says about the update service beside it. */
import type { AnnouncedEndpoint, Announcement } from '../../discovery/announcement.ts'

/** ESPHome, components/esphome/ota/__init__.py: the port where none is configured, by platform. */
const OTA_PORTS: Readonly<Record<string, number>> = {
  esp8266: 8266,
  rp2040: 2040,
  rp2350: 2040,
  bk72xx: 8892,
  rtl87xx: 8892,
  ln882x: 8892,
}
const ESP32_OTA_PORT = 3232

/** The announced port is the one of the API; updates are taken at another. */
export function readEsphomeAnnouncement({ type, txt }: Announcement): AnnouncedEndpoint | null {
  if (type !== '_esphomelib._tcp') return null
  const platform = (txt.get('platform') ?? '').trim().toLowerCase()
  const port = Object.hasOwn(OTA_PORTS, platform) ? (OTA_PORTS[platform] ?? ESP32_OTA_PORT) : ESP32_OTA_PORT
  return { scheme: 'tcp', port }
}
