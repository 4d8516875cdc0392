/** The kind `esp-serial` of virtual devices: boards with an Espressif chip on a serial port. */
import type { DeviceKind } from '../device-kind.ts'
import { chipModels } from './chip-table.ts'
import { espSerialFaults } from './esp-faults.ts'
import type { EspSerialOptions } from './esp-board.ts'
import { startVirtualEspSerial } from './virtual-esp-serial.ts'

const MIB = 1024 * 1024

/** `esp32-s3` and so on: the board has that chip. */
const chipTraits = Object.fromEntries(chipModels.map(({ name }) => [name.toLowerCase(), { chip: name }]))

const traits: Readonly<Record<string, EspSerialOptions>> = {
  ...chipTraits,
  '2mb': { flashBytes: 2 * MIB },
  '8mb': { flashBytes: 8 * MIB },
  '16mb': { flashBytes: 16 * MIB },
  blank: { factory: 'blank' },
  'factory-only': { factory: 'factory-only' },
  'factory-and-ota': { factory: 'factory-and-ota' },
  'moved-table': { tableOffset: 0x1_0000 },
  'usb-jtag': { wiring: 'usb-serial-jtag', chip: 'ESP32-S3' },
  'no-lines': { wiring: 'none' },
  raw: { carrier: 'raw', wiring: 'none', isSelfPowered: true },
  pty: { carrier: 'pty', wiring: 'none' },
  sdm: { isSecureDownload: true, chip: 'ESP32-S3' },
  'secure-boot': { hasSecureBoot: true },
  encrypted: { isEncrypted: true },
  'line-rate': { keepsRate: true },
  latency: { latencyMs: 16 },
  instant: { timeScale: 0, bootMs: 0, confirmMs: 0 },
}

export const espSerialKind: DeviceKind = {
  id: 'esp-serial',
  traits,
  faults: espSerialFaults,
  start: options => startVirtualEspSerial(options),
}
