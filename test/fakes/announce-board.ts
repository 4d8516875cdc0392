/** A process that announces one board over mDNS until it is told to end, then says goodbye. Only for namespaces. */
import { Bonjour } from 'bonjour-service'

const address = process.argv[2] ?? ''
// The types know neither `interface` nor `bind`.
const bonjour = new Bonjour({ interface: address, bind: '0.0.0.0' } as Record<string, unknown>, () => undefined)
bonjour.publish({
  name: 'kitchen',
  type: 'http',
  port: 80,
  host: 'kitchen.local',
  probe: false,
  disableIPv6: true,
  txt: { mac: 'A0B7650F12CD', platform: 'ESP32', project_name: 'thermostat', project_version: '2.1.4' },
})
process.on('SIGTERM', () => {
  bonjour.unpublishAll(() => {
    bonjour.destroy(() => process.exit(0))
  })
})
