/** The kind `stm32-serial` of virtual devices: STM32 chips with their system bootloader on a serial line. */
import type { DeviceKind } from '../device-kind.ts'
import { stm32SerialFaults } from './faults.ts'
import { startVirtualStm32Serial, type Stm32SerialOptions } from './virtual-stm32-serial.ts'

const traits = {
  'f103-high': { product: 'f103-high' },
  f407: { product: 'f407' },
  l073: { product: 'l073' },
  g071: { product: 'g071' },
  l412: { product: 'l412' },
  h743: { product: 'h743' },
  'unknown-pid': { product: 'unknown' },
  'old-loader': { protocolVersion: 0x30 },
  wired: { isWired: true },
  'wired-direct': { isWired: true, hasLowBoot0: true },
  rdp: { isReadProtected: true },
  'silent-app': { hasSilentApp: true },
  raw: { carrier: 'raw' },
  pty: { carrier: 'pty' },
  'line-rate': { keepsRate: true },
  latency: { latencyMs: 16 },
  'real-time': { timeScale: 1 },
  instant: { timeScale: 0 },
} as const satisfies Record<string, Stm32SerialOptions>

export const stm32SerialKind: DeviceKind = {
  id: 'stm32-serial',
  namePrefix: 'stm32',
  traits,
  faults: stm32SerialFaults,
  start: options => startVirtualStm32Serial(options),
}
