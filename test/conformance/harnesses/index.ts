/** THE LIST of harnesses: every transfer protocol must have one here. */
import { arduinoOtaBoards } from './arduino-ota.ts'
import { elegantOtaBoards } from './elegant-ota.ts'
import { espSerialBoards, portUnderTest } from './esp-serial.ts'
import { esphomeBoards } from './esphome-ota.ts'
import { boardAt, virtualBoards } from './esp-parts.ts'
import { guidServers } from './guid-chunks.ts'
import { pullingBoards } from './fota-pull.ts'
import { httpUpdateBoards } from './http-update.ts'
import { resumableServers } from './resumable.ts'
import { stm32Gateways } from './stm32-bridge.ts'
import { stm32Chips } from './stm32-serial.ts'
import { tasmotaBoards } from './tasmota.ts'
import type { TransferHarness } from './transfer-harness.ts'
import { ymodemBootloaders } from './ymodem.ts'

export const harnesses: readonly TransferHarness[] = [
  virtualBoards,
  ...resumableServers,
  ...guidServers,
  ...elegantOtaBoards,
  ...httpUpdateBoards,
  ...tasmotaBoards,
  ...arduinoOtaBoards,
  ...esphomeBoards,
  ...pullingBoards,
  ...stm32Gateways,
  ...stm32Chips,
  ...ymodemBootloaders,
  ...espSerialBoards,
]

/** The same suite on real boards, as far as the environment names some. */
export function hardwareHarnesses(environment: NodeJS.ProcessEnv): readonly TransferHarness[] {
  const { FLASHPROOF_TEST_HOST: host = '', FLASHPROOF_TEST_PORT: port = '' } = environment
  return [...(host === '' ? [] : [boardAt(host)]), ...(port === '' ? [] : [portUnderTest(port)])]
}
