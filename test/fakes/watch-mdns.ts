/** A process that listens with the mDNS source and prints each new state as a JSON line and ends when a board is away. */
import { systemClock } from '../../src/core/clock.ts'
import { createDiscovery } from '../../src/core/discovery/discovery.ts'
import { createMdnsSource } from '../../src/core/discovery/mdns.ts'

const discovery = createDiscovery({
  home: process.argv[2] ?? '',
  clock: systemClock,
  sources: [createMdnsSource()],
  onChanged: ({ key, target, present, place, appVersion }) => {
    console.log(JSON.stringify({ key, target, present, place, appVersion }))
    if (present !== false) return
    console.log(JSON.stringify(discovery.channels()))
    void discovery.close().then(() => process.exit(0))
  },
  onRemoved: () => undefined,
  onChannels: () => undefined,
})
discovery.start()
