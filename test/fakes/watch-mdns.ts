/** A process that listens with the mDNS source and prints each new state as a JSON line and ends when a board is away. */
import type { AnnouncementReader } from '../../src/core/discovery/announcement.ts'
import { systemClock } from '../../src/core/clock.ts'
import { createDiscovery } from '../../src/core/discovery/discovery.ts'
import { createMdnsSource } from '../../src/core/discovery/mdns.ts'

const readers: AnnouncementReader[] = [
  {
    protocol: 'an-ota',
    rank: 1,
    read: ({ type, port }) => (type === '_arduino._tcp' ? { scheme: 'udp', port } : null),
  },
]

const discovery = createDiscovery({
  home: process.argv[2] ?? '',
  clock: systemClock,
  sources: [createMdnsSource({ readers })],
  onChanged: ({ key, target, present, place, appVersion, protocols }) => {
    console.log(JSON.stringify({ key, target, present, place, appVersion, protocols }))
    if (present !== false) return
    console.log(JSON.stringify(discovery.channels()))
    void discovery.close().then(() => process.exit(0))
  },
  onRemoved: () => undefined,
  onChannels: () => undefined,
})
discovery.start()
