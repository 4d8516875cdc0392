/** The kind `stm32-bridge` of virtual devices: ESP32 gateways that program an STM32 over its UART. */
import { instantTimes } from '../board/board-options.ts'
import type { DeviceKind } from '../device-kind.ts'
import { stm32BridgeFaults } from './bridge-faults.ts'
import { startVirtualStm32Bridge, type Stm32BridgeOptions } from './virtual-stm32-bridge.ts'

const traits = {
  status: { status: true },
  telemetry: { telemetry: true },
  psram: { hasPsram: true },
  'real-time': { timeScale: 1 },
  instant: { ...instantTimes, timeScale: 0 },
} as const satisfies Record<string, Stm32BridgeOptions>

export const stm32BridgeKind: DeviceKind = {
  id: 'stm32-bridge',
  traits,
  faults: stm32BridgeFaults,
  start: options => startVirtualStm32Bridge(options),
}
