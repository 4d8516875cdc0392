/** The kind `ymodem` of virtual devices: boards whose own bootloader receives YMODEM or XMODEM on a serial line. */
import type { DeviceKind } from '../device-kind.ts'
import { ymodemFaults } from './faults.ts'
import { startVirtualYmodem, type YmodemOptions } from './virtual-ymodem.ts'

const traits = {
  xmodem: { protocol: 'xmodem' },
  checksum: { hasChecksum: true },
  menu: { hasMenu: true },
  raw: { carrier: 'raw' },
  pty: { carrier: 'pty' },
  'line-rate': { keepsRate: true },
  latency: { latencyMs: 16 },
  instant: { pollMs: 50, blockMs: 1000, byteMs: 250, eraseMs: 0, programMs: 0 },
} as const satisfies Record<string, YmodemOptions>

export const ymodemKind: DeviceKind = {
  id: 'ymodem',
  namePrefix: 'board',
  traits,
  faults: ymodemFaults,
  start: options => startVirtualYmodem(options),
}
