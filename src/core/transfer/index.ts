/** THE LIST of transfer protocols. */
import { arduinoOta } from './arduino-ota/protocol.ts'
import { elegantOta } from './elegant-ota/protocol.ts'
import { espParts } from './esp-parts/protocol.ts'
import { espSerial } from './esp-serial/protocol.ts'
import { esphomeOta } from './esphome-ota/protocol.ts'
import { guidChunks } from './guid-chunks/protocol.ts'
import { fotaPull } from './fota-pull/protocol.ts'
import { httpUpdate } from './http-update/protocol.ts'
import { resumable } from './resumable/protocol.ts'
import { stm32Bridge } from './stm32-bridge/protocol.ts'
import { stm32Serial } from './stm32-serial/protocol.ts'
import { tasmota } from './tasmota/protocol.ts'
import type { TransferProtocol } from './transfer-protocol.ts'
import { ymodem } from './ymodem/protocol.ts'

export const transferProtocols: readonly TransferProtocol[] = [
  espParts,
  resumable,
  guidChunks,
  elegantOta,
  httpUpdate,
  tasmota,
  arduinoOta,
  esphomeOta,
  fotaPull,
  stm32Bridge,
  stm32Serial,
  ymodem,
  // Last of those on serial lines: its question restarts the board, the others only listen or send one byte.
  espSerial,
]
